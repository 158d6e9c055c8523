"""Logging in and out: with a password, at a provider, or by a link that is good for once."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.api.identity import Identity
from app.api.problems import LOGIN_PATH, problem_of
from app.api.services import Services
from app.api.signed_cookie import SignedCookie
from app.errors import AccessDenied, AppError, LoginLinkRefused, LogInRefused, TooManyAttempts
from app.oidc.errors import SignOnFailed
from app.oidc.sign_on import SignOn
from app.oidc.tokens import ATTEMPT_MINUTES
from app.oidc.types import Attempt, Reply
from app.throttle import Caller
from app.web import pages
from retrieval.types import Principal

CALLBACK_PATH = f"{LOGIN_PATH}/callback"
_READ = ["GET", "HEAD"]
_LONGEST_TEXT = 4096
_KNOWN_SECONDS = 365 * 24 * 3600


def login_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/login`, and `/logout`."""
    router = APIRouter(include_in_schema=False)
    _add_password(router, services, identity)
    _add_provider(router, services, identity)
    _add_once(router, services, identity)

    @router.post("/logout")
    def log_out(request: Request) -> Response:
        token = identity.token(request)
        if token:
            services.own_account.log_out(token, request=request.state.request_id)
        response = RedirectResponse(LOGIN_PATH, status_code=303)
        identity.forget(response)
        return response

    return router


def _add_password(router: APIRouter, services: Services, identity: Identity) -> None:
    known = _KnownBrowser(services)

    @router.api_route(LOGIN_PATH, methods=_READ)
    def show_login(request: Request) -> Response:
        token = identity.token(request)
        if token and services.accounts.session(token):
            return RedirectResponse("/", status_code=303)
        return _login_page(services)

    @router.post(LOGIN_PATH)
    def log_in(
        request: Request,
        name: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
    ) -> Response:
        name = name.strip()
        try:
            if not services.password_login:
                raise AccessDenied("passwords are not taken on this server")
            token = services.own_account.log_in(
                name,
                password,
                agent=_agent(request),
                caller=known.caller(request),
                request=request.state.request_id,
            )
        except (AccessDenied, LogInRefused, TooManyAttempts) as error:
            return _login_page(services, error, name=name)
        response = _logged_in(services, identity, request, token)
        known.remember(request, response, services.accounts.session(token))
        return response


def _add_provider(router: APIRouter, services: Services, identity: Identity) -> None:
    kept = _KeptAttempt(services)

    @router.get(f"{LOGIN_PATH}/provider")
    def begin() -> Response:
        try:
            url, attempt = _sign_on(services).begin()
        except SignOnFailed as error:
            return _login_page(services, error)
        response = RedirectResponse(url, status_code=303)
        kept.put(response, attempt)
        return response

    @router.get(CALLBACK_PATH)
    def finish(
        request: Request,
        state: Annotated[str | None, Query(max_length=_LONGEST_TEXT)] = None,
        code: Annotated[str | None, Query(max_length=_LONGEST_TEXT)] = None,
        error: Annotated[str | None, Query(max_length=_LONGEST_TEXT)] = None,
        iss: Annotated[str | None, Query(max_length=_LONGEST_TEXT)] = None,
    ) -> Response:
        try:
            token = _sign_on(services).finish(
                kept.of(request),
                Reply(state, code, error, iss),
                agent=_agent(request),
                request=request.state.request_id,
            )
        except SignOnFailed as failure:
            response = _login_page(services, failure)
        else:
            response = _logged_in(services, identity, request, token)
        kept.drop(response)
        return response


def _add_once(router: APIRouter, services: Services, identity: Identity) -> None:
    own = services.own_account

    @router.api_route(f"{LOGIN_PATH}/once/{{token}}", methods=_READ)
    def show_link(token: Annotated[str, Path(max_length=200)]) -> Response:
        """Only a form: whatever looks at links before people do must not use them up."""
        try:
            return HTMLResponse(pages.login_link_page(own.of_login_link(token).name, token))
        except LoginLinkRefused as error:
            return _login_page(services, error)

    @router.post(f"{LOGIN_PATH}/once/{{token}}")
    def use_link(request: Request, token: Annotated[str, Path(max_length=200)]) -> Response:
        try:
            session = own.log_in_once(
                token, agent=_agent(request), request=request.state.request_id
            )
        except LoginLinkRefused as error:
            return _login_page(services, error)
        return _logged_in(services, identity, request, session)


class _KnownBrowser:
    """A cookie that says who logged in here with a password: see `app.throttle`.

    It lets nobody in. Signed, so that nobody makes themselves an allowance.
    """

    def __init__(self, services: Services) -> None:
        self._cookie = SignedCookie(
            services, "known", max_age=_KNOWN_SECONDS, salt="assay.known-browser"
        )

    def caller(self, request: Request) -> Caller:
        address = request.client.host if request.client else ""
        match self._cookie.value(request):
            case [int(user), str(browser)]:
                return Caller(address, browser, user)
        return Caller(address)

    def remember(self, request: Request, response: Response, user: Principal | None) -> None:
        if user is not None and self.caller(request).knows != user.id:
            self._cookie.put(response, [user.id, secrets.token_urlsafe(16)])


class _KeptAttempt:
    """A log-in under way at the provider, in a cookie of the browser that began it.

    Signed, and for ten minutes. Its secrets are for this browser anyway: they keep others from
    going on with its log-in, or from having it go on with theirs.
    """

    def __init__(self, services: Services) -> None:
        self._cookie = SignedCookie(
            services, "sign_on", max_age=ATTEMPT_MINUTES * 60, salt="assay.sign-on"
        )

    def put(self, response: Response, attempt: Attempt) -> None:
        self._cookie.put(response, list(attempt))

    def of(self, request: Request) -> Attempt | None:
        match self._cookie.value(request):
            case [str(state), str(nonce), str(verifier)]:
                return Attempt(state, nonce, verifier)
        return None

    def drop(self, response: Response) -> None:
        self._cookie.drop(response)


def _sign_on(services: Services) -> SignOn:
    if services.sign_on is None:
        raise SignOnFailed("no provider to log in at is set up on this server")
    return services.sign_on


def _logged_in(services: Services, identity: Identity, request: Request, token: str) -> Response:
    """To the chat, always: an address to go on to could be made up by others."""
    earlier = identity.token(request)
    if earlier:
        services.own_account.log_out(earlier, request=request.state.request_id)
    response = RedirectResponse("/", status_code=303)
    identity.remember(response, token)
    return response


def _login_page(services: Services, error: AppError | None = None, *, name: str = "") -> Response:
    problem = None if error is None else problem_of(error)
    html = pages.login_page(
        name=name,
        message=None if problem is None else problem.detail,
        provider=None if services.sign_on is None else services.sign_on.provider.name,
        has_password=services.password_login,
    )
    if problem is None:
        return HTMLResponse(html)
    return HTMLResponse(html, problem.status, dict(problem.headers))


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")
