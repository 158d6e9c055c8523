"""Markdown of models: what can be shown is shown, what could harm is text."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.markdown import rendered

SHOWN = {
    "p": set(), "strong": set(), "em": set(), "s": set(), "code": set(), "pre": set(), "ul": set(),
    "ol": {"start"}, "li": set(), "blockquote": set(), "hr": set(), "br": set(), "table": set(),
    "thead": set(), "tbody": set(), "tr": set(), "th": set(), "td": set(),
    "a": {"href", "title", "rel", "target"},
}  # fmt: skip


class Tags(HTMLParser):
    """Everything a browser would take for more than text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def is_harmless(html: str) -> bool:
    return all(
        tag in SHOWN
        and attrs.keys() <= SHOWN[tag]
        and re.match("https?://|mailto:|$", attrs.get("href") or "", re.IGNORECASE)
        for tag, attrs in Tags(html).found
    )


def test_emphasis_code_lists_and_tables_are_shown():
    assert rendered("**b** and `a < b`") == "<p><strong>b</strong> and <code>a &lt; b</code></p>\n"
    assert rendered("- one") == "<ul>\n<li>one</li>\n</ul>\n"
    assert "<td>1</td>" in rendered("| a |\n|:-:|\n| 1 |")
    assert rendered("```py\nx < 1\n```") == "<pre><code>x &lt; 1\n</code></pre>\n"
    assert rendered("# Title") == "<p><strong>Title</strong></p>\n"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))", "[a](data:text/html,x)", "[a](//elsewhere)", "[a](/logout)",
        "![a](https://elsewhere/x.png)", "<javascript:alert(1)>", "```x\" onload=alert(1)\na\n```",
        "[a]: javascript:alert(1)\n\n[a]", "[a](https://x 'y\" onclick=\"z')", "<style>*{}</style>",
        "&#60;script>", "[a](\x01javascript:alert(1))", "| a |\n|:-:|\n| <b onclick=x> |",
    ],
)  # fmt: skip
def test_nothing_hostile_becomes_more_than_text(text):
    html = rendered(text)
    assert is_harmless(html)
    assert "<img" not in html
    assert "style=" not in html


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("<>[]()!`*_#|:-\"'&;\n \\/ajvscript:hxon=\u202e"), max_size=80))
def test_no_text_at_all_becomes_a_tag_that_is_not_listed(text):
    assert is_harmless(rendered(text))


def test_links_leave_without_a_trace_of_the_page():
    [_, (tag, attributes)] = Tags(rendered("[site](https://example.org/?a=1&b=2)")).found
    assert (tag, attributes["href"]) == ("a", "https://example.org/?a=1&b=2")
    assert attributes["rel"] == "noopener noreferrer nofollow"
