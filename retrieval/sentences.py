"""Cut text into sentences. Pure, linear in the length of the text, nothing is lost.

A sentence ends at a blank line, or at `.`, `!`, `?` or `…` (with the quotes, brackets and
reference marks that close it) when white space and something that can begin a sentence follow.
Chinese and Japanese full stops end one without white space. Not ends: known abbreviations,
initials (`J. K. Rowling`), item numbers (`2. Fees`), decimals, a full stop before a small letter.

Knows nothing of passages or answers: both are cut by the same rule, which is why a quoted
sentence of an answer is a sentence of its source.
"""

import re

# A name or a clause follows these far more often than a new sentence does.
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st sr jr rev hon gen col capt lt sgt gov sen rep pres mt ft vs cf al ca "
    "approx ed eds op cit ibid e.g i.e z.b d.h u.a bzw evtl inkl str tel "
    "jan feb mar apr jun jul aug sep sept oct nov dec inc ltd co corp plc bros dept est".split()
)
# These are abbreviations only before a number ("No. 5"; but "She said no. Five left.").
_BEFORE_NUMBER = frozenset("no nos nr art sec fig figs eq ch pp p vol par para".split())
_CLOSERS = "\"'”’»)\\]}"
# The look-behind lets a run of stops be entered only at its beginning: linear on "......x".
_END = re.compile(
    rf"""
    (?<![.!?…]) (?P<stop> [.!?…]++ ) (?P<closers> [{_CLOSERS}]*+ (?: \[\d{{1,3}}\] )*+ )
        (?P<space> \s++ | \Z )
    | [。！？]++ [{_CLOSERS}」』]*+ \s*+
    | \n [ \t]*+ \n \s*+
    """,
    re.VERBOSE,
)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]+\Z")
_INITIAL = re.compile(r"(?:[A-Z]\.)*[A-Z]\Z")
_ITEM_NUMBER = re.compile(r"(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})\Z")
_WINDOW = 40  # characters looked back at for an abbreviation


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Find the sentences of `text`.

    Returns:
        (start, end) code points, in order and tiling: the first starts at 0, each starts where
        the one before ends, the last ends at `len(text)`. White space after a sentence belongs to
        it, white space before the first to the first. Empty for empty text.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if _ends_sentence(text, start, match) and not _is_blank(text, start, match.start()):
            spans.append((start, match.end()))
            start = match.end()
    if start < len(text):
        spans.append((start, len(text)))
    return spans


def _is_blank(text: str, start: int, match_start: int) -> bool:
    """Whether nothing but white space precedes a match: only at the very beginning of the text."""
    return start == 0 and not text[:match_start].strip() and text[match_start].isspace()


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    stop = match["stop"]
    following = text[match.end() : match.end() + 1]
    if stop is None or not following or _BLANK_LINE.search(match["space"]):
        return True
    if following.islower():
        return False
    if stop != "." or match["closers"]:
        return True
    return not _is_abbreviated(text[max(start, match.start() - _WINDOW) : match.start()], following)


def _is_abbreviated(before: str, following: str) -> bool:
    """Whether the full stop after `before` belongs to its last word, given the next character."""
    found = _LAST_WORD.search(before)
    if not found:
        return False
    word = found.group()
    if word.lower() in _ABBREVIATIONS:
        return True
    if following.isdigit():
        return word.lower() in _BEFORE_NUMBER or (len(word) == 1 and word.isalpha())
    # "J. Smith", "U.S. Army"; "plan B. It" cannot be told apart and stays whole. "2. Fees" is an
    # item only where a sentence begins.
    begins = not before[: found.start()].strip()
    return bool(_INITIAL.match(word)) or (begins and bool(_ITEM_NUMBER.match(word)))
