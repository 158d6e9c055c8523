"""What two texts share, word by word. Pure.

The words of a claim are what must be found in its evidence: content words (stemmed lightly),
numbers (as values: 1,000 and 1000 are one, so are 10 PM and 22:00), and names (capitalised inside
a sentence). Function words carry no claim and are left out; negations are counted on their own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?<![\d.,:])(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2}))?\s?(?P<half>[aApP])\.?[mM]\b"
    r"|(?<![\d.,:])(?P<hour24>\d{1,2}):(?P<minute24>\d{1,2})(?![\d:])"
    r"|\d[\d.,]*\d|\d|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\W_]+"
)
# "2. ", "(2) ": the place of a list item, which no evidence has to hold.
_ENUMERATOR = re.compile(r"\s*\(?\d{1,2}[.)]\s+(?=[^\W\d_])")
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
_SPELLINGS = """
second: sec secs seconds | minute: min mins minutes | hour: h hr hrs hours | day: days
week: weeks | month: months | year: yr yrs years | decade: decades | century: centuries
millimetre: mm millimetres millimeter millimeters
centimetre: cm centimetres centimeter centimeters
metre: metres meter meters | kilometre: km kilometres kilometer kilometers | mile: mi miles
foot: ft feet | inch: inches | yard: yards | milligram: mg milligrams | gram: g grams
kilogram: kg kilograms kilo kilos | pound: lb lbs pounds | ounce: oz ounces
ton: tons tonne tonnes | litre: l litres liter liters | millilitre: ml millilitres milliliters
gallon: gallons | dollar: dollars usd | euro: euros eur | cent: cents | yen: yens
hundred: hundreds | thousand: thousands | million: millions | billion: billions
trillion: trillions | percent: % | degree: ° degrees
"""
_UNITS = {
    spelling: unit.strip()
    for unit, spellings in (
        entry.split(":") for entry in _SPELLINGS.replace("\n", "|").split("|") if entry.strip()
    )
    for spelling in (unit.strip(), *spellings.split())
}
_UNIT_AFTER = re.compile(r"[\s-]?(?P<unit>[^\W\d_]+|%|°)")
_CURRENCIES = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}
# Written so inside a sentence they are a month, a country, an organisation.
_NOT_FUNCTION_WORDS = frozenset(("May", "US", "WHO", "IT"))
_PRONOUN_ONE = re.compile(r"one (?:of|another|can|could|should|must|may|who|that)\b", re.IGNORECASE)
_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}
_NO_VALUE = re.compile(r"\.?0+$")  # 3.50 and 3.5, 2.0 and 2 are one
_ENDINGS = ("ations", "ation", "ingly", "ings", "ing", "edly", "ied", "ies", "ed", "es", "s", "ly")


@dataclass(frozen=True, slots=True)
class Words:
    """The claim-bearing words of a text."""

    content: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    measures: frozenset[str]  # a number with its unit: "30 minute", "3 dollar"
    negations: int


def words_of(text: str) -> Words:
    """Split a text into what its evidence must carry.

    A capitalised word counts as a name unless it begins the text or follows a full stop; names
    and numbers are content too. The number of a list item at the beginning is none.
    """
    content: set[str] = set()
    numbers: set[str] = set()
    names: set[str] = set()
    measures: set[str] = set()
    negations = 0
    begins_sentence = True
    enumerator = _ENUMERATOR.match(text)
    for match in _TOKEN.finditer(text, enumerator.end() if enumerator else 0):
        token = match.group()
        lower = token.lower().replace("’", "'")
        number = _time(match) or _number(lower)
        if lower in _NEGATIONS or lower.endswith("n't"):
            negations += 1
        elif number is not None and not _PRONOUN_ONE.match(text, match.start()):
            numbers.add(number)
            content.add(number)
            measures.update(f"{number} {unit}" for unit in _units(text, *match.span()))
        elif _is_content(token, lower, begins_sentence=begins_sentence):
            stem = stem_of(lower)
            content.add(stem)
            if token[0].isupper() and not begins_sentence:
                names.add(stem)
        begins_sentence = text[match.end() : match.end() + 1] in {".", "!", "?", ":"}
    return Words(
        frozenset(content), frozenset(numbers), frozenset(names), frozenset(measures), negations
    )


def _units(text: str, start: int, end: int) -> Iterator[str]:
    """The units of the number at text[start:end]: those written before it and after it."""
    before = text[start - 1 : start] if start else ""
    if before in _CURRENCIES:
        yield _CURRENCIES[before]
    after = _UNIT_AFTER.match(text, end)
    if after is not None:
        unit = _UNITS.get(after["unit"].lower())
        if unit is not None:
            yield unit


def _is_content(token: str, lower: str, *, begins_sentence: bool) -> bool:
    if token in _NOT_FUNCTION_WORDS and not begins_sentence:
        return True
    return lower not in _FUNCTION_WORDS and len(lower) > 1


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
    plain = plain.rstrip(".,")
    return _NO_VALUE.sub("", plain) if re.fullmatch(r"\d+\.\d+", plain) else plain


def share(part: frozenset[str], whole: frozenset[str]) -> float:
    """Share of `part` found in `whole`, in [0, 1]; 1 when there is nothing to find."""
    return len(part & whole) / len(part) if part else 1.0
