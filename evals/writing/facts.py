"""The facts of a sentence that can be asked for or exchanged. Pure.

Patterns, not a model: dates, times, amounts, percentages, durations, measures, telephone numbers,
codes and names. What they miss is not asked; what they find is nearly always one.
"""

import re
from typing import NamedTuple

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|"
    "seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|ninety"
)
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?: (?:million|billion|thousand))?"
_NUMBER = rf"(?:{_DIGITS}|{_WORDS})"
_UNITS = (
    "kg|km|cm|mm|m|km²|sq mi|miles?|feet|foot|metres?|meters?|kilometres?|kilometers?|tons?|tonnes?"
    "|litres?|degrees|watts?|volts?|bar|people|acres|hectares|barrels|passengers|species|inhabitants"
)
_PERIODS = "seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|decades?|centuries"

_WORD = r"[A-Z][a-zà-ÿ’']+(?:-[A-Za-z][a-zà-ÿ’']+)*"

# The first kind that fits wins, so what is more particular comes first.
_PATTERNS = {
    "email": r"[\w.+-]+@[\w-]+\.[\w.]*\w",
    "phone": r"\+?\d[\d]{2,5} \d{3,6}(?: \d{3,4})?\b",
    "date": rf"\d{{1,2}} (?:{_MONTHS})(?: \d{{4}})?|(?:{_MONTHS}) \d{{1,2}}(?:, \d{{4}})?\b"
    rf"|(?:{_MONTHS}) \d{{4}}|\d{{4}}-\d{{2}}-\d{{2}}",
    "time": r"\d{1,2}:\d{2}(?: ?[ap]\.?m\b)?",
    "amount": rf"(?:US)?[£$€]\s?{_DIGITS}|{_NUMBER} (?:dollars|euros|pounds)",
    "percentage": rf"{_NUMBER}\s?(?:%|per cent|percent)",
    "duration": rf"{_NUMBER}(?: (?:working|calendar|consecutive|full|paid|extra))* (?:{_PERIODS})",
    "measure": rf"{_NUMBER}[ \u00a0](?:{_UNITS})",
    "code": r"[A-Z]{1,5}-?\d[\dA-Z]*(?:-[\dA-Z]+)*",
    "year": r"(?<=[Ii]n )(?:1[4-9]|20)\d\d|(?<=[Ss]ince )(?:1[4-9]|20)\d\d"
    r"|(?<=[Ff]rom )(?:1[4-9]|20)\d\d|(?<=[Uu]ntil )(?:1[4-9]|20)\d\d",
    "name": rf"{_WORD}(?: (?:de|del|van|von|of the|of) {_WORD}| [A-Z]\.| {_WORD})+",
}
_FACT = re.compile(
    r"(?<![\w£$€.,-])(?:" + "|".join(f"(?P<{k}>{p})" for k, p in _PATTERNS.items()) + r")(?![\w%])"
)
# A sentence begins with a capital whatever its first word is.
_NO_NAME = re.compile(
    r"(?:The|A|An|In|On|At|By|For|From|If|When|While|After|Before|During|Since|Until|Every|Each|This"
    r"|That|These|Those|It|Its|His|Her|Their|Our|Your|My|No|Some|All|Both|Most|Many|Other|As|To"
    r"|With|Without|However|Although|Also|Another|Any|Between|Under|Within|Schedule|Section|Mr|Mrs)"
    r" "
)
# Kinds a range or a further number often goes on with: "10:00 to 15:00", "16 and 22 weeks".
_GOES_ON = re.compile(r"\s?(?:to|and|or|–|-|by|×|/)\s?[£$€]?\d")
_CAME_BEFORE = re.compile(
    rf"(?:\d|\b(?:{_WORDS}|one)|between|from \S+(?: \S+)?)\s?(?:to|and|or|–|-)\s?\Z|\bbetween \Z"
)


class Fact(NamedTuple):
    """`sentence[start:end]`, and what kind of thing it is."""

    kind: str
    text: str
    start: int
    end: int


def facts_of(sentence: str) -> list[Fact]:
    """The facts of a sentence, in order; none of them overlap. Ends of ranges are left out."""
    found = []
    for match in _FACT.finditer(sentence):
        kind, text = str(match.lastgroup), match.group()
        start, end = match.span()
        if kind == "name" and (trimmed := _NO_NAME.match(text)):
            start, text = start + trimmed.end(), text[trimmed.end() :]
            if " " not in text:
                continue
        is_range = _GOES_ON.match(sentence, end) or _CAME_BEFORE.search(sentence[:start])
        if kind == "name" or not is_range:
            found.append(Fact(kind, text, start, end))
    return found
