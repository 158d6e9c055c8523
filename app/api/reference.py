"""The API as a page, made from the schema here: no script, and nothing of other hosts."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, FastAPI
from starlette.responses import HTMLResponse, Response

from app.api.examples import with_examples
from app.api.identity import Identity
from app.api.wire import encoded
from app.web import pages
from retrieval.types import Principal

_METHODS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 4


class Field(NamedTuple):
    """A field of a request: in the path, the query or a header, or of the body."""

    name: str
    place: str
    kind: str
    is_required: bool
    meaning: str


class Operation(NamedTuple):
    """A route as the page shows it."""

    method: str
    path: str
    summary: str
    details: str
    fields: tuple[Field, ...]
    request: str
    reply: str


def reference_routes(app: FastAPI, identity: Identity) -> APIRouter:
    """`GET /openapi.json` and `GET /docs`, for whoever is logged in."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json", dependencies=[Depends(identity.requester)])
    def schema() -> Response:
        return Response(encoded(with_examples(app.openapi())), media_type="application/json")

    @router.api_route("/docs", methods=["GET", "HEAD"])
    def docs(requester: Annotated[Principal, Depends(identity.requester)]) -> Response:
        groups: dict[str, list[Operation]] = {}
        for tag, operation in operations_of(with_examples(app.openapi())):
            groups.setdefault(tag, []).append(operation)
        html = pages.page("reference.html", requester, here="reference", groups=groups)
        return HTMLResponse(html)

    return router


def operations_of(schema: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    """Each operation of an OpenAPI schema with its group, in the order of the schema."""
    for path, item in schema["paths"].items():
        for method in _METHODS:
            if method in item:
                found = item[method]
                tag = (found.get("tags") or ["questions"])[0]
                yield tag, _operation(schema, method, path, found)


def _operation(
    schema: Mapping[str, Any], method: str, path: str, found: Mapping[str, Any]
) -> Operation:
    words = str(found.get("description") or found.get("summary") or "").strip()
    summary, _, details = words.partition("\n\n")
    fields = [
        Field(
            one["name"],
            one["in"],
            _kind(one.get("schema", {})),
            bool(one.get("required")),
            str(one.get("description") or one.get("schema", {}).get("description") or ""),
        )
        for one in found.get("parameters", ())
    ]
    sent = _json_content(found.get("requestBody", {}))
    body = _resolved(schema, sent.get("schema", {}))
    required = set(body.get("required", ()))
    fields += [
        Field(
            name,
            "body",
            _kind(_resolved(schema, one)),
            name in required,
            one.get("description", ""),
        )
        for name, one in body.get("properties", {}).items()
    ]
    examples = [sent["example"]] if "example" in sent else body.get("examples", [])
    return Operation(
        method.upper(),
        path,
        summary,
        details,
        tuple(fields),
        _shown(examples[0]) if examples else "",
        _reply(found),
    )


def _reply(found: Mapping[str, Any]) -> str:
    for status, response in found.get("responses", {}).items():
        for content in response.get("content", {}).values():
            if str(status).startswith("2") and "example" in content:
                example = content["example"]
                return example if isinstance(example, str) else _shown(example)
    return ""


def _json_content(part: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = part.get("content", {}).get("application/json", {})
    return found


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference stands for; the first of several possibilities that is not null."""
    for _ in range(_DEEPEST):
        if "$ref" in part:
            part = schema["components"]["schemas"][part["$ref"].rsplit("/", 1)[-1]]
        elif options := [one for one in part.get("anyOf", ()) if one.get("type") != "null"]:
            part = options[0]
    return part


def _kind(part: Mapping[str, Any]) -> str:
    """The type of a field in words."""
    if "enum" in part:
        return " | ".join(str(one) for one in part["enum"])
    if options := part.get("anyOf"):
        return " or ".join(dict.fromkeys(_kind(one) for one in options))
    if "items" in part:
        return f"list of {_kind(part['items'])}"
    if "$ref" in part:
        return "object"
    return str(part.get("type", "any"))


def _shown(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
