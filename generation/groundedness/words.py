"""What two texts share, word by word. Pure.

The words of a claim are what must be found in its evidence: content words (stemmed lightly),
numbers (as values: 1,000 and 1000 are one, so are 10 PM and 22:00), and names (capitalised inside
a sentence). Function words carry no claim and are left out; negations are counted on their own.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?<![\d.,:])(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2}))?\s?(?P<half>[aApP])\.?[mM]\b"
    r"|(?<![\d.,:])(?P<hour24>\d{1,2}):(?P<minute24>\d{1,2})(?![\d:])"
    r"|\d[\d.,]*\d|\d|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\W_]+"
)
_NEGATIONS = frozenset("no not never none neither nor without cannot n't".split())
_FUNCTION_WORDS = frozenset(
    "a about above after all also although am an and any are as at be because been before being "
    "between both but by can could did do does doing down during each either few for from further "
    "had has have having he her here hers him his how however i if in into is it its itself just "
    "may me might more most much must my no nor not of off on once one only or other our out over "
    "own per same shall she should since so some such than that the their them then there these "
    "they this those through thus to too under until up upon us very was we were what when where "
    "whether which while who whom whose why will with within would you your according answer based "
    "document documents evidence question say says stated states text passage information "
    "mentioned provided given following".split()
)
_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}
_ENDINGS = ("ations", "ation", "ingly", "ings", "ing", "edly", "ied", "ies", "ed", "es", "s", "ly")


@dataclass(frozen=True, slots=True)
class Words:
    """The claim-bearing words of a text."""

    content: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    negations: int


def words_of(text: str) -> Words:
    """Split a text into what its evidence must carry.

    A capitalised word counts as a name unless it begins the text or follows a full stop; names
    and numbers are content too.
    """
    content: set[str] = set()
    numbers: set[str] = set()
    names: set[str] = set()
    negations = 0
    begins_sentence = True
    for match in _TOKEN.finditer(text):
        token = match.group()
        lower = token.lower().replace("’", "'")
        if lower in _NEGATIONS or lower.endswith("n't"):
            negations += 1
        stem = _time(match) or _number(lower) or stem_of(lower)
        if stem in _NUMBER_WORDS.values() or token[0].isdigit():
            numbers.add(stem)
            content.add(stem)
        elif lower not in _FUNCTION_WORDS and len(lower) > 1:
            content.add(stem)
            if token[0].isupper() and not begins_sentence:
                names.add(stem)
        begins_sentence = text[match.end() : match.end() + 1] in {".", "!", "?", ":"}
    return Words(frozenset(content), frozenset(numbers), frozenset(names), negations)


def stem_of(word: str) -> str:
    """Cut a common English ending, so that "leases" and "leased" meet; other words stay whole.

    Deliberately light: two words made one by mistake would pass for support.
    """
    word = word.removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)]
            if ending in {"ied", "ies"}:
                return stem + "y"
            return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] != "s" else stem.rstrip("e")
    return word.rstrip("e") if len(word) > 3 else word


def _time(match: re.Match[str]) -> str | None:
    """A time of day on the 24-hour clock; a full hour is its number alone."""
    if match["hour"]:
        afternoon = 12 * (match["half"] in "pP")
        hour, minute = int(match["hour"]) % 12 + afternoon, int(match["minute"] or 0)
    elif match["hour24"]:
        hour, minute = int(match["hour24"]), int(match["minute24"])
    else:
        return None
    return f"{hour}:{minute:02}" if minute else str(hour)


def _number(token: str) -> str | None:
    if token in _NUMBER_WORDS:
        return _NUMBER_WORDS[token]
    if not token[0].isdigit():
        return None
    plain = token.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", token) else token
    return plain.rstrip(".,")


def share(part: frozenset[str], whole: frozenset[str]) -> float:
    """Share of `part` found in `whole`, in [0, 1]; 1 when there is nothing to find."""
    return len(part & whole) / len(part) if part else 1.0
