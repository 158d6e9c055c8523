"""What somebody is told when a request fails: in the form their part of the site speaks.

Programs get problem details (RFC 9457) under /api, OpenAI's error object under /v1, and people
get a page. Nobody gets a stack trace: what we did not foresee is logged under a number.
"""

import json
import logging
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.api.guard import add_headers
from app.api.request_log import REQUEST_ID_HEADER
from app.errors import (
    AccessDenied,
    AppError,
    LastAdministrator,
    LoginLinkRefused,
    LogInRefused,
    NotLoggedIn,
    OriginalMissing,
    ParameterRefused,
    PasswordUnusable,
    RequestRefused,
    ServerBusy,
    ServerStopping,
    TooManyAnswers,
    TooManyAttempts,
    TooMuchFeedback,
    UnknownAnswer,
    UnknownConversation,
    UnknownEntry,
    UnknownKey,
    UnknownSource,
    UrlRefused,
)
from app.logs import current_request
from app.oidc.errors import SignOnFailed
from app.web import pages
from evals.errors import EvalsError, UnknownRun, UnknownSuite
from generation.errors import (
    BadDecoding,
    EngineMissing,
    EngineRefused,
    EngineUnavailable,
    GenerationError,
    ModelUnusable,
    QuestionTooLong,
)
from ingestion.errors import IngestionError, JobRefused, UnknownJob
from retrieval.errors import (
    CollectionNotEmpty,
    NameTaken,
    NameUnusable,
    RetrievalError,
    StoreBusy,
    UnknownName,
)

log = logging.getLogger(__name__)

LOGIN_PATH = "/login"
# What we raise on purpose: told to whoever caused it.
FORESEEN = (AppError, EvalsError, GenerationError, IngestionError, RetrievalError)
_RETRY_MODEL_SECONDS = 10
_MACHINE_PATHS = ("/metrics", "/api/", "/healthz", "/readyz", "/openapi.json", "/static/")


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, before it is put in a form. `parameter` is the field to blame, if any."""

    status: int
    detail: str
    code: str | None = None
    parameter: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase


class _Plain(NamedTuple):
    """What an error is told as, whose own words say the rest."""

    status: int
    code: str | None = None
    parameter: str | None = None


_PLAIN: Mapping[type[Exception], _Plain] = MappingProxyType(
    {
        AccessDenied: _Plain(403, "access_denied"),
        CollectionNotEmpty: _Plain(409, "not_empty"),
        JobRefused: _Plain(409, "job_state"),
        LastAdministrator: _Plain(409, "last_administrator"),
        LoginLinkRefused: _Plain(410, "link_used"),
        LogInRefused: _Plain(401),
        OriginalMissing: _Plain(409, "original_missing"),
        NameTaken: _Plain(409, "name_taken", "name"),
        NameUnusable: _Plain(422, "name_unusable", "name"),
        PasswordUnusable: _Plain(422, "password_unusable", "password"),
        UnknownAnswer: _Plain(404),
        UnknownConversation: _Plain(404),
        UnknownEntry: _Plain(404),
        UnknownJob: _Plain(404),
        UnknownKey: _Plain(404),
        UnknownName: _Plain(404),
        UnknownRun: _Plain(404),
        UnknownSource: _Plain(404),
        UnknownSuite: _Plain(404),
    }
)


def problem_of(error: Exception) -> Problem:
    """What to tell about an error. One that was not foreseen is logged, not told."""
    if (plain := _PLAIN.get(type(error))) is not None:
        return Problem(plain.status, str(error), code=plain.code, parameter=plain.parameter)
    if isinstance(error, AppError | EvalsError):
        return _problem_of_ours(error)
    match error:
        case QuestionTooLong() | BadDecoding():
            return Problem(422, str(error))
        case EngineMissing() | EngineUnavailable() | ModelUnusable():
            return _problem_of_model(error)
        case StoreBusy():
            detail = "the database is being written to for longer than usual; try again later"
            return Problem(503, detail, code="server_busy", headers={"Retry-After": "30"})
        case RetrievalError():
            log.error("%s", error)
            return Problem(503, "the search is not ready on this server; its operator knows more")
        case RequestValidationError():
            return _problem_of_fields(error.errors())
        case HTTPException(status_code=404):
            return Problem(404, "there is nothing at this address")
        case HTTPException():
            return Problem(error.status_code, error.detail, headers=error.headers or {})
    number = secrets.token_hex(4)
    log.error("error %s", number, exc_info=error)
    return Problem(
        500, f"something went wrong on the server; its log has the reason as error {number}"
    )


def response_to(request: Request, error: Exception) -> Response:
    """Tell about an error in the form that this part of the site speaks."""
    path = request.url.path
    is_for_people = not path.startswith(("/v1/", *_MACHINE_PATHS))
    if is_for_people and isinstance(error, NotLoggedIn):
        return RedirectResponse(LOGIN_PATH, status_code=303)
    problem = problem_of(error)
    if path.startswith("/v1/"):
        if problem.status == 422:  # OpenAI's status for a wrong field
            problem = replace(problem, status=400)
        body, media_type = json.dumps(openai_error(problem)), "application/json"
    elif is_for_people:
        body, media_type = pages.error_page(problem.title, problem.detail), "text/html"
    else:
        body, media_type = json.dumps(problem_details(problem)), "application/problem+json"
    return Response(body, problem.status, headers=dict(problem.headers), media_type=media_type)


def problem_details(problem: Problem) -> dict[str, object]:
    """The problem as RFC 9457 has it, with the number that the log knows the request by.

    Without `type`: the title is that of the status.
    """
    details: dict[str, object] = {
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "request": current_request.get(),
    }
    if problem.parameter is not None:
        details["parameter"] = problem.parameter
    return details


def openai_error(problem: Problem) -> dict[str, object]:
    """The problem as OpenAI's clients expect it."""
    return {
        "error": {
            "message": problem.detail,
            "type": "invalid_request_error" if problem.status < 500 else "server_error",
            "param": problem.parameter,
            "code": problem.code,
        }
    }


def install_handlers(app: FastAPI) -> None:
    """Have the application answer every error with `response_to`."""

    async def tell(request: Request, error: Exception) -> Response:
        return response_to(request, error)

    async def tell_unforeseen(request: Request, error: Exception) -> Response:
        # This one is sent from outside the layers that set headers.
        response = response_to(request, error)
        add_headers(response.headers, request.url.path)
        response.headers[REQUEST_ID_HEADER] = current_request.get() or ""
        return response

    for kind in (*FORESEEN, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, tell)
    app.add_exception_handler(Exception, tell_unforeseen)


def _problem_of_ours(error: AppError | EvalsError) -> Problem:
    match error:
        case NotLoggedIn():
            headers = {"WWW-Authenticate": "Bearer"}
            return Problem(401, str(error), code="invalid_api_key", headers=headers)
        case TooManyAttempts(wait_seconds=seconds) | TooMuchFeedback(wait_seconds=seconds):
            return Problem(429, str(error), headers={"Retry-After": str(seconds)})
        case TooManyAnswers(retry_seconds=seconds):
            headers = {"Retry-After": str(seconds)}
            return Problem(429, str(error), code="too_many_requests", headers=headers)
        case ServerBusy(retry_seconds=seconds) | ServerStopping(retry_seconds=seconds):
            code = "server_busy" if isinstance(error, ServerBusy) else "server_stopping"
            headers = {"Retry-After": str(seconds)}
            return Problem(503, str(error), code=code, headers=headers)
        case RequestRefused(status=status) | SignOnFailed(status=status):
            return Problem(status, str(error))
        case UrlRefused():
            return Problem(422, str(error))
        case ParameterRefused(status=status, code=code, parameter=parameter):
            return Problem(status, str(error), code=code, parameter=parameter)
        case _:
            return Problem(400, str(error))


def _problem_of_model(error: EngineMissing | EngineUnavailable | ModelUnusable) -> Problem:
    """Their own words are logged only: they name files of this server, or what another one said."""
    log.error("%s", error)
    match error:
        case EngineMissing():
            return Problem(503, "the model that writes answers is missing on this server")
        case ModelUnusable():
            return Problem(503, "the model that verifies is missing or damaged on this server")
        case EngineRefused():
            advice = "leave out settings of decoding, or ask in a new conversation"
            detail = f"the model that writes answers does not take this request; {advice}"
            return Problem(422, detail)
    seconds = max(1, math.ceil(error.retry_seconds or _RETRY_MODEL_SECONDS))
    return Problem(
        503,
        f"the model that writes answers cannot be reached; try again in {seconds} seconds",
        code="engine_unavailable",
        headers={"Retry-After": str(seconds)},
    )


def _problem_of_fields(errors: Sequence[Any]) -> Problem:
    """Names the first field that is wrong. What was sent is not repeated."""
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    if first["type"] == "json_invalid":
        return Problem(400, "the body is not valid JSON")
    message = str(first["msg"]).removeprefix("Value error, ")
    return Problem(422, f"{place or 'body'}: {message}", parameter=place or None)
