"""Makes wrong sentences from right ones, and right ones in other words.

Every edit returns the sentence and which words of it are now wrong (code points), or None when it
does not apply. All text comes from the rows it is given; nothing is written by another model.
"""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from generation.groundedness.evidence import unit_spans
from generation.groundedness.words import words_of
from training.groundedness.rows import Example, Span

Edited = tuple[str, tuple[Span, ...]]
Edit = Callable[[random.Random, str, str], "Edited | None"]

_NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w])")
_NAME = re.compile(r"(?<![.!?:\"“] )(?<!^)\b[A-Z][\w'’-]+(?: (?:of |the |de )?[A-Z][\w'’-]+)*")
_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_WORDS_FOR_NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()
_UNITS = [
    "seconds minutes hours days weeks months years decades".split(),
    "second minute hour day week month year decade century".split(),
    "metres meters feet miles kilometres kilometers inches yards km cm mm".split(),
    "mg g kg grams kilograms pounds tons tonnes ounces".split(),
    "dollars euros pounds yen cents".split(),
    "million billion trillion thousand hundred".split(),
    "percent litres gallons".split(),
    ["$", "£", "€"],
]
_FLIPS = [
    ("more", "less"), ("most", "least"), ("higher", "lower"), ("highest", "lowest"),
    ("increase", "decrease"), ("increased", "decreased"), ("increases", "decreases"),
    ("rose", "fell"), ("before", "after"), ("first", "last"), ("largest", "smallest"),
    ("larger", "smaller"), ("older", "younger"), ("always", "never"), ("all", "none of the"),
    ("allowed", "forbidden"), ("can", "cannot"), ("won", "lost"), ("above", "below"),
    ("north", "south"), ("east", "west"), ("early", "late"), ("male", "female"),
    ("with", "without"), ("many", "few"), ("best", "worst"), ("longer", "shorter"),
    ("father", "mother"), ("son", "daughter"), ("husband", "wife"), ("brother", "sister"),
    ("positive", "negative"), ("open", "closed"), ("accepted", "rejected"), ("start", "end"),
    ("began", "ended"), ("maximum", "minimum"), ("include", "exclude"), ("upper", "lower"),
    ("passed", "failed"), ("agreed", "refused"), ("support", "oppose"), ("left", "right"),
    ("inside", "outside"), ("success", "failure"), ("required", "optional"), ("new", "old"),
]  # fmt: skip
_FLIP_OF = {a: b for pair in _FLIPS for a, b in (pair, pair[::-1])}
_NEGATABLE = re.compile(
    r"\b(is|are|was|were|will|can|could|should|would|must|has|have|had|does|do|did|may)\b"
    r"(?!['’]| not|n['’]t)"
)
_NEGATED = re.compile(
    r"\b(is|are|was|were|will|could|should|would|must|has|have|had|does|do|did|may) not "
)
_LIST = re.compile(r"(?P<items>(?:[\w’'-]+(?: [\w’'-]+){0,3}, )+)(?:and|or) (?P<last>[\w’'-]+)")
_LEADS = [
    "According to the passage, ", "Based on the provided passages, ", "The document states that ",
    "According to the text, ", "Yes, ", "In short, ", "As the passage says, ",
]  # fmt: skip


def change_number(rng: random.Random, sentence: str, context: str) -> Edited | None:
    """Another number: one digit off, one from the passage, or another magnitude."""
    found = list(_NUMBER.finditer(sentence))
    if not found:
        return _change_number_word(rng, sentence)
    at = rng.choice(found)
    old = at.group()
    others = [m.group() for m in _NUMBER.finditer(context) if m.group().strip(".,") != old]
    same_kind = [other for other in others if len(other) == len(old)]
    if same_kind and rng.random() < 0.4:
        new = rng.choice(same_kind)
    elif others and rng.random() < 0.2:
        new = rng.choice(others)
    else:
        places = [i for i, digit in enumerate(old) if digit.isdigit()]
        place = rng.choice(places)
        digits = "123456789" if place == 0 else "0123456789"
        new = old[:place] + rng.choice(digits.replace(old[place], "")) + old[place + 1 :]
    # A number from somewhere else in the evidence is wrong here all the same, mostly.
    if new in context and rng.random() < 0.3:
        return None
    return _replaced(sentence, at.span(), new)


def _change_number_word(rng: random.Random, sentence: str) -> Edited | None:
    found = [
        m for m in re.finditer(r"\b\w+\b", sentence) if m.group().lower() in _WORDS_FOR_NUMBERS[1:]
    ]
    if not found:
        return None
    at = rng.choice(found)
    new = rng.choice([word for word in _WORDS_FOR_NUMBERS if word != at.group().lower()])
    return _replaced(sentence, at.span(), new if at.group()[0].islower() else new.capitalize())


def change_date(rng: random.Random, sentence: str, context: str) -> Edited | None:
    """Another month, weekday or year."""
    del context
    options: list[tuple[Span, str]] = []
    for names in (_MONTHS, _DAYS):
        for m in re.finditer(r"\b(" + "|".join(names) + r")\b", sentence):
            others = [name for name in names if name != m.group()]
            options.append((m.span(), rng.choice(others)))
    for m in re.finditer(r"\b(1[5-9]|20)\d\d\b", sentence):
        shift = rng.choice([-10, -3, -2, -1, 1, 2, 3, 10, 100])
        options.append((m.span(), str(int(m.group()) + shift)))
    return _replaced(sentence, *rng.choice(options)) if options else None


def change_unit(rng: random.Random, sentence: str, context: str) -> Edited | None:
    """Another unit after a number."""
    del context
    options: list[tuple[Span, str]] = []
    for family in _UNITS:
        for unit in filter(str.isalpha, family):
            for m in re.finditer(
                rf"(?<=\d ){re.escape(unit)}\b|\b{_number_words()} ({unit})\b", sentence
            ):
                span = m.span(1) if m.lastindex else m.span()
                options.append((span, rng.choice([other for other in family if other != unit])))
    options += [
        (m.span(), rng.choice("$£€".replace(m.group(), "")))
        for m in re.finditer(r"[$£€](?=\d)", sentence)
    ]
    options += [
        (m.span(), rng.choice([" people", " years", " million"]))
        for m in re.finditer(r"(?<=\d)%", sentence)
    ]
    return _replaced(sentence, *rng.choice(options)) if options else None


def _number_words() -> str:
    return "(?:" + "|".join(_WORDS_FOR_NUMBERS) + ")"


def change_name(rng: random.Random, sentence: str, context: str) -> Edited | None:
    """Another name from the same passage."""
    found = [m for m in _NAME.finditer(sentence) if m.group() not in _MONTHS + _DAYS]
    if not found:
        return None
    at = rng.choice(found)
    own = set(re.findall(r"\w+", sentence.lower()))
    others = {
        m.group()
        for m in _NAME.finditer(context)
        if not set(m.group().lower().split()) & own and m.group() not in _MONTHS + _DAYS
    }
    same = sorted(o for o in others if len(o.split()) == len(at.group().split())) or sorted(others)
    return _replaced(sentence, at.span(), rng.choice(same)) if same else None


def negate(rng: random.Random, sentence: str, context: str) -> Edited | None:
    """Negate what is stated, or state what is negated."""
    del context
    negated = list(_NEGATED.finditer(sentence))
    if negated:
        at = rng.choice(negated)
        return _replaced(sentence, at.span(), f"{at.group(1)} ", mark=at.group(1))
    found = [m for m in _NEGATABLE.finditer(sentence) if m.start() > 0]
    if not found:
        return None
    at = found[0] if rng.random() < 0.8 else rng.choice(found)
    verb = at.group()
    short = {"will": "won't", "can": "can't"}.get(verb, f"{verb}n't")
    choices = [f"{verb} not", f"{verb} never"] if verb != "can" else ["cannot", "can never"]
    if verb not in {"may", "must"}:
        choices.append(short)
    return _replaced(sentence, at.span(), rng.choice(choices))


def flip(rng: random.Random, sentence: str, context: str) -> Edited | None:
    """The opposite of a comparative, a quantifier, a direction."""
    del context
    found = [m for m in re.finditer(r"\b\w+\b(?!['’])", sentence) if m.group() in _FLIP_OF]
    if not found:
        return None
    at = rng.choice(found)
    return _replaced(sentence, at.span(), _FLIP_OF[at.group()])


def pad_list(rng: random.Random, sentence: str, context: str) -> Edited | None:
    """One invented item in a list."""
    m = _LIST.search(sentence)
    if m is None:
        return None
    item = _INVENTED[rng.randrange(len(_INVENTED))]
    if item in context:
        return None
    at = m.start("last")
    conjunction = sentence.rfind(" ", 0, at - 1) + 1
    if rng.random() < 0.5:
        return _inserted(sentence, conjunction, f"{item}, ")
    return _inserted(sentence, m.end(), f" and {item}", skip=5)


_INVENTED = (
    "free parking|training|a mobile app|security|customer support|local schools|insurance|music|"
    "fresh herbs|regular exercise|environmental impact|cost savings|a swimming pool|live concerts|"
    "vitamin D|online payments|legal advice|better sleep|a second witness|weekend events|olive oil|"
    "childcare|several awards|breakfast|public transport|staff meetings|a travel grant|batteries|"
    "annual reports|solar panels|garlic|research funding|a written apology|tax relief|wind|"
    "museum visits|medical care|volunteers|printed copies|data protection|stress|new uniforms"
).split("|")


def _replaced(sentence: str, span: Span, new: str, mark: str | None = None) -> Edited:
    start, end = span
    marked = len(mark) if mark is not None else len(new)
    return sentence[:start] + new + sentence[end:], ((start, start + marked),)


def _inserted(sentence: str, at: int, new: str, skip: int = 0) -> Edited:
    end = at + len(new.rstrip(", "))
    return sentence[:at] + new + sentence[at:], ((at + skip, end),)


EDITS: dict[str, tuple[Edit, float]] = {
    "number": (change_number, 4.0),
    "date": (change_date, 3.0),
    "unit": (change_unit, 3.0),
    "name": (change_name, 4.0),
    "negation": (negate, 2.0),
    "flip": (flip, 2.0),
    "list": (pad_list, 2.0),
}


# Those that apply to few sentences, and matter most.
RARE = {name: EDITS[name] for name in ("number", "date", "unit", "list")}


def synthetic(
    examples: Sequence[Example],
    n: int,
    seed: int,
    edits: Mapping[str, tuple[Edit, float]] = EDITS,
    *,
    closely: float = 0.0,
) -> Iterator[Example]:
    """Right and wrong sentences from the evidence and the supported claims of `examples`.

    For every edited sentence its unedited twin is given too, so that the words of an edit are no
    hint by themselves. A share `closely` of them is shown only the sentences around the one that
    was edited: less to read, and no less to compare.
    """
    rng = random.Random(seed)
    pool = [e for e in examples if sum(map(len, e.evidence)) > 60]
    by_set: dict[str, list[Example]] = defaultdict(list)
    for example in pool:
        by_set[example.source].append(example)
    sources = sorted(by_set)
    made = 0
    while made < n:
        example = rng.choice(by_set[rng.choice(sources)])
        for new in _variants(rng, example, by_set[example.source], edits, closely):
            made += 1
            yield new


def _variants(
    rng: random.Random,
    example: Example,
    siblings: Sequence[Example],
    edits: Mapping[str, tuple[Edit, float]],
    closely: float,
) -> Iterator[Example]:
    base = _statement(rng, example)
    if base is None:
        return
    if rng.random() < closely:
        example = replace(example, evidence=(_around(rng, example.evidence, base),))
    context = " ".join(example.evidence)
    kind = rng.random()
    if kind < 0.62:
        names = list(edits)
        chosen = rng.choices(names, [edits[name][1] for name in names], k=4)
        for name in chosen:
            edited = edits[name][0](rng, base, context)
            if edited is not None and edited[0] not in context:
                yield _made(
                    example, f"edit_{name}", *_led(rng, *edited), contradicts=name != "list"
                )
                yield _made(example, "edit_twin", *_led(rng, base, ()), contradicts=False)
                return
    elif kind < 0.74:
        yield from without_its_evidence(example, base)
    elif kind < 0.88:
        yield from _with_a_stranger(rng, example, base, siblings)
    else:
        yield from _two_facts(rng, example, base, edits)


def _around(rng: random.Random, texts: Sequence[str], base: str) -> str:
    """The unit of evidence that shares most with a sentence, with a few on either side."""
    own = words_of(base).content
    units = [(text, a, b) for text in texts for a, b in unit_spans(text)]
    if not units:
        return " ".join(texts)
    shared = [len(words_of(text[a:b]).content & own) for text, a, b in units]
    best = max(range(len(units)), key=shared.__getitem__)
    first, last = max(0, best - rng.randint(0, 2)), best + rng.randint(1, 3)
    near = [unit for unit in units[first : last + 1] if unit[0] == units[best][0]]
    return near[0][0][near[0][1] : near[-1][2]]


def _statement(rng: random.Random, example: Example) -> str | None:
    """A sentence the evidence supports: the claim itself, or one of the evidence's own."""
    if example.is_supported and rng.random() < 0.65:
        return example.sentence if len(words_of(example.sentence).content) >= 3 else None
    text = rng.choice(example.evidence)
    sentences = [text[a:b] for a, b in unit_spans(text) if 30 < b - a < 250]
    return rng.choice(sentences) if sentences else None


def without_its_evidence(example: Example, base: str) -> Iterator[Example]:
    """A true sentence whose evidence was taken away: nothing else may carry its words."""
    claim = words_of(base).content
    kept = []
    for text in example.evidence:
        parts = [text[a:b] for a, b in unit_spans(text)]
        kept.append(
            " ".join(p for p in parts if len(words_of(p).content & claim) < 0.4 * len(claim))
        )
    if sum(map(len, kept)) < 60:
        return
    shown = tuple(text for text in kept if text)
    yield _made(
        example, "evidence_removed", base, ((0, len(base)),), contradicts=False, evidence=shown
    )


def _with_a_stranger(
    rng: random.Random, example: Example, base: str, siblings: Sequence[Example]
) -> Iterator[Example]:
    """A sentence of another text of the same set: on its own, or joined to a true one."""
    other = rng.choice(siblings)
    stranger = _statement(rng, other)
    context = " ".join(example.evidence)
    if other.group == example.group or stranger is None or stranger in context:
        return
    strange, known = words_of(stranger), words_of(context)
    if len(strange.content & known.content) > 0.5 * len(strange.content):
        return
    if rng.random() < 0.5:
        yield _made(example, "stranger", stranger, ((0, len(stranger)),), contradicts=False)
        return
    first = base.rstrip(". ")
    joined = f"{first}, and {stranger}" if rng.random() < 0.7 else f"{first}; {stranger}"
    at = joined.rindex(stranger)
    yield _made(example, "stranger_joined", joined, ((at, len(joined)),), contradicts=False)


def _two_facts(
    rng: random.Random, example: Example, base: str, edits: Mapping[str, tuple[Edit, float]]
) -> Iterator[Example]:
    """Two sentences of the evidence as one; at times the second is wrong."""
    text = rng.choice(example.evidence)
    others = [text[a:b] for a, b in unit_spans(text) if 30 < b - a < 160 and text[a:b] != base]
    if not others or len(base) > 200:
        return
    second = rng.choice(others)
    link = rng.choice([", and ", "; ", ", while ", ". Also, "])
    start = len(base.rstrip(". ")) + len(link)
    right = base.rstrip(". ") + link + second
    yield _made(example, "two_facts", right, (), contradicts=False)
    name = rng.choice(list(edits))
    edited = edits[name][0](rng, second, text)
    if edited is not None and edited[0] not in text:
        spans = tuple((start + a, start + b) for a, b in edited[1])
        wrong = base.rstrip(". ") + link + edited[0]
        yield _made(example, "two_facts_wrong", wrong, spans, contradicts=name != "list")


def _led(rng: random.Random, sentence: str, spans: tuple[Span, ...]) -> Edited:
    """At times begin the way assistants do."""
    if rng.random() > 0.15:
        return sentence, spans
    lead = rng.choice(_LEADS)
    return lead + sentence, tuple((a + len(lead), b + len(lead)) for a, b in spans)


def _made(
    example: Example,
    name: str,
    sentence: str,
    spans: tuple[Span, ...],
    *,
    contradicts: bool,
    evidence: tuple[str, ...] | None = None,
) -> Example:
    return Example(
        source=f"made:{name}",
        group=example.group,
        question=example.question,
        before="",
        evidence=evidence or example.evidence,
        sentence=sentence,
        is_supported=not spans,
        contradicts=contradicts and bool(spans),
        unsupported=spans,
    )
