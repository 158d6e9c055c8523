"""Chat templates as models bring them: Jinja, written by strangers, run in a sandbox.

What a template finds around it is what transformers gives it, without importing transformers. A
converted model is only used this way when both write the same conversations; see `tokenizing`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2.ext import Extension
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from generation.types import Message


class ChatTemplate:
    """A compiled template.

    Args:
        source: of the template.
        special_tokens: what it knows by name, such as `bos_token`.

    Raises:
        jinja2.TemplateError: it is none.
    """

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self._template = _environment().from_string(source)
        self._special_tokens = dict(special_tokens)

    def written(self, messages: Sequence[Message]) -> str:
        """A conversation, ready to be answered; models that can think aloud are told not to.

        Raises:
            jinja2.TemplateError: the template refuses it.
        """
        return self._template.render(
            **self._special_tokens,
            messages=[{"role": one.role, "content": one.content} for one in messages],
            tools=None,
            documents=None,
            add_generation_prompt=True,
            enable_thinking=False,
        )


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
    )
    environment.filters["tojson"] = _to_json
    environment.globals.update(
        raise_exception=_refuse, strftime_now=_now, namespace=_PlainNamespace, dict=_plain_dict
    )
    return environment


class _Generation(Extension):
    """`{% generation %}` marks for training what the model wrote; here nothing is done with it."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

    def parse(self, parser: Parser) -> Node | list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _PlainNamespace(Namespace):
    """A namespace whose names are words: one that begins with an underscore reaches into Python."""

    def __init__(*arguments: Any, **named: Any) -> None:  # noqa: ANN401
        # No parameter has a name, so that a template may give each.
        own, *others = arguments
        given = dict(*others, **named)
        for name in given:
            _require_word(name)
        Namespace.__init__(own, given)

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401
        _require_word(name)
        super().__setitem__(name, value)


def _require_word(name: Any) -> None:  # noqa: ANN401
    if str(name).startswith("_"):
        raise jinja2.TemplateError(f"a chat template may not set {name!r}")


def _plain_dict(*arguments: Any, **named: Any) -> dict[Any, Any]:  # noqa: ANN401
    return dict(*arguments, **named)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _now(pattern: str) -> str:
    return datetime.now().astimezone().strftime(pattern)


def _to_json(
    value: Any,  # noqa: ANN401
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002 - templates give it by place or name
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002
) -> str:
    """As JSON, without the escapes for HTML that jinja2's own filter makes."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )
