"""Markdown of models as HTML that is safe to show: what a hostile text can make of it is harmless.

Raw HTML is shown as the text it is, pictures are not loaded, and a link leads to the web or to a
mail program, in a window that knows nothing of ours.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

_LINKED = ("http://", "https://", "mailto:")


def rendered(text: str) -> str:
    """The text as HTML: paragraphs, emphasis, lists, tables, code, links; nothing else.

    Headings come as paragraphs in bold: the page has its own.
    """
    return str(_markdown().render(text))


@cache
def _markdown() -> MarkdownIt:
    # "js-default" has html off. Reference definitions would let a text hide where a link leads.
    made = MarkdownIt("js-default", {"html": False, "linkify": False, "typographer": False})
    made.disable(["image", "html_block", "html_inline", "reference"])
    made.validateLink = _leads_somewhere_safe  # type: ignore[method-assign]
    for opened in ("heading_open", "heading_close"):
        made.add_render_rule(opened, _as_bold_paragraph)
    made.add_render_rule("link_open", _outward)
    made.add_render_rule("fence", _code)
    for aligned in ("th_open", "td_open"):
        made.add_render_rule(aligned, _without_style)
    return made


def _leads_somewhere_safe(url: str) -> bool:
    return url.strip().lower().startswith(_LINKED)


def _as_bold_paragraph(
    _: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    *__: Any,  # noqa: ANN401
) -> str:
    return "<p><strong>" if tokens[index].nesting == 1 else "</strong></p>\n"


def _outward(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    _: Any,  # noqa: ANN401
) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    tokens[index].attrSet("target", "_blank")
    return renderer.renderToken(tokens, index, options, {})


def _code(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: Any,  # noqa: ANN401
) -> str:
    tokens[index].info = ""  # the language would become a class, from outside
    return renderer.code_block(tokens, index, options, env)


def _without_style(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    _: Any,  # noqa: ANN401
) -> str:
    tokens[index].attrs = {}  # alignment comes as a style, which the policy of our pages forbids
    return renderer.renderToken(tokens, index, options, {})
