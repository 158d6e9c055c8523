"""Who sent a request: the session cookie of a browser, or the API key of a program."""

import hashlib
from dataclasses import replace
from typing import NamedTuple

from fastapi import Request
from itsdangerous import BadSignature, Signer
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.accounts import Accounts
from app.audit import Actor
from app.errors import AccessDenied, NotLoggedIn
from app.scopes import scopes_for, scopes_text
from app.sessions import SESSION_LIMIT, Session
from retrieval.types import Principal

_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
# What changes nothing, is about the page itself, or ends the viewing.
_ALLOWED_WHILE_VIEWING = frozenset(
    {"/api/search", "/api/script-errors", "/logout", "/login", "/view-as/end"}
)


class Asking(NamedTuple):
    """Who asks: whose rights count, who it is in the log, and by which session, if by one."""

    principal: Principal
    actor: Actor
    session: Session | None


class Identity:
    """Reads and writes the session cookie; looks up sessions and keys.

    The cookie holds the session's token, signed: what we did not hand out is refused without a
    look into SQL. `Lax`, not `Strict`: a link to Assay from elsewhere finds its reader logged in.
    What changes something is checked for its origin (see `guard`).
    """

    def __init__(self, accounts: Accounts, secret: bytes, *, is_secure: bool) -> None:
        self._accounts = accounts
        self._signer = Signer(
            secret, salt="assay.session", key_derivation="hmac", digest_method=hashlib.sha256
        )
        self._is_secure = is_secure
        # Under this prefix a browser takes the cookie only over TLS and for this very host.
        self.cookie_name = "__Host-assay_session" if is_secure else "assay_session"

    async def requester(self, request: Request) -> Principal:
        """Whose rights count. An Authorization header is never passed over for a cookie.

        Whoever views Assay as somebody else has that one's rights, and only to look.

        Raises:
            NotLoggedIn: nobody we know.
            AccessDenied: the key was not made for this, or it is more than looking.
        """
        return (await self.asking(request)).principal

    async def actor(self, request: Request) -> Actor:
        """Who asks, as the audit log has it. Raises as `requester`."""
        return (await self.asking(request)).actor

    async def administrator(self, request: Request) -> Principal:
        """Whose rights count, if an administrator's. Raises as `requester`.

        Raises:
            AccessDenied: it is another's.
        """
        requester = await self.requester(request)
        if not requester.is_administrator:
            raise AccessDenied("this is for administrators; ask one of them")
        return requester

    async def in_person(self, request: Request) -> Principal:
        """Who asks, for what is nobody else's to see. Raises as `requester`.

        Raises:
            AccessDenied: an administrator sees Assay as somebody else.
        """
        requester = await self.requester(request)
        if requester.viewed_by is not None:
            raise AccessDenied(
                f"the conversations of {requester.name!r} are seen by nobody else; you see the "
                "rest as they do"
            )
        return requester

    async def session(self, request: Request) -> Session:
        """The session that asks. Raises as `requester`.

        Raises:
            AccessDenied: it is a program with a key.
        """
        session = (await self.asking(request)).session
        if session is None:
            raise AccessDenied("this needs a log-in in a browser; a key cannot do it")
        return session

    async def asking(self, request: Request) -> Asking:
        """Who asks, looked up once for a request. Raises as `requester`.

        As all dependencies here a coroutine: a route has several, and each that is not would take a
        thread of its own, only to be told what is known already.
        """
        known: Asking | None = getattr(request.state, "asking", None)
        if known is None:
            known = await run_in_threadpool(self._asking, request)
            request.state.asking = known
        return known

    def _asking(self, request: Request) -> Asking:
        number = getattr(request.state, "request_id", None)
        authorization = request.headers.get("authorization")
        if authorization is not None:
            return self._asking_by_key(request, authorization, number)
        token = self.token(request)
        session = self._accounts.sessions.find(token) if token else None
        if session is None:
            raise NotLoggedIn(
                "log in, or send an API key as `Authorization: Bearer assay_...`"
                if token is None
                else "the session has ended; log in again"
            )
        owner, other = session.owner, session.viewed_as
        if other is None:
            return Asking(owner, Actor(owner.id, owner.name, request=number), session)
        if request.method not in _HARMLESS and request.url.path not in _ALLOWED_WHILE_VIEWING:
            raise AccessDenied(
                f"you see Assay as {other.name!r} does, and only to look; end that first"
            )
        actor = Actor(owner.id, owner.name, viewed_as=other.name, request=number)
        return Asking(replace(other, viewed_by=owner.name), actor, session)

    def _asking_by_key(self, request: Request, authorization: str, number: str | None) -> Asking:
        scheme, _, key = authorization.partition(" ")
        holder = self._accounts.keys.holder(key.strip()) if key else None
        if scheme.lower() != "bearer" or holder is None:
            raise NotLoggedIn(
                "the API key is unknown, revoked or expired; make one with `assay key create`"
            )
        needed = scopes_for(request.method, request.url.path)
        if not needed:
            raise AccessDenied("this needs a log-in in a browser; a key cannot do it")
        if not needed & holder.scopes:
            raise AccessDenied(
                f"this needs a key with the scope {scopes_text(needed).replace(' ', ' or ')}; this "
                f"one has {scopes_text(holder.scopes)}"
            )
        principal = holder.principal
        actor = Actor(principal.id, principal.name, key_id=holder.key_id, request=number)
        return Asking(principal, actor, None)

    def token(self, request: Request) -> str | None:
        """The session token of the request's cookie; None without one that we signed."""
        try:
            return self._signer.unsign(request.cookies.get(self.cookie_name, "")).decode()
        except (BadSignature, UnicodeError):
            return None

    def remember(self, response: Response, token: str) -> None:
        """Have the browser send this session's token from now on."""
        response.set_cookie(
            self.cookie_name,
            self._signer.sign(token).decode(),
            max_age=int(SESSION_LIMIT.total_seconds()),
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="lax",
        )

    def forget(self, response: Response) -> None:
        """Have the browser drop the cookie."""
        response.delete_cookie(
            self.cookie_name, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )
