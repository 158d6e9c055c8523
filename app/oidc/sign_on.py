"""Logs in here who logs in at the provider: finds the account, or makes one. It is logged."""

from app.accounts import Accounts
from app.administration import Administration
from app.audit import Actor, AuditLog, object_of
from app.identities import Identities
from app.oidc.client import OidcClient
from app.oidc.errors import NoAccountHere, SignOnFailed
from app.oidc.types import Attempt, Provider, Reply, Vouched
from app.own_account import OwnAccount
from app.people import People
from retrieval.access import AccessList
from retrieval.errors import NameTaken, NameUnusable
from retrieval.types import Principal

# Who does, in the log, what the provider's word alone has done.
_PROVIDER = "single sign-on"


class SignOn:
    """Begins sessions for whom the provider vouches for."""

    def __init__(
        self,
        client: OidcClient,
        identities: Identities,
        access: AccessList,
        people: People,
        accounts: Accounts,
        administration: Administration,
        own_account: OwnAccount,
        audit: AuditLog,
    ) -> None:
        self._client = client
        self._identities = identities
        self._access = access
        self._people = people
        self._accounts = accounts
        self._administration = administration
        self._own_account = own_account
        self._audit = audit

    @property
    def provider(self) -> Provider:
        """Where people log in."""
        return self._client.provider

    def begin(self) -> tuple[str, Attempt]:
        """Where to send somebody, and what their browser keeps; see `OidcClient.begin`."""
        return self._client.begin()

    def finish(
        self, attempt: Attempt | None, reply: Reply, *, agent: str, request: str | None
    ) -> str:
        """Begin a session, and return its token. Refusals stand in the log as well.

        Raises:
            SignOnFailed: it says what is wrong.
        """
        vouched: Vouched | None = None
        try:
            vouched = self._client.finish(attempt, reply)
            user = self._account(vouched, request)
        except SignOnFailed as error:
            subject = None if vouched is None else vouched.subject
            owner = None if subject is None else self._owner(subject)
            self._own_account.note_refusal(request, owner, reason=error.reason, subject=subject)
            raise
        self._follow_groups(user, vouched, request)
        self._identities.seen(self.provider.issuer, vouched.subject)
        token = self._accounts.sessions.begin(user, agent)
        actor = Actor(user.id, user.name, request=request)
        self._audit.record(actor, "login.succeeded", by=_PROVIDER)
        return token

    def _owner(self, subject: str) -> Principal | None:
        return self._identities.owner(self.provider.issuer, subject)

    def _account(self, vouched: Vouched, request: str | None) -> Principal:
        user = self._owner(vouched.subject)
        if user is None:
            return self._new_account(vouched, request)
        if self._people.is_disabled(user):
            raise NoAccountHere(f"the account {user.name!r} is disabled; ask an administrator")
        return user

    def _new_account(self, vouched: Vouched, request: str | None) -> Principal:
        provider = self.provider
        tying = f"`assay user tie NAME {vouched.subject}`"
        if not provider.creates_accounts:
            raise NoAccountHere(
                f"you have no account here yet; an administrator can tie one to your log-in at "
                f"{provider.name} with {tying}"
            )
        if not vouched.name:
            raise NoAccountHere(
                f"{provider.name} does not say what your account is to be called (the claim "
                f"{provider.name_claim!r} is missing); ask an administrator"
            )
        try:
            user = self._access.add_user(vouched.name)
        except NameTaken as error:
            if (user_now := self._owner(vouched.subject)) is not None:  # two first log-ins at once
                return user_now
            raise NoAccountHere(
                f"there is an account {vouched.name!r} already that is not tied to your log-in at "
                f"{provider.name}; if it is yours, an administrator can tie it with {tying}"
            ) from error
        except NameUnusable as error:
            raise NoAccountHere(
                f"your name at {provider.name} cannot be the name of an account; ask an "
                "administrator"
            ) from error
        self._identities.tie(user, provider.issuer, vouched.subject)
        self._audit.record(
            Actor(None, _PROVIDER, request=request),
            "user.added",
            object_of(user),
            name=user.name,
            subject=vouched.subject,
        )
        return user

    def _follow_groups(self, user: Principal, vouched: Vouched, request: str | None) -> None:
        """Have the user belong to the groups here that the provider names, and to no others."""
        if vouched.groups is None:
            return
        actor = Actor(None, _PROVIDER, request=request)
        for group in self._people.groups():
            is_named = group.principal.name in vouched.groups
            if is_named and user.name not in group.members:
                self._administration.join(actor, user, group.principal)
            elif not is_named and user.name in group.members:
                self._administration.leave(actor, user, group.principal)
