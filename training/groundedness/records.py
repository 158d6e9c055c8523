"""Made-up records and the overviews a language model would write of them, right and wrong. Pure.

Everything is drawn from the word lists below; nothing comes from a data set. A sheet collects the
values of one record together with what may be said of them, faithfully and not; an overview is
then composed of these sayings. Wrong words are marked ‹so› until the sentence stands, and become
spans then.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Written:
    """One sentence of an overview.

    `unsupported` holds the spans of `text` (code points) that are wrong, in order; it is empty
    exactly when the sentence is supported. `contradicts` is True when the record says otherwise,
    False when it does not say.
    """

    text: str
    is_supported: bool
    contradicts: bool
    unsupported: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """A record (JSON-able) and an overview of it, four to ten sentences in order."""

    record: dict[str, Any]
    sentences: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """An overview with how it was made: the kind of record, and one fault ("" for none) for each
    sentence."""

    kind: str
    overview: Overview
    faults: tuple[str, ...]


def overviews(n: int, seed: int) -> Iterator[Overview]:
    """Draw `n` overviews. The same seed gives the same ones; a larger `n` only adds to them."""
    return (drawn.overview for drawn in draw(n, seed))


def draw(n: int, seed: int) -> Iterator[Drawn]:
    """Draw `n` overviews, and say how each was made."""
    kinds = list(KINDS)
    weights = [KINDS[kind][1] for kind in kinds]
    for place in range(n):
        rng = random.Random(f"{seed}:{place}")
        kind = rng.choices(kinds, weights)[0]
        sheet = _Sheet(rng)
        KINDS[kind][0](sheet)
        if rng.random() < 0.4:
            sheet.highlight()
        yield _compose(kind, sheet)


# --- Sayings ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Say:
    """A verb phrase after the subject ("offers free WiFi"), wrong words marked.

    `noun` may stand in a list of what is offered, or, where `denies`, of what is not.
    """

    text: str
    noun: str = ""
    denies: bool = False


@dataclass(frozen=True, slots=True)
class _Slip:
    """Something wrong to say, and why it is wrong."""

    say: _Say
    fault: str
    contradicts: bool


@dataclass(frozen=True, slots=True)
class _Fact:
    """What may be said of one value. `right` is empty where nothing faithful can be said.

    A fact that stands alone has whole sentences for texts, "{s}" being the subject. `tails` are
    clauses that a right saying supports.
    """

    group: str
    right: tuple[_Say, ...]
    wrong: tuple[_Slip, ...]
    tails: tuple[str, ...] = ()
    stands_alone: bool = False


_CONCLUDING = re.compile(r"^(?:making (?:it|her|him) (?:an? |the )?|which |offering )")
_KEY_STYLES: tuple[Callable[[str], str], ...] = (
    lambda words: words.replace(" ", "_"),
    lambda words: words.replace(" ", "_"),
    lambda words: words.split()[0] + "".join(w.capitalize() for w in words.split()[1:]),
    lambda words: "".join(w.capitalize() for w in words.split()),
    lambda words: words.title(),
    lambda words: words,
    lambda words: words.capitalize(),
    lambda words: words.replace(" ", "-"),
)


@dataclass(slots=True)
class _Sheet:
    """One record in the making: its values, and what may be said of them."""

    rng: random.Random
    name: str = ""
    it: str = "it"
    subjects: tuple[str, ...] = ()
    facts: list[_Fact] = field(default_factory=list)
    opening: _Fact = field(default_factory=lambda: _Fact("opening", (), ()))  # every kind sets it
    groups: tuple[str, ...] = ()
    leads: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lists: tuple[str, ...] = ()
    inferences: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    _sections: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)
    _style: Callable[[str], str] = field(init=False)
    _bools: tuple[Any, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._style = self.rng.choice(_KEY_STYLES)
        self._bools = self.rng.choices(
            [(False, True), ("False", "True"), ("no", "yes")], [0.8, 0.1, 0.1]
        )[0]

    def key(self, words: str) -> str:
        """A key in the style of this record; one of the alternatives between slashes."""
        return self._style(self.rng.choice(words.split("/")))

    def put(self, section: str, words: str, value: object) -> None:
        """Write a value under a key of a section; "" is the top of the record."""
        self._sections.setdefault(section, []).append((self.key(words), value))

    def highlight(self) -> None:
        """Let the record itself draw one or two of the conclusions that it does not support."""
        self.rng.shuffle(inferences := list(self.inferences))
        count = self.rng.randint(1, 2)
        self.stated, self.inferences = tuple(inferences[:count]), tuple(inferences[count:])
        texts = [_CONCLUDING.sub("", text) for text in self.stated]
        self.put("", "highlights/known for/remarks/notes", texts)

    def record(self) -> dict[str, Any]:
        """The record as it stands; sections are nested or, sometimes, laid flat."""
        pairs: list[tuple[str, Any]] = []
        is_flat = self.rng.random() < 0.2
        for section, inner in self._sections.items():
            if section and not is_flat:
                if self.rng.random() < 0.4:
                    self.rng.shuffle(inner)
                pairs.append((self.key(section), dict(inner)))
            else:
                pairs.extend(inner)
        if self.rng.random() < 0.3:
            self.rng.shuffle(pairs)
        if self.rng.random() < 0.1:
            return {self.key("record/data/entry"): dict(pairs)}
        return dict(pairs)

    def state(self) -> str:
        """Whether an optional value is "given", "null" or "missing"."""
        return self.rng.choices(["given", "null", "missing"], [0.68, 0.2, 0.12])[0]

    def add(
        self,
        group: str,
        right: Sequence[_Say | str],
        wrong: Sequence[_Slip],
        tails: Sequence[str] = (),
        *,
        stands_alone: bool = False,
    ) -> None:
        """Add a fact; plain texts are sayings."""
        says = tuple(_Say(say) if isinstance(say, str) else say for say in right)
        self.facts.append(_Fact(group, says, tuple(wrong), tuple(tails), stands_alone))

    def unknown(self, about: str, *, is_known: bool) -> None:
        """Add what is said of a value that the record does not give, or is said not to."""
        if not about:
            return
        if is_known:
            slips = [
                _Slip(_Say(_mark_all(text.format(about))), "known_denied", contradicts=True)
                for text in _UNKNOWNS
                if "details" not in text  # a bare yes may pass for no details
            ]
            self.add("unknown", (), slips, stands_alone=True)
        else:
            self.add("unknown", [text.format(about) for text in _UNKNOWNS], (), stands_alone=True)

    def trait(self, section: str, group: str, trait: "_Trait") -> None:
        """Write a yes-or-no value, and add what may be said of it."""
        state = self.state()
        value = self.rng.random() < 0.6
        yes = [_Say(text, trait.noun) for text in trait.yes]
        no = [_Say(text, trait.noun, denies=True) for text in trait.no]
        if state == "missing":
            slips = _slips(yes, "invented", contradicts=False)
            slips += _slips(no[:1], "missing_denied", contradicts=False)
            self.add(group, (), slips + _tail_slips(trait.tails, contradicts=False))
            return
        self.put(section, trait.keys, None if state == "null" else self._bools[value])
        if state == "null":
            slips = _slips(yes, "null_stated", contradicts=False)
            slips += _slips(no, "null_denied", contradicts=False)
            self.add(group, (), slips + _tail_slips(trait.tails, contradicts=False))
            self.unknown(trait.about or trait.noun, is_known=False)
        elif value:
            slips = _slips(no, "true_as_false", contradicts=True)
            self.add(group, yes, slips, trait.tails)
            self.unknown(trait.about or trait.noun, is_known=True)
        else:
            slips = _slips(yes, "false_as_true", contradicts=True)
            self.add(group, no, slips + _tail_slips(trait.tails, contradicts=True))
            self.unknown(trait.about or trait.noun, is_known=True)

    def choice(self, section: str, group: str, choice: "_Choice") -> None:
        """Write one of a few values, and add what may be said of it.

        Sayings mark the word that tells a value from its neighbours; it alone is wrong where the
        true value is a neighbour too ("‹free› WiFi" for paid).
        """
        state = self.state()
        value = self.rng.choice(list(choice.options))
        if state != "missing":
            self.put(section, choice.keys, value if state == "given" else None)
        is_given = state == "given"
        slips: list[_Slip] = []
        for other, texts in choice.options.items():
            if is_given and other == value:
                continue
            is_near = is_given and value not in choice.none and other not in choice.none
            fault = (
                "value" if is_given else "null_denied" if other in choice.none else "null_stated"
            )
            if state == "missing":
                fault = "invented"
            for text in texts:
                marked = text if is_near and "‹" in text else _mark_all(text)
                slips.append(
                    _Slip(_Say(marked, "", other in choice.none), fault, contradicts=is_given)
                )
        right = (
            [_Say(_bare(text), "", value in choice.none) for text in choice.options[value]]
            if is_given
            else []
        )
        self.add(group, right, slips)
        if state != "missing":
            self.unknown(choice.about, is_known=is_given)

    def several(self, section: str, group: str, several: "_Several") -> None:
        """Write an object of yes-or-no values, and add what may be said of all of them."""
        rng = self.rng
        kinds = rng.sample(list(several.kinds), rng.randint(3, len(several.kinds)))
        state = self.state()
        if state == "given":
            chance = rng.choice([0.0, 0.25, 0.4, 0.5])
            values = {kind: rng.random() < chance for kind in kinds}
            self.put(section, several.keys, {self._style(k): v for k, v in values.items()})
            self._add_several(group, several, values)
            self.unknown(several.about, is_known=True)
            return
        if state == "null":
            self.put(section, several.keys, None)
            self.unknown(several.about, is_known=False)
        fault = "null_stated" if state == "null" else "invented"
        slips = []
        for text in several.has:
            for count in (1, 2):
                said = _listed([several.kinds[k] for k in rng.sample(kinds, count)])
                slips.append(
                    _Slip(_Say(_fill(text, said, is_wrong=True)), fault, contradicts=False)
                )
        denied = "null_denied" if state == "null" else "missing_denied"
        slips += _slips(
            [_Say(text, denies=True) for text in several.none], denied, contradicts=False
        )
        self.add(group, (), slips)

    def _add_several(self, group: str, several: "_Several", values: Mapping[str, bool]) -> None:
        rng = self.rng
        true = [several.kinds[kind] for kind, value in values.items() if value]
        false = [several.kinds[kind] for kind, value in values.items() if not value]
        right: list[_Say] = []
        slips: list[_Slip] = []
        if true:
            right += [_Say(_fill(text, _listed(true))) for text in several.has]
            if len(true) > 1:
                some = rng.sample(true, len(true) - 1)
                right += [_Say(_fill(text, _listed(some))) for text in several.has[:1]]
            slips += _slips(
                [_Say(text, denies=True) for text in several.none],
                "true_as_false",
                contradicts=True,
            )
            wrong = f"‹{rng.choice(true)}›"
            slips += [
                _Slip(_Say(_fill(text, wrong), "", denies=True), "true_as_false", contradicts=True)
                for text in several.lacks
            ]
        else:
            right += [_Say(text, denies=True) for text in several.none]
        if false:
            some = rng.sample(false, min(len(false), rng.randint(1, 2)))
            right += [_Say(_fill(text, _listed(some, "or")), denies=True) for text in several.lacks]
            for text in several.has:
                said = [*true, f"‹{rng.choice(false)}›"]
                rng.shuffle(said)
                slips.append(
                    _Slip(_Say(_fill(text, _listed(said))), "false_as_true", contradicts=True)
                )
        self.add(group, right, slips)

    def slot(
        self,
        section: str,
        group: str,
        keys: str,
        value: object,
        said: str | Sequence[str],
        others: Sequence[str],
        texts: Sequence[str],
        *,
        fault: str = "value",
        about: str = "",
        is_optional: bool = False,
        more: Sequence[_Slip] = (),
    ) -> None:
        """Write a value that sayings name in a slot "{}", and add them.

        `said` are faithful names of the value, `others` wrong ones.
        """
        state = self.state() if is_optional else "given"
        names = [said] if isinstance(said, str) else list(said)
        if state != "missing":
            self.put(section, keys, value if state == "given" else None)
        is_given = state == "given"
        wrong = {"null": "null_stated", "missing": "invented"}.get(state, fault)
        wrong_names = [o for o in others if o not in names] if is_given else [*names, *others]
        slips = [
            _Slip(_Say(_fill(text, f"‹{other}›")), wrong, contradicts=is_given)
            for text in texts
            for other in wrong_names
        ]
        right = [_fill(text, name) for text in texts for name in names] if is_given else []
        self.add(group, right, [*slips, *more] if is_given else slips)
        if state != "missing":
            self.unknown(about, is_known=is_given)


def _slips(says: Sequence[_Say], fault: str, *, contradicts: bool) -> list[_Slip]:
    """Sayings that are wrong as a whole."""
    return [
        _Slip(
            _Say(_mark_all(say.text), say.noun and f"‹{say.noun}›", say.denies), fault, contradicts
        )
        for say in says
    ]


def _tail_slips(tails: Sequence[str], *, contradicts: bool) -> list[_Slip]:
    """Conclusions that nothing supports; composed after a right saying, by their leading comma."""
    return [_Slip(_Say(f", ‹{tail}›"), "inference", contradicts) for tail in tails]


def _mark_all(text: str) -> str:
    return f"‹{_bare(text)}›"


def _bare(text: str) -> str:
    return text.replace("‹", "").replace("›", "")


def _fill(text: str, said: str, *, is_wrong: bool = False) -> str:
    """Put words into the slot; "a {}" becomes "an {}" before a vowel."""
    said = _mark_all(said) if is_wrong else said
    first = _bare(said)[:2].lower()
    is_vowel = (
        first[:1] in tuple("aeio") or first in {"up", "un", "ur", "11", "18"} or first[:1] == "8"
    )
    if first in {"eu", "un", "on"} and _bare(said).lower().startswith(("one", "uni", "eu")):
        is_vowel = False
    if is_vowel:
        text = text.replace(" a {}", " an {}")
        if text.startswith("a {}"):
            text = "an" + text[1:]
    return text.replace("{}", said)


def _listed(parts: Sequence[str], last: str = "and") -> str:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        return f"{parts[0]} {last} {parts[1]}"
    return f"{', '.join(parts[:-1])}, {last} {parts[-1]}"


def _unarticled(noun: str) -> str:
    """The noun without "a", wrong or not: there is no such thing as "no a garage"."""
    mark = "‹" if noun.startswith("‹") else ""
    return mark + noun.removeprefix("‹").removeprefix("an ").removeprefix("a ")


_COUNTS = "no one two three four five six seven eight nine ten eleven twelve".split()


def _count(number: int) -> str:
    return _COUNTS[number] if number < len(_COUNTS) else str(number)


# --- Composition -----------------------------------------------------------------------------

_UNKNOWNS = (
    "There is no information about {}.",
    "The record does not say anything about {}.",
    "No details are given about {}.",
    "The available data does not provide information on {}.",
    "Information on {} is not available.",
    "Nothing is said about {}.",
    "The listing gives no details on {}.",
)
_ALSO = (
    "Additionally, ",
    "In addition, ",
    "Furthermore, ",
    "Moreover, ",
    "According to the record, ",
    "Notably, ",
)
_FAULT_WEIGHTS = {
    "null_denied": 2.5,
    "null_stated": 2.0,
    "missing_denied": 0.6,
    "inference": 0.6,
    "known_denied": 0.5,
    "open_daily": 2.0,
    "hours_day": 1.5,
    "review_detail": 2.0,
    "review_stars": 0.6,
}
# How often a sentence goes wrong, by its group; 1 where not named.
_GROUP_WEIGHTS = {"hours": 3.0, "reviews": 1.6, "opening": 0.6, "unknown": 0.5}


@dataclass(frozen=True, slots=True)
class _Sentence:
    marked: str
    fault: str
    contradicts: bool


def _compose(kind: str, sheet: _Sheet) -> Drawn:
    rng = sheet.rng
    record = sheet.record()
    plan = _plan(sheet)
    faulty = (
        rng.choices([1, 2, 3], [0.5, 0.32, 0.18])[0] if rng.random() < 0.52 and len(plan) > 1 else 0
    )
    places = _faulty_places(rng, [facts[0].group for facts in plan], faulty)
    spare = [fact for fact in sheet.facts if not fact.right]
    rng.shuffle(spare)
    sentences = [
        _sentence(sheet, facts, spare, place, is_wrong=place in places)
        for place, facts in enumerate(plan)
    ]
    return Drawn(
        kind,
        Overview(record, tuple(_written(sentence) for sentence in sentences)),
        tuple(sentence.fault for sentence in sentences),
    )


def _faulty_places(rng: random.Random, groups: Sequence[str], count: int) -> set[int]:
    places = list(range(len(groups)))
    chosen: set[int] = set()
    for _ in range(min(count, len(groups) - 1)):
        weights = [_GROUP_WEIGHTS.get(groups[place], 1.0) for place in places]
        place = rng.choices(places, weights)[0]
        places.remove(place)
        chosen.add(place)
    return chosen


def _plan(sheet: _Sheet) -> list[list[_Fact]]:
    """The facts of each sentence: the opening, then a few of each group in a usual order."""
    rng = sheet.rng
    wanted = rng.choices(range(4, 11), [2, 3, 4, 5, 4, 3, 2])[0]
    groups = list(sheet.groups)
    if rng.random() < 0.3:
        middle = groups[1:-2]
        rng.shuffle(middle)
        groups = [groups[0], *middle, *groups[-2:]]
    if rng.random() < 0.75:
        groups.remove("unknown")
    body = [facts for group in groups for facts in _grouped(sheet, group)]
    _shorten(rng, body, wanted - 1)
    while len(body) < 3 and any(len(facts) > 1 for facts in body):
        at = next(at for at, facts in enumerate(body) if len(facts) > 1)
        body[at : at + 1] = [body[at][:1], body[at][1:]]
    _lengthen(rng, body)
    opening = [sheet.opening]
    if len(body) > 3 and not body[0][0].stands_alone and len(body[0]) == 1 and rng.random() < 0.6:
        opening += body.pop(0)
    return [opening, *body]


def _grouped(sheet: _Sheet, group: str) -> list[list[_Fact]]:
    """The facts of a group, sentence by sentence; two single reviews may share one."""
    rng = sheet.rng
    facts = [fact for fact in sheet.facts if fact.group == group and fact.right]
    rng.shuffle(facts)
    alone = [fact for fact in facts if fact.stands_alone]
    facts = [fact for fact in facts if not fact.stands_alone]
    sentences: list[list[_Fact]] = []
    while facts:
        size = rng.choices([1, 2, 3, 4], [1, 4, 5, 2])[0] if group != "hours" else 1
        sentences.append(facts[:size])
        facts = facts[size:]
    if group == "unknown":
        return [alone[:1]] if alone else []
    while alone:
        size = 2 if group == "reviews" and rng.random() < 0.6 else 1
        sentences.append(alone[:size])
        alone = alone[size:]
    return sentences


def _shorten(rng: random.Random, body: list[list[_Fact]], wanted: int) -> None:
    """Bring the sentences down to a number: neighbours are joined, others left out."""
    while len(body) > wanted:
        at = rng.randrange(len(body))
        if at + 1 < len(body) and _fits(body[at], body[at + 1]) and rng.random() < 0.8:
            body[at : at + 2] = [body[at] + body[at + 1]]
        elif body[at][0].group not in {"hours", "reviews"} or rng.random() < 0.5:
            body.pop(at)


def _fits(first: Sequence[_Fact], second: Sequence[_Fact]) -> bool:
    """Whether two sentences may become one: the hours of a day are not told twice in one."""
    facts = [*first, *second]
    hours = sum(fact.group == "hours" for fact in facts)
    return len(facts) <= 4 and hours < 2 and not any(fact.stands_alone for fact in facts)


def _lengthen(rng: random.Random, body: list[list[_Fact]]) -> None:
    """Join neighbours that would make short sentences, at least three being left."""
    at, least = 0, rng.choice([3, 4, 5, 6])
    while at + 1 < len(body) and len(body) > least:
        first, second = body[at], body[at + 1]
        if min(len(first), len(second)) == 1 and _fits(first, second) and rng.random() < 0.8:
            body[at : at + 2] = [first + second]
        at += 1


def _sentence(
    sheet: _Sheet, facts: list[_Fact], spare: list[_Fact], place: int, *, is_wrong: bool
) -> _Sentence:
    rng = sheet.rng
    says = [rng.choice(fact.right) for fact in facts]
    slip = _pick_slip(sheet, facts, says, spare) if is_wrong else None
    tail = ""
    if slip is not None and slip.say.text.startswith(","):
        tail = slip.say.text
    elif slip is None and rng.random() < 0.35 and not any(say.denies for say in says):
        tails = [(tail, at) for at, fact in enumerate(facts) for tail in fact.tails]
        if not facts[0].stands_alone:
            tails += [(tail, len(facts) - 1) for tail in sheet.stated]
        if tails:
            tail, at = rng.choice(tails)
            tail = f", {tail}"
            if not facts[0].stands_alone:
                says.append(says.pop(at))
    if facts[0].stands_alone:
        text = _alone(sheet, facts, says, tail, place)
    else:
        groups = {fact.group for fact in facts}
        text = _joined(sheet, says, tail, facts[0].group if len(groups) == 1 else "", place)
    return _Sentence(text, slip.fault if slip else "", slip is not None and slip.contradicts)


def _pick_slip(
    sheet: _Sheet, facts: list[_Fact], says: list[_Say], spare: list[_Fact]
) -> _Slip | None:
    """Choose what goes wrong in a sentence, and put it into its sayings.

    `spare` holds facts that only go wrong; one that is used is taken from it.
    """
    rng = sheet.rng
    options = [(slip, at) for at, fact in enumerate(facts) for slip in fact.wrong]
    last = facts[-1]
    for fact in spare:
        if fact.group == last.group and fact.stands_alone == last.stands_alone:
            at = 0 if fact.stands_alone else len(facts)
            options += [(slip, at) for slip in fact.wrong]
    if not facts[0].stands_alone:
        options += [(slip, 0) for slip in _tail_slips(sheet.inferences, contradicts=False)]
    if not options:
        return None
    faults = sorted({slip.fault for slip, _ in options})
    fault = rng.choices(faults, [_FAULT_WEIGHTS.get(f, 1.0) for f in faults])[0]
    slip, at = rng.choice([option for option in options if option[0].fault == fault])
    if slip.say.text.startswith(","):
        return slip
    if at == len(facts) and facts[0].stands_alone:
        says[-1] = slip.say
    elif at == len(facts):
        says[max(1, len(says) - (len(says) > 2)) :] = [slip.say]
        if not facts[0].stands_alone:
            rng.shuffle(says)
    else:
        says[at] = slip.say
    spare[:] = [fact for fact in spare if slip not in fact.wrong]
    return slip


def _alone(sheet: _Sheet, facts: list[_Fact], says: list[_Say], tail: str, place: int) -> str:
    """A sentence that came whole, and what follows it: a second one, or a verb phrase."""
    rng = sheet.rng
    text = says[0].text.replace("{s}", _subject(sheet, place))
    if len(says) == 1:
        return f"{text.rstrip('.')}{tail}." if tail else text
    text = text.rstrip(".")
    if facts[-1].stands_alone:
        second = says[1].text
        second = re.sub(r"(^|, )(one|a) ", r"\1another ", second, count=1)
        return f"{text}, {rng.choice(['while', 'and'])} {second}"
    it = sheet.it if sheet.name.lower() in _bare(text).lower() else sheet.subjects[0]
    return f"{text}, and {it} {says[1].text}{tail}."


def _subject(sheet: _Sheet, place: int) -> str:
    if place == 0:
        return sheet.name
    return sheet.rng.choice([sheet.it, sheet.it, sheet.name, *sheet.subjects])


def _joined(sheet: _Sheet, says: list[_Say], tail: str, group: str, place: int) -> str:
    rng = sheet.rng
    subject = _subject(sheet, place)
    lead = ""
    if rng.random() < 0.35:
        lead = rng.choice([*sheet.leads.get(group, ()), *_ALSO])
    text = _in_lists(sheet, says, subject, tail) or _in_contrast(rng, sheet.it, says, subject, tail)
    if not text:
        parts = [say.text for say in says]
        if not tail:
            parts.sort(key=lambda part: (" and " in part, len(part)))
        if len(parts) == 2 and rng.random() < 0.4:
            text = f"{subject} {parts[0]}, and {sheet.it} {_also(rng, parts[1])}{tail}"

        elif any("," in part for part in parts) and len(parts) > 1:
            *first, last = parts
            text = f"{subject} {_listed(first)}, and {sheet.it} {last}{tail}"
        else:
            text = f"{subject} {_listed(parts)}{tail}"
    return f"{lead}{text}."


def _also(rng: random.Random, phrase: str) -> str:
    if rng.random() < 0.5:
        return phrase
    for verb in ("is ", "‹is "):
        if phrase.startswith(verb):
            return f"{verb}also {phrase.removeprefix(verb)}"
    return f"also {phrase}"


def _in_lists(sheet: _Sheet, says: list[_Say], subject: str, tail: str) -> str:
    """A sentence that lists what is offered, then what is not; "" where a saying has no noun."""
    rng = sheet.rng
    if not all(say.noun for say in says) or rng.random() < 0.45 or not sheet.lists:
        return ""
    has = [say.noun for say in says if not say.denies]
    lacks = [say.noun for say in says if say.denies]
    not_ = _listed(lacks, "or") if lacks else ""
    none = _listed([_unarticled(noun) for noun in lacks], "or") if lacks else ""
    if has and lacks and not tail:
        return rng.choice(
            [
                f"{subject} offers {_listed(has)}, but {sheet.it} does not offer {not_}",
                f"while {subject} offers {_listed(has)}, {sheet.it} does not have {not_}",
                f"although {subject} does not offer {not_}, {sheet.it} does provide {_listed(has)}",
                f"{subject} provides {_listed(has)}, though there is no {none}",
            ]
        )
    if has and not lacks:
        return rng.choice(sheet.lists).format(s=subject, x=_listed(has)) + tail
    if lacks and not has:
        return rng.choice(
            [f"{subject} does not offer {not_}{tail}", f"{subject} has no {none}{tail}"]
        )
    return ""


def _in_contrast(rng: random.Random, it: str, says: list[_Say], subject: str, tail: str) -> str:
    """A sentence that sets what is against what is not; "" where there are not both."""
    has = [say.text for say in says if not say.denies]
    lacks = [say.text for say in says if say.denies]
    if not has or not lacks or rng.random() < 0.25:
        return ""
    first, second = _listed(has), _listed(lacks)
    options = [f"{subject} {first}, but {it} {second}{tail}"]
    if len(lacks) == 1:
        options += [
            f"while {subject} {second}, {it} {first}{tail}",
            f"although {subject} {second}, {it} {first}{tail}",
        ]
    if len(has) == 1:
        options += [f"{subject} {first}; however, {it} {second}{tail}"]
    return rng.choice(options)


def _written(sentence: _Sentence) -> Written:
    """Read the marks out of a sentence, and begin it with a capital."""
    text = ""
    spans: list[tuple[int, int]] = []
    start = 0
    for letter in sentence.marked:
        if letter == "‹":
            start = len(text)
        elif letter == "›":
            spans.append((start, len(text)))
        else:
            text += letter
    while text.endswith(".."):  # "a.m." ends its sentence
        text = text[:-1]
    spans = [(start, min(end, len(text))) for start, end in spans]
    return Written(
        text[:1].upper() + text[1:], not spans, sentence.contradicts and bool(spans), tuple(spans)
    )


# --- Shapes of values ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Trait:
    """A yes-or-no value: alternative keys, the noun lists use, and what is said of either."""

    keys: str
    noun: str
    yes: tuple[str, ...]
    no: tuple[str, ...]
    tails: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of a few values, each with what is said of it; `none` are those that deny."""

    keys: str
    options: Mapping[str, tuple[str, ...]]
    none: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class _Several:
    """An object of yes-or-no values: how each is called, and what is said of those that hold."""

    keys: str
    kinds: Mapping[str, str]
    has: tuple[str, ...]
    lacks: tuple[str, ...]
    none: tuple[str, ...]
    about: str = ""


# --- Words -----------------------------------------------------------------------------------

_FIRST = (
    "Ada Aisha Alba Amara Anders Anouk Arlo Asha Beatriz Benno Bram Callum Carmen Chidi Cleo Dario "
    "Delphine Dmitri Edda Elif Emeka Esme Farid Femke Fiona Gareth Giulia Hana Hector Helga Idris "
    "Imani Ines Ivo Jarek Jomo Juno Kaito Kamala Keira Lars Leila Linh Lorcan Maeve Malik Marisol "
    "Mateo Mei Milo Nadia Nils Noor Odette Olga Omar Orla Pavel Petra Priya Quentin Rafael Renata "
    "Rhys Rosa Ruben Saskia Selma Simone Stellan Suki Tamsin Tariq Thea Tomas Uma Valter Vera "
    "Wanda Willem Xenia Yara Yusuf Zadie Zoltan"
).split()
_LAST = (
    "Abernathy Achterberg Adeyemi Almgren Bancroft Barlow Bellweather Bianchi Brandvold Calloway "
    "Castellan Chaudhry Cormack Dalgaard Delacroix Dunmore Eastwick Ekström Fairbairn Farrow Feld "
    "Galloway Grimaldi Gutteridge Hakimi Halvorsen Hartigan Iwamoto Jankowski Kettering Kowal "
    "Lachance Lindqvist Lockhart Macready Marchetti Merriweather Mwangi Nakagawa Novotny Okafor "
    "Ostrander Pemberton Petrovic Quill Rahimi Rosenthal Sandoval Sørby Tanaka Thistlewood "
    "Underhill Valdez Vandermeer Wainwright Whitlock Wolfram Yamada Yilmaz Zielinski"
).split()
_ADJECTIVES = (
    "Amber Blue Brass Bright Broken Copper Crimson Curious Drowsy Emerald Faded Gilded Golden "
    "Green Happy Hidden Honest Humble Idle Iron Ivory Jolly Little Lone Lucky Mellow Merry Misty "
    "Nimble Noble Old Olive Painted Pale Quiet Red Royal Rusty Salted Silver Sleepy Smoky Spotted "
    "Sunny Tall Twin Velvet Wandering White Wild"
).split()
_NOUNS = (
    "Acorn Anchor Arrow Badger Barrel Bear Bell Birch Boat Bridge Canary Cedar Clover Compass "
    "Crane Crow Dove Elm Falcon Feather Fern Finch Forge Fox Garden Goose Hare Harbor Hazel Heron "
    "Juniper Kettle Lantern Lark Lemon Magpie Maple Meadow Mill Moon Oak Otter Owl Pebble Pine "
    "Plum Quail Rabbit Raven River Rooster Rose Sparrow Spoon Star Thistle Tiller Trout Turnip "
    "Walnut Whale Willow Wren"
).split()
_TOWN_STARTS = (
    "Alder Ash Beck Birch Black Brook Cald Clear Copper Cross Dun Eagle East Elk Fair Fern Glen "
    "Gran Green Hart Haw Hazel High Kings Lake Lang Lin Long Maple Mar Mill New North Oak Old Pine "
    "Rock Rose Sand Silver Spring Stan Stone Sun Thorn Wake West White Wild Win Wood"
).split()
_TOWN_ENDS = (
    "boro bridge brook burg bury dale field ford gate ham haven hurst leigh mere mont moor mouth "
    "port ridge side stead ton vale view ville ward water well wick wood worth"
).split()
_STREETS = "Street Avenue Road Lane Boulevard Drive Way Court Place Terrace Parkway".split()
_STATES = {
    "AL": "Alabama", "AZ": "Arizona", "CA": "California", "CO": "Colorado", "FL": "Florida",
    "GA": "Georgia", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "KS": "Kansas",
    "LA": "Louisiana", "MA": "Massachusetts", "ME": "Maine", "MI": "Michigan", "MO": "Missouri",
    "MT": "Montana", "NC": "North Carolina", "NJ": "New Jersey", "NM": "New Mexico",
    "NV": "Nevada", "NY": "New York", "OH": "Ohio", "OR": "Oregon", "PA": "Pennsylvania",
    "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VA": "Virginia", "VT": "Vermont",
    "WA": "Washington", "WI": "Wisconsin",
}  # fmt: skip
_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_COLOURS = "black white silver graphite navy red forest-green sand orange teal".split()
_LANGUAGES = (
    "Arabic Czech Danish Dutch English Finnish French German Greek Hindi Italian Japanese Korean "
    "Mandarin Polish Portuguese Spanish Swahili Swedish Turkish"
).split()


def _person(rng: random.Random) -> str:
    return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"


def _town(rng: random.Random) -> str:
    town = rng.choice(_TOWN_STARTS) + rng.choice(_TOWN_ENDS)
    return rng.choice(
        [town, town, town, f"{rng.choice(['North', 'Port', 'Upper', 'Fort'])} {town}"]
    )


def _street(rng: random.Random) -> str:
    name = rng.choice([*_NOUNS, *_LAST, *_TOWN_STARTS])
    return f"{rng.randint(2, 9400)} {name} {rng.choice(_STREETS)}"


def _other(rng: random.Random, draw_one: Callable[[random.Random], str], but: str) -> str:
    """Draw until it is another one."""
    while (drawn := draw_one(rng)) == but:
        pass
    return drawn


def _near(rng: random.Random, number: float, steps: Sequence[float]) -> float:
    """Another positive number, near by."""
    options = [number + sign * step for step in steps for sign in (1, -1)]
    return rng.choice([option for option in options if option > 0])


def _plain(number: float) -> str:
    return f"{number:g}" if abs(number) < 10000 else f"{number:.0f}"


def _money(amount: float) -> str:
    return f"${amount:,.0f}" if amount == int(amount) else f"${amount:,.2f}"


def _priced(rng: random.Random, words: str, amount: float) -> tuple[str, object]:
    """A sum as a record writes it, the currency in the value or in the key."""
    style = rng.randrange(3)
    if style == 0:
        return words, _money(amount)
    if style == 1:
        return words, f"{amount} USD"
    return "/".join(f"{word} usd" for word in words.split("/")), amount


@dataclass(frozen=True, slots=True)
class _Date:
    year: int
    month: int
    day: int

    def iso(self) -> str:
        """As a record writes it."""
        return f"{self.year}-{self.month:02}-{self.day:02}"

    def names(self) -> list[str]:
        """As a sentence writes it, the day included."""
        month = _MONTHS[self.month - 1]
        return [f"{month} {self.day}, {self.year}", f"{self.day} {month} {self.year}"]


def _date(rng: random.Random, first: int = 2016, last: int = 2025) -> _Date:
    return _Date(rng.randint(first, last), rng.randint(1, 12), rng.randint(1, 28))


def _other_dates(rng: random.Random, date: _Date) -> list[str]:
    month = rng.choice([m for m in range(1, 13) if m != date.month])
    day = rng.choice([d for d in range(1, 29) if d != date.day])
    wrong = [
        _Date(date.year, month, date.day),
        _Date(date.year, date.month, day),
        _Date(date.year + rng.choice([-1, 1]), date.month, date.day),
    ]
    return [other.names()[0] for other in wrong]


# --- Opening hours ---------------------------------------------------------------------------

_Times = tuple[int, int]  # minutes after midnight


def _clock(minutes: int, style: int) -> str:
    """A time of day; style 4 is the 24-hour clock, which has no am and pm to confuse."""
    hour, minute = divmod(minutes % 1440, 60)
    if style == 4:
        return f"{hour}:{minute:02}"
    if style in {0, 2} and not minute and hour in {0, 12}:
        return "midnight" if hour == 0 else "noon"
    half = (("AM", "PM"), ("AM", "PM"), ("am", "pm"), ("a.m.", "p.m."))[style][hour >= 12]
    space = "" if style == 2 else " "
    shown = hour % 12 or 12
    return f"{shown}:{minute:02}{space}{half}" if minute or style == 1 else f"{shown}{space}{half}"


def _raw_hours(times: _Times, style: int) -> str:
    """Hours as a record writes them."""
    opens, closes = times
    if style == 0:
        return f"{opens // 60}:{opens % 60}-{closes // 60 % 24}:{closes % 60}"
    if style == 1:
        return f"{opens // 60:02}:{opens % 60:02}-{closes // 60 % 24:02}:{closes % 60:02}"
    return f"{_clock(opens, 1)} - {_clock(closes, 1)}"


def _week(rng: random.Random) -> list[_Times | None]:
    """Hours of each day; None where closed."""
    opens = rng.choice([6, 7, 8, 9, 9, 10, 10, 11, 11, 12, 16]) * 60 + rng.choice([0, 0, 0, 30])
    closes = max(opens + 240, rng.choice([14, 15, 17, 18, 19, 20, 21, 22]) * 60)
    closes += rng.choice([0, 0, 0, 30])
    usual = (opens, closes)
    later = (opens, min(closes + rng.choice([60, 90, 120]), 1380))
    shorter = (opens + 60, max(closes - rng.choice([60, 120]), opens + 180))
    week: list[_Times | None] = [usual] * 7
    shape = rng.randrange(6)
    if shape in {1, 2}:
        week[4] = week[5] = later
    if shape in {2, 3}:
        week[5] = week[6] = shorter
    if shape == 4:
        week[6] = shorter
    if rng.random() < 0.55:
        for day in rng.choice([[6], [0], [6], [5, 6], [0, 1], [rng.randrange(7)]]):
            week[day] = None
    return week


def _runs(week: Sequence[_Times | None]) -> list[tuple[int, int, _Times | None]]:
    """Days in a row with the same hours: first, last (inclusive), hours."""
    runs: list[tuple[int, int, _Times | None]] = []
    for day, times in enumerate(week):
        if runs and runs[-1][2] == times:
            runs[-1] = (runs[-1][0], day, times)
        else:
            runs.append((day, day, times))
    return runs


def _days(rng: random.Random, first: int, last: int) -> str:
    if (first, last) == (0, 4) and rng.random() < 0.3:
        return "on weekdays"
    if (first, last) == (5, 6) and rng.random() < 0.3:
        return "on weekends"
    if first == last:
        return rng.choice([f"on {_DAYS[first]}", f"on {_DAYS[first]}s"])
    if last == first + 1:
        return rng.choice(
            [f"on {_DAYS[first]} and {_DAYS[last]}", f"on {_DAYS[first]}s and {_DAYS[last]}s"]
        )
    return rng.choice(["from {} to {}", "{} through {}", "{} to {}", "from {} through {}"]).format(
        _DAYS[first], _DAYS[last]
    )


def _between(rng: random.Random, opens: str, closes: str) -> str:
    text = rng.choice(["from {} to {}", "from {} to {}", "between {} and {}", "from {} until {}"])
    return text.format(opens, closes)


def _hours(sheet: _Sheet) -> None:
    """Write the hours of a week, and add what may be said of them."""
    rng = sheet.rng
    section = "hours/opening hours/business hours/hours of operation/schedule"
    if rng.random() < 0.1:
        sheet.put("", section, None)
        slips = [
            _Slip(_Say(f"is ‹open {days} from 9 AM to {close}›"), "null_stated", contradicts=False)
            for days in ("daily", "Monday to Friday", "seven days a week")
            for close in ("5 PM", "8 PM", "10 PM")
        ]
        sheet.add("hours", (), slips)
        sheet.unknown("the opening hours", is_known=False)
        return
    week = _week(rng)
    raw = rng.choice([0, 0, 1, 2])
    closed: object = {0: "0:0-0:0", 1: "closed", 2: "Closed"}[raw]
    is_missing = rng.random() < 0.35
    shown_days = rng.choice([_DAYS, [day.lower() for day in _DAYS], [day[:3] for day in _DAYS]])
    days: dict[str, str] = {}
    for day, times in enumerate(week):
        if times is not None:
            days[shown_days[day]] = _raw_hours(times, raw)
        elif not is_missing:
            days[shown_days[day]] = str(closed)
    sheet.put("", section, days)
    open_runs = [(a, b, t) for a, b, t in _runs(week) if t is not None]
    right = _right_hours(rng, open_runs, week)
    wrong = _wrong_hours(rng, open_runs, week, says_closed=not is_missing)
    shut = [_DAYS[day] for day, times in enumerate(week) if times is None]
    if shut and not is_missing:
        plural = _listed([f"{day}s" for day in shut])
        right += [
            _Say(f"is closed on {plural}", denies=True),
            _Say(f"does not open on {plural}", denies=True),
        ]
    right_all = [say for say in right if not say.denies]
    sheet.add("hours", rng.sample(right_all, min(3, len(right_all))), wrong)
    if len(right) > len(right_all) or rng.random() < 0.5:
        sheet.add("hours", rng.sample(right, min(3, len(right))), wrong)
    sheet.unknown("the opening hours", is_known=True)


def _right_hours(
    rng: random.Random, runs: list[tuple[int, int, _Times]], week: Sequence[_Times | None]
) -> list[_Say]:
    says: list[_Say] = []
    for _ in range(3):
        style = rng.choice([0, 0, 1, 1, 2, 3, 4])
        parts = []
        for first, last, (opens, closes) in runs:
            at = _between(rng, _clock(opens, style), _clock(closes, style))
            if (first, last) == (0, 6):
                daily = rng.choice(["daily", "every day", "seven days a week"])
                parts.append(f"{daily} {at}")
            else:
                parts.append(f"{_days(rng, first, last)} {at}")
        says.append(_Say(f"is open {_listed(parts)}"))
        first, last, (opens, closes) = rng.choice(runs)
        if (first, last) != (0, 6):
            days = _days(rng, first, last)
            says.append(
                _Say(f"is open {_between(rng, _clock(opens, style), _clock(closes, style))} {days}")
            )
            says.append(_Say(f"closes at {_clock(closes, style)} {days}"))
            says.append(_Say(f"opens at {_clock(opens, style)} {days}"))
    times = [t for t in week if t is not None]
    style = rng.choice([0, 1, 3])
    if len(times) == 7:
        says += [_Say("is open seven days a week"), _Say("is open every day of the week")]
        if len({opens for opens, _ in times}) == 1:
            says.append(_Say(f"opens at {_clock(times[0][0], style)} every day"))
    if len(times) == 7 and len(runs) == 1:
        says.append(_Say("keeps the same hours all week"))
    return says


def _wrong_hours(
    rng: random.Random,
    runs: list[tuple[int, int, _Times]],
    week: Sequence[_Times | None],
    *,
    says_closed: bool,
) -> list[_Slip]:
    slips: list[_Slip] = []
    for _ in range(3):
        style = rng.choice([0, 1, 1, 2, 3])
        wrong_run = rng.randrange(len(runs))
        for fault in ("hours_time", "hours_ampm"):
            parts = []
            for place, (first, last, times) in enumerate(runs):
                shown = [_clock(t, style) for t in times]
                if place == wrong_run:
                    at = rng.randrange(2)
                    step = (
                        720 if fault == "hours_ampm" else rng.choice([-120, -60, -30, 30, 60, 120])
                    )
                    shown[at] = f"‹{_clock(times[at] + step, style)}›"
                days = "daily" if (first, last) == (0, 6) else _days(rng, first, last)
                parts.append(f"{days} {_between(rng, *shown)}")
            slips.append(_Slip(_Say(f"is open {_listed(parts)}"), fault, contradicts=True))
        first, last, times = runs[wrong_run]
        at_times = _between(rng, *(_clock(t, style) for t in times))
        if last - first >= 1 and last < 6:
            wider = f"{_DAYS[first]} to ‹{_DAYS[last + 1]}›"
            contradicts = week[last + 1] is not None or says_closed
            slips.append(_Slip(_Say(f"is open from {wider} {at_times}"), "hours_day", contradicts))
        others = [day for day in range(7) if week[day] is not None and week[day] != times]
        if others:
            day = f"‹{_DAYS[rng.choice(others)]}s›"
            said = f"is open on {day} {at_times}"
            slips.append(_Slip(_Say(said), "hours_day", contradicts=True))
    if any(times is None for times in week):
        slips += [
            _Slip(_Say(text), "open_daily", says_closed)
            for text in (
                "is open ‹seven days a week›",
                "is open ‹daily›",
                "is open ‹every day of the week›",
                "welcomes customers ‹every day›",
            )
        ]
        if len(runs) == 1 or len({times for _, _, times in runs}) == 1:
            style = rng.choice([0, 1, 3])
            at_times = _between(rng, *(_clock(t, style) for t in runs[0][2]))
            slips.append(_Slip(_Say(f"is open ‹daily› {at_times}"), "open_daily", says_closed))
    open_days = [day for day, times in enumerate(week) if times is not None]
    day = _DAYS[rng.choice(open_days)]
    slips += [
        _Slip(_Say(f"is ‹closed on {day}s›", denies=True), "closed_day", contradicts=True),
        _Slip(_Say(f"‹does not open on {day}s›", denies=True), "closed_day", contradicts=True),
    ]
    return slips


# --- Reviews ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Aspect:
    """Something reviews speak of: what they write, and how a summary says it, well or ill.

    Each summary follows from each of the texts on its side; "{d}" is a dish or the like, "{n}" a
    number. Summaries are a noun phrase (praised ..., complained about ...) or a clause (said
    that ...), which begins with "that".
    """

    good: tuple[str, ...]
    good_said: tuple[str, ...]
    bad: tuple[str, ...]
    bad_said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Opinion:
    is_good: bool
    text: str
    said: tuple[str, ...]
    opposite: tuple[str, ...]  # empty for an anecdote, whose other side is another story
    swapped: tuple[str, ...]  # the sayings with another dish or number, marked


@dataclass(frozen=True, slots=True)
class _Review:
    stars: int
    date: _Date
    author: str
    opinions: tuple[_Opinion, ...]


_STAFF = _Aspect(
    (
        "Everyone who works here was so kind to us.",
        "The staff could not have been nicer.",
        "Super friendly team from the moment we walked in.",
        "Staff greeted us warmly and stayed pleasant the whole time.",
        "Such lovely, welcoming people working here!",
    ),
    ("the friendly staff", "how kind the staff were", "that the staff were friendly"),
    (
        "The staff were rude from start to finish.",
        "I have never been treated so rudely by employees.",
        "The person at the counter rolled her eyes at me, very rude.",
        "Staff snapped at us for asking a simple question. So impolite.",
    ),
    ("the rude staff", "the impolite staff", "that the staff were rude"),
)
_WAIT = _Aspect(
    (
        "We hardly had to wait, in and out in {n} minutes.",
        "Very quick service, only {n} minutes.",
        "Fast! They were done with us in {n} minutes.",
    ),
    ("the quick service", "how fast the service was", "that everything took only {n} minutes"),
    (
        "We waited {n} minutes before anyone came to us.",
        "A {n} minute wait, way too slow.",
        "Sat there for {n} minutes waiting. Ridiculously slow.",
    ),
    ("the long wait", "a wait of {n} minutes", "that they waited for {n} minutes"),
)
_PRICE = _Aspect(
    (
        "Prices are very reasonable.",
        "Really fair prices.",
        "And it won't break the bank, quite cheap actually.",
    ),
    ("the reasonable prices", "the affordable prices", "that the prices were fair"),
    (
        "Way overpriced for what you get.",
        "Too expensive, I won't pay that again.",
        "The prices are outrageous.",
    ),
    ("the high prices", "how expensive it was", "that it was overpriced"),
)
_CLEAN = _Aspect(
    (
        "The place is spotless.",
        "Everything was sparkling clean.",
        "Very clean inside, bathrooms included.",
    ),
    ("the cleanliness of the place", "how clean the place was", "that the place was clean"),
    (
        "Floors were filthy and sticky.",
        "The whole place was dirty, yuck.",
        "It looked like nobody had cleaned in weeks, dirt everywhere.",
    ),
    ("the lack of cleanliness", "how dirty the place was", "that the place was dirty"),
)
_PARKING = _Aspect(
    ("Finding a parking spot was easy.", "Parking was no problem at all.", "So easy to park here."),
    ("the easy parking", "how easy it was to park", "that parking was easy"),
    (
        "Parking is a nightmare.",
        "We drove around forever trying to find parking.",
        "Good luck finding a place to park, it is nearly impossible.",
    ),
    ("the difficulty of parking", "how hard it was to park", "that parking was difficult"),
)
_PHONE = _Aspect(
    (
        "They picked up the phone right away when I called.",
        "Called ahead and they answered on the first ring.",
    ),
    ("how promptly the phone was answered", "that the phone was answered promptly"),
    ("Nobody ever answers the phone.", "I called over and over and no one picked up."),
    ("unanswered phone calls", "that nobody answered the phone"),
)
_ANECDOTES = tuple(
    _Aspect((good,), (good_said,), (bad,), (bad_said,))
    for good, good_said, bad, bad_said in (
        ("The owner came over in person to say hello.",
         "that the owner came over in person to say hello",
         "The owner yelled at another customer in front of us.",
         "that the owner yelled at another customer"),
        ("My kids got a small gift.", "that children received a small gift",
         "My kids were told to be quiet twice.", "that children were told to be quiet"),
        ("I told my whole family to try it.", "that they recommended it to their whole family",
         "I have warned all my neighbors.", "that they warned their neighbors"),
        ("Got a discount for being a returning customer.", "a discount for returning customers",
         "They refused to honor my coupon.", "a coupon that was not honored"),
        ("They just renovated and it looks fantastic.", "the recent renovation",
         "The building is falling apart.", "the state of the building"),
        ("I have been coming back for ten years.", "that they have been coming back for ten years",
         "After ten years as a regular I am done.", "that they are leaving after ten years"),
    )
)  # fmt: skip
_GENERAL = (_STAFF, _WAIT, _PRICE, _CLEAN, _PARKING, _PHONE)
_QUIET = _Aspect(
    ("It's quiet enough to have a real conversation.", "Calm and quiet room, loved that."),
    ("the quiet atmosphere", "how quiet it was", "that the room was quiet"),
    ("So loud we had to shout at each other.", "The noise inside is unbearable."),
    ("the noise", "how noisy it was", "that it was too loud"),
)
_EATING = (
    _Aspect(
        (
            "The {d} was delicious.",
            "Best {d} I've had in years!",
            "Get the {d}, it is outstanding.",
            "I dream about their {d}. So tasty.",
        ),
        ("the {d}", "how good the {d} was", "that the {d} was excellent"),
        (
            "The {d} was awful.",
            "My {d} tasted terrible.",
            "Don't order the {d}, it was disgusting.",
        ),
        ("the taste of the {d}", "how bad the {d} was", "that the {d} was bad"),
    ),
    _Aspect(
        (
            "Portions are huge.",
            "The plates are enormous, we took half of it home.",
            "Big portions!",
        ),
        ("the generous portions", "the large portion sizes", "that the portions were large"),
        (
            "The portions are tiny.",
            "Left hungry because the portions were so small.",
            "Tiny plates.",
        ),
        ("the small portions", "the portion sizes", "that the portions were small"),
    ),
    _QUIET,
    _Aspect(
        ("Food arrived piping hot.", "Everything came out hot from the kitchen."),
        ("that the food was served hot", "the fact that the food arrived hot"),
        ("Our food was cold when it reached the table.", "Everything was served stone cold."),
        ("cold food", "that the food was cold"),
    ),
    _Aspect(
        ("They got our order exactly right.", "Order was correct down to the last detail."),
        ("the accuracy of the order", "that the order was correct"),
        ("They got our order wrong.", "They brought me the wrong thing, not what I ordered."),
        ("a mistake in the order", "that the order was wrong"),
    ),
)
_BEAUTY = (
    _Aspect(
        ("My {d} turned out beautiful.", "I'm obsessed with my {d}!", "Love how my {d} came out."),
        ("the result of the {d}", "how well the {d} turned out", "that the {d} turned out well"),
        ("They ruined my {d}.", "My {d} is a disaster.", "Worst {d} of my life."),
        ("a bad {d}", "how badly the {d} turned out", "that the {d} turned out badly"),
    ),
    _Aspect(
        ("She really listened to what I wanted.", "They listened carefully to what I asked for."),
        ("how well their wishes were listened to", "that they felt listened to"),
        ("They did not listen to a word I said.", "I told them what I wanted and was ignored."),
        ("not being listened to", "that their wishes were ignored"),
    ),
)
_TRAINING = (
    _Aspect(
        ("Loads of modern machines.", "The machines are all brand new.", "Great modern equipment."),
        ("the modern equipment", "the modern machines", "that the equipment was modern"),
        ("Half the machines are broken.", "So many broken machines.", "Broken equipment all over."),
        ("the broken equipment", "the broken machines", "that machines were broken"),
    ),
    _Aspect(
        ("Never crowded when I go.", "There is always space, it never gets packed."),
        ("the lack of crowds", "that it was never crowded"),
        ("It is packed every single evening.", "Way too crowded in the evening."),
        ("the crowds in the evening", "how crowded it was in the evening"),
    ),
)
_REPAIR = (
    _Aspect(
        ("Honest mechanics who told me what I did not need.", "Finally an honest shop."),
        ("the honesty of the shop", "that the shop was honest"),
        ("They charged me for work they never did.", "They billed me for a repair they didn't do."),
        ("being charged for work that was not done", "that they were billed for work never done"),
    ),
    _Aspect(
        ("My {d} has been perfect since they fixed it.", "They fixed the {d} the first time."),
        ("the repair of the {d}", "that the {d} was fixed properly"),
        (
            "The {d} broke again a week after they fixed it.",
            "Took it in for the {d}, still broken.",
        ),
        ("the failed repair of the {d}", "that the {d} was not fixed properly"),
    ),
)
_SHOPPING = (
    _Aspect(
        ("Huge selection, you can find anything.", "The selection is incredible."),
        ("the wide selection", "the large selection", "that the selection was large"),
        ("Hardly anything on the shelves.", "Very poor selection, shelves half empty."),
        ("the poor selection", "the limited selection", "that the selection was poor"),
    ),
    _Aspect(
        ("They took back my return without any fuss.", "Returning my {d} was painless."),
        ("the easy returns", "how easy the return was", "that the return was easy"),
        ("They refused to take back my return.", "They would not let me return the {d}."),
        ("a refused return", "that a return was refused"),
    ),
)
_BREAKFASTS = _Aspect(
    ("Breakfast was excellent.", "We loved the breakfast."),
    ("the breakfast", "how good the breakfast was", "that the breakfast was very good"),
    ("Breakfast was dreadful.", "The breakfast was inedible."),
    ("the poor breakfast", "how bad the breakfast was", "that the breakfast was bad"),
)
_STAYING = (
    _Aspect(
        ("The bed was so comfortable.", "Slept like a baby, wonderful bed."),
        ("the comfortable bed", "the comfort of the bed", "that the bed was comfortable"),
        ("The mattress was rock hard and painful.", "Terrible bed, my back hurts."),
        ("the uncomfortable bed", "that the bed was uncomfortable"),
    ),
    _Aspect(
        ("What a view from our window!", "The view from the room was stunning."),
        ("the view from the room", "that the room had a beautiful view"),
        ("Our window looked onto a brick wall.", "The only view we had was of the dumpsters."),
        ("the poor view from the room", "that the view from the room was bad"),
    ),
    _Aspect(
        ("Check-in took no time.", "Checking in was quick and painless."),
        ("the quick check-in", "how smooth check-in was", "that check-in was quick"),
        ("Check-in took forever.", "We stood in line for ages to check in."),
        ("the slow check-in", "that check-in took a long time"),
    ),
)
_USING = (
    _Aspect(
        ("Feels very solid in the hand.", "The build quality is superb.", "Built like a tank."),
        ("the build quality", "the solid construction", "that it was solidly built"),
        ("It feels flimsy and cheap.", "Flimsy build, cracked already."),
        ("the flimsy construction", "the poor build quality", "that it was flimsy"),
    ),
    _Aspect(
        ("Setup took two minutes, dead simple.", "So easy to set up."),
        ("the easy setup", "how easy it was to set up", "that it was easy to set up"),
        ("Setting it up was a horrible struggle.", "The setup is a nightmare."),
        ("the difficult setup", "how hard it was to set up", "that it was hard to set up"),
    ),
    _Aspect(
        ("Arrived two days early.", "Shipping was super fast."),
        ("the fast delivery", "that it arrived quickly"),
        ("Delivery took weeks longer than promised.", "It arrived very late."),
        ("the late delivery", "that it arrived late"),
    ),
    _Aspect(
        ("Customer support solved my problem right away.", "Support was really helpful."),
        ("the helpful customer support", "that customer support was helpful"),
        ("Customer support never replied.", "I wrote to support three times and got no answer."),
        ("the unresponsive customer support", "that customer support did not respond"),
    ),
)
_FILLERS = (
    "Came here with my sister on a rainy afternoon.",
    "This was my second visit.",
    "Stopped in on the way home from work.",
    "A colleague told me about this one.",
    "First time writing a review.",
    "We were in the area for a wedding.",
    "I had been meaning to try it for a while.",
)
_GOOD_CLOSE = ("Will be back!", "Highly recommend.", "Five stars from me.", "Love it.", "")
_BAD_CLOSE = ("Never again.", "Avoid.", "Very disappointed.", "Save your money.", "")
_PRAISED = ("praised {}", "was impressed by {}", "appreciated {}", "was pleased with {}")
_BLAMED = ("complained about {}", "was unhappy with {}", "criticized {}", "was disappointed by {}")
_CLAUSED = ("said {}", "mentioned {}", "noted {}", "reported {}")


def _reported(rng: random.Random, said: str, *, is_good: bool) -> str:
    """A summary made a report of someone: "praised the quick service"."""
    if _bare(said).startswith("that "):
        return rng.choice(_CLAUSED).format(said)
    return rng.choice(_PRAISED if is_good else _BLAMED).format(said)


def _opinion(
    rng: random.Random, aspect: _Aspect, things: Sequence[str], *, is_good: bool
) -> _Opinion:
    thing, other = rng.sample(list(things), 2) if len(things) > 1 else ("item", "order")
    number = rng.choice([5, 10, 15] if is_good else [25, 30, 40, 45, 50, 75, 90])
    wrong = number + rng.choice([5, 10, 15, 20]) * rng.choice([-1, 1])
    wrong = wrong if wrong > 0 else number + 20
    texts, said, against = (
        (aspect.good, aspect.good_said, aspect.bad_said)
        if is_good
        else (aspect.bad, aspect.bad_said, aspect.good_said)
    )

    def put(text: str, d: str = thing, n: str = str(number)) -> str:
        return text.replace("{d}", d).replace("{n}", n)

    swapped = tuple(put(s, f"‹{other}›", f"‹{wrong}›") for s in said if "{" in s)
    text = rng.choice(texts)
    if "{d}" not in text and any("{d}" in t for t in texts):
        swapped = ()
    return _Opinion(
        is_good,
        put(text),
        tuple(put(s) for s in said),
        () if aspect in _ANECDOTES else tuple(put(s) for s in against if "{n}" not in s),
        swapped,
    )


def _draw_reviews(
    rng: random.Random, aspects: Sequence[_Aspect], things: Sequence[str]
) -> tuple[list[_Review], list[_Aspect]]:
    """Reviews that share no aspect, and the aspects none of them speaks of."""
    left = rng.sample(list(aspects), len(aspects))
    mood = rng.choice(["good", "bad", "mixed", "mixed", "mixed"])
    reviews: list[_Review] = []
    for _ in range(rng.randint(1, 4)):
        if len(left) < 3:
            break
        turn = {"good": 0.0, "bad": 1.0, "mixed": rng.random()}[mood]
        tone = "good" if turn < 0.45 else "mixed" if turn < 0.6 else "bad"
        count = 2 if tone == "mixed" else rng.choice([1, 1, 2])
        sides = [True, False] if tone == "mixed" else [tone == "good"] * count
        opinions = tuple(_opinion(rng, left.pop(), things, is_good=is_good) for is_good in sides)
        stars = {"good": rng.choice([4, 5, 5]), "mixed": 3, "bad": rng.choice([1, 1, 2])}[tone]
        author = _other(rng, lambda r: r.choice(_FIRST), "")
        while author in {review.author for review in reviews}:
            author = rng.choice(_FIRST)
        reviews.append(_Review(stars, _date(rng, 2014, 2024), author, opinions))
    return reviews, left


def _review_text(rng: random.Random, review: _Review) -> str:
    parts = [opinion.text for opinion in review.opinions]
    if rng.random() < 0.5:
        parts.insert(0, rng.choice(_FILLERS))
    close = {True: _GOOD_CLOSE, False: _BAD_CLOSE}.get(review.stars > 3, ("",))
    if review.stars != 3:
        parts.append(rng.choice([c for c in close if "Five" not in c or review.stars == 5]))
    return " ".join(part for part in parts if part)


def _reviews(
    sheet: _Sheet, aspects: Sequence[_Aspect], things: Sequence[str], who: Sequence[str]
) -> None:
    """Write a few reviews, and add what may be said of them."""
    rng = sheet.rng
    if rng.random() < 0.12:
        return
    reviews, left = _draw_reviews(rng, aspects, things)
    has_author, has_date = rng.random() < 0.4, rng.random() < 0.7
    has_time, is_float = rng.random() < 0.5, rng.random() < 0.5
    stars, date = sheet.key("stars/rating/review stars/score"), sheet.key("date/review date/posted")
    author, body = sheet.key("author/reviewer/user"), sheet.key("text/review text/comment/body")
    rows = []
    for review in reviews:
        row: dict[str, Any] = {stars: float(review.stars) if is_float else review.stars}
        if has_date:
            time = f" {rng.randint(8, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"
            row[date] = review.date.iso() + (time if has_time else "")
        if has_author:
            row[author] = review.author
        row[body] = _review_text(rng, review)
        rows.append(row)
    sheet.put("", "reviews/customer reviews/review info/recent reviews", rows)
    for place, review in enumerate(reviews):
        others = [other for at, other in enumerate(reviews) if at != place]
        _review_fact(sheet, review, others, left, who, has_author=has_author, has_date=has_date)
    _reviews_fact(sheet, reviews, who)
    _counts_fact(sheet, reviews)


def _report(rng: random.Random, review: _Review, *, but: int = -1, saying: str = "") -> str:
    """What a reviewer said, opinion by opinion; the one at `but` said wrongly."""
    parts = [
        saying
        if place == but
        else _reported(rng, rng.choice(opinion.said), is_good=opinion.is_good)
        for place, opinion in enumerate(review.opinions)
    ]
    return f" {'but' if review.stars == 3 and but < 0 else 'and'} ".join(parts)


def _review_fact(
    sheet: _Sheet,
    review: _Review,
    others: Sequence[_Review],
    left: Sequence[_Aspect],
    who: Sequence[str],
    *,
    has_author: bool,
    has_date: bool,
) -> None:
    """What may be said of one review."""
    rng = sheet.rng
    person = rng.choice(list(who))
    stars = f"{review.stars} star{'' if review.stars == 1 else 's'}"
    heads = [f"one {person}", f"a {person}", f"one {person} who gave {stars}"]
    if has_date:
        heads.append(f"in a review dated {rng.choice(review.date.names())}, a {person}")
        heads.append(f"in {_MONTHS[review.date.month - 1]} {review.date.year}, one {person}")
    if has_author:
        heads += [review.author] * 2
    right = [f"{head} {_report(rng, review)}." for head in heads for _ in range(2)]
    slips: list[_Slip] = []

    def slip(text: str, fault: str, *, contradicts: bool) -> None:
        slips.append(_Slip(_Say(f"{text}."), fault, contradicts))

    for at, opinion in enumerate(review.opinions):
        for head in rng.sample(heads, 2):
            for saying, fault, contradicts in _twisted(rng, opinion):
                said = _report(rng, review, but=at, saying=saying)
                slip(f"{head} {said}", fault, contradicts=contradicts)
    for extra in _untold(rng, left, is_good=review.opinions[-1].is_good):
        last = review.opinions[-1]
        said = _reported(rng, rng.choice(last.said), is_good=last.is_good)
        slip(f"{rng.choice(heads)} {said} and {extra}", "review_invented", contradicts=False)
    said = _report(rng, review)
    wrong = rng.choice([number for number in range(1, 6) if number != review.stars])
    stars = "star" if wrong == 1 else "stars"
    slip(f"one {person} who gave ‹{wrong} {stars}› {said}", "review_stars", contradicts=True)
    if has_date:
        date = rng.choice(_other_dates(rng, review.date))
        slip(f"in a review dated ‹{date}›, a {person} {said}", "date", contradicts=True)
    if has_author and others:
        slip(f"‹{rng.choice(others).author}› {said}", "review_attribution", contradicts=False)
    sheet.add("reviews", right, slips, stands_alone=True)


def _twisted(rng: random.Random, opinion: _Opinion) -> Iterator[tuple[str, str, bool]]:
    """An opinion turned round, and one with another dish or number: the fault, what it denies."""
    if opinion.opposite:
        against = _reported(rng, rng.choice(opinion.opposite), is_good=not opinion.is_good)
        yield f"‹{against}›", "sentiment", True
    if opinion.swapped:
        other = rng.choice(opinion.swapped)
        is_number = any(letter.isdigit() for letter in other)
        yield _reported(rng, other, is_good=opinion.is_good), "review_detail", is_number


def _untold(rng: random.Random, left: Sequence[_Aspect], *, is_good: bool) -> list[str]:
    """Reports of what no review speaks of."""
    reports: list[str] = []
    for aspect in left[:3]:
        said = [s for s in (aspect.good_said if is_good else aspect.bad_said) if "{" not in s]
        if said:
            reports.append(f"‹{_reported(rng, rng.choice(said), is_good=is_good)}›")
    return reports


def _reviews_fact(sheet: _Sheet, reviews: Sequence[_Review], who: Sequence[str]) -> None:
    """What may be said of all reviews together."""
    rng = sheet.rng
    people = rng.choice(list(who)) + "s"

    def phrases(*, is_good: bool) -> list[str]:
        return [
            said
            for review in reviews
            for opinion in review.opinions
            if opinion.is_good == is_good
            for said in rng.sample(opinion.said, 1)
            if not said.startswith("that ")
        ]

    good, bad = phrases(is_good=True), phrases(is_good=False)
    has_good = any(o.is_good for review in reviews for o in review.opinions)
    has_bad = any(not o.is_good for review in reviews for o in review.opinions)
    right: list[str] = []
    slips: list[_Slip] = []

    def slip(text: str) -> None:
        slips.append(_Slip(_Say(text), "sentiment_overall", contradicts=True))

    if good and bad and len(reviews) > 1:
        g, b = _listed(good[:2]), _listed(bad[:2])
        right += [
            f"reviews are mixed, with praise for {g} and complaints about {b}.",
            f"reviews are mixed, with some praise for {g} but also complaints about {b}.",
            f"{people} have mixed opinions: there is praise for {g}, but also criticism of {b}.",
            f"reviews are mixed, with some {people} praising {g} and others criticizing {b}."
            if {review.stars > 3 for review in reviews} == {True, False}
            and 3 not in {review.stars for review in reviews}
            else f"feedback is mixed, with positive remarks about {g} and criticism of {b}.",
        ]
        slip(f"reviews are ‹overwhelmingly positive›, with {people} praising {g}.")
        slip(f"‹all of the reviews are positive›, with {people} praising {g}.")
        slip(f"reviews are ‹uniformly negative›, with {people} complaining about {b}.")
        slip(f"‹every reviewer was satisfied›, with particular praise for {g}.")
    elif good and not has_bad and len(reviews) > 1:
        g = _listed(good[:3])
        right += [
            f"all of the reviews are positive, with praise for {g}.",
            f"{people} speak highly of {{s}}, praising {g}.",
            f"the feedback is uniformly positive, and reviewers highlight {g}.",
            f"reviews are overwhelmingly positive, with {people} praising {g}.",
            f"every reviewer was satisfied, with particular praise for {g}.",
        ]
        slip(f"‹reviews are mixed›, with some praise for {g} ‹but also complaints›.")
        slip(f"the feedback is ‹largely negative›, although there is some praise for {g}.")
    elif bad and not has_good and len(reviews) > 1:
        b = _listed(bad[:3])
        right += [
            f"all of the reviews are negative, with complaints about {b}.",
            f"{people} were dissatisfied, complaining about {b}.",
            f"the feedback is consistently negative, and reviewers criticize {b}.",
            f"reviews are uniformly negative, with {people} complaining about {b}.",
        ]
        slip(f"‹reviews are mixed›, and while some complain about {b}, ‹others praise the place›.")
        slip(f"feedback is ‹mostly positive›, although there are complaints about {b}.")
    if right:
        sheet.add("review summary", right, slips, stands_alone=True)


def _counts_fact(sheet: _Sheet, reviews: Sequence[_Review]) -> None:
    """How many reviews there are, and with how many stars."""
    rng = sheet.rng
    count = len(reviews)
    wrong = rng.choice([n for n in range(1, 8) if n != count])
    texts = (
        "the record includes {}.",
        "{} can be found in the data.",
        "there is feedback from {}.",
    )

    def noun(number: int) -> str:
        return f"{_count(number)} customer review{'' if number == 1 else 's'}"

    if count < 2:
        return
    right = [text.format(noun(count)) for text in texts[:2]]
    slips = [
        _Slip(
            _Say(text.format(f"‹{_count(wrong)}› customer review{'' if wrong == 1 else 's'}")),
            "review_count",
            contradicts=True,
        )
        for text in texts[:2]
    ]
    stars = rng.choice([review.stars for review in reviews])
    having = sum(review.stars == stars for review in reviews)
    shown = f"{stars} star{'' if stars == 1 else 's'}"
    low = min(review.stars for review in reviews)
    high = max(review.stars for review in reviews)
    if having < count:
        right.append(f"{_count(having)} of the {_count(count)} reviewers gave {shown}.")
        other = rng.choice([n for n in range(1, count + 1) if n != having])
        text = f"‹{_count(other)}› of the {_count(count)} reviewers gave {shown}."
        slips.append(_Slip(_Say(text), "review_count", contradicts=True))
        right.append(
            f"individual reviews range from {low} to {high} stars."
        ) if low < high else None
    elif rng.random() < 0.9:
        right.append(f"all {_count(count)} reviewers gave {shown}.")
        other = rng.choice([number for number in range(2, 6) if number != stars])
        text = f"all {_count(count)} reviewers gave ‹{other} stars›."
        slips.append(_Slip(_Say(text), "review_stars", contradicts=True))
    sheet.add("review summary", right, slips, stands_alone=True)


# --- Kinds of record -------------------------------------------------------------------------

_BUSINESS_LEADS = {
    "amenities": (
        "In terms of amenities, ",
        "As for its services, ",
        "When it comes to amenities, ",
    ),
    "place": ("For those who drive, ", "In terms of access, "),
    "hours": ("As for its schedule, ", "In terms of opening hours, "),
    "style": ("As for the atmosphere, ", "In terms of style, "),
}
_LISTS = (
    "amenities at {s} include {x}",
    "{s} offers {x}",
    "{s} provides {x}",
    "customers can enjoy {x}",
    "among the available amenities are {x}",
    "visitors can make use of {x}",
)


def _bool_trait(keys: str, noun: str, *tails: str) -> _Trait:
    """A trait that is offered or not."""
    return _Trait(
        keys,
        noun,
        (f"offers {noun}", f"provides {noun}", f"has {noun}"),
        (f"does not offer {noun}", f"does not provide {noun}", f"has no {_unarticled(noun)}"),
        tails,
    )


_COMMON_TRAITS = (
    _Trait("wheelchair accessible/wheelchair access/step free access", "wheelchair access",
           ("is wheelchair accessible", "is accessible to wheelchair users"),
           ("is not wheelchair accessible", "is not accessible to wheelchair users"),
           ("so guests in wheelchairs can be accommodated",)),
    _Trait("accepts credit cards/credit cards/card payment", "",
           ("accepts credit cards", "lets customers pay by credit card"),
           ("does not accept credit cards", "does not take credit cards"),
           ("so there is no need to carry cash",), "credit card payments"),
    _Trait("dogs allowed/pet friendly/dogs welcome", "",
           ("allows dogs", "welcomes dogs", "is dog-friendly"),
           ("does not allow dogs", "is not dog-friendly"),
           ("making it a suitable choice for dog owners",), "dogs"),
    _bool_trait("bike parking/bicycle parking/bike racks", "bike parking",
                "so visitors can come by bicycle"),
    _bool_trait("gift cards/gift vouchers", "gift cards"),
    _Trait("accepts crypto/bitcoin accepted", "",
           ("accepts cryptocurrency",), ("does not accept cryptocurrency",), (), "cryptocurrency"),
)  # fmt: skip
_EATERY_TRAITS = (
    _Trait("reservations/takes reservations/restaurants reservations/booking", "reservations",
           ("accepts reservations", "takes reservations", "allows guests to book a table"),
           ("does not accept reservations", "does not take reservations"),
           ("so guests can book a table in advance", "allowing guests to plan ahead")),
    _Trait("outdoor seating/terrace/outdoor tables", "outdoor seating",
           ("offers outdoor seating", "has outdoor seating", "provides seating outdoors"),
           ("does not offer outdoor seating", "has no outdoor seating", "lacks outdoor seating"),
           ("allowing guests to eat outside", "making it possible to sit outdoors")),
    _Trait("takeout/take out/takeaway/restaurants take out", "takeout",
           ("offers takeout", "provides takeout service", "lets customers order food to go"),
           ("does not offer takeout", "does not provide takeout"),
           ("so food can also be enjoyed at home",)),
    _bool_trait("delivery/home delivery/restaurants delivery", "delivery"),
    _Trait("good for groups/suitable for groups/restaurants good for groups", "",
           ("is suitable for groups", "is good for groups", "can accommodate groups"),
           ("is not considered suitable for groups", "is not well suited to groups"),
           ("making it a suitable choice for groups", "making it a good spot for group outings"),
           "whether it suits groups"),
    _Trait("good for kids/kid friendly/family friendly", "",
           ("is suitable for children", "is kid-friendly"),
           ("is not considered suitable for children", "is not kid-friendly"),
           ("making it a suitable option for families with children",
            "making it a good choice for families"), "whether it is suitable for children"),
    _Trait("has tv/television", "television", ("has a TV", "has television"),
           ("does not have a TV", "has no television"), (), "television"),
    _bool_trait("happy hour/has happy hour", "happy hour specials"),
    _Trait("table service/restaurants table service/waiter service", "table service",
           ("offers table service", "provides table service"),
           ("does not offer table service", "has no table service"),
           ("so guests are served at their table",)),
    _bool_trait("catering/caters", "catering", "making it an option for catered events"),
    _bool_trait("drive thru/drive through", "drive-thru service"),
    _bool_trait("coat check/cloakroom", "coat check"),
    _bool_trait("vegan options/vegan menu", "vegan options", "making it an option for vegans"),
    _bool_trait("gluten free options/gluten free", "gluten-free options"),
)  # fmt: skip
_SERVICE_TRAITS = (
    _Trait("by appointment only/appointment required", "",
           ("works by appointment only", "requires an appointment"),
           ("does not require an appointment",), ("so visitors need to book in advance",),
           "whether an appointment is needed"),
    _bool_trait("online booking/books online", "online booking"),
    _bool_trait("loyalty program/rewards program", "a loyalty program"),
    _bool_trait("student discount/student discounts", "a student discount"),
    _bool_trait("waiting area/waiting room", "a waiting area"),
    _bool_trait("air conditioning/air conditioned", "air conditioning"),
    _bool_trait("public restroom/restroom", "a public restroom"),
    _bool_trait("free consultation/free consultations", "free consultations"),
    _bool_trait("senior discount/senior discounts", "a senior discount"),
    _Trait("family owned/family run", "", ("is family-owned", "is a family-owned business"),
           ("is not family-owned",), (), "its ownership"),
)  # fmt: skip
_WIFI = _Choice("wifi/wi fi/internet/wireless", {"free": ("offers ‹free› WiFi",
    "provides ‹free› Wi-Fi", "has ‹complimentary› WiFi"), "paid": ("offers ‹paid› WiFi",
    "has WiFi ‹for a fee›", "‹charges for› WiFi"), "no": ("does not offer WiFi",
    "does not have WiFi", "does not provide Wi-Fi")}, ("no",), "WiFi")  # fmt: skip
_ALCOHOL = _Choice("alcohol/alcohol served/drinks license", {"full_bar": ("has a ‹full bar›",
    "offers a ‹full bar›"), "beer_and_wine": ("serves ‹beer and wine›", "offers ‹beer and wine›"),
    "none": ("does not serve alcohol", "serves no alcohol")}, ("none",), "alcohol")  # fmt: skip
_NOISE = _Choice("noise level/noise", {"quiet": ("has a ‹quiet› noise level", "is a ‹quiet› place"),
    "average": ("has an ‹average› noise level", "has a noise level described as ‹average›"),
    "loud": ("has a ‹loud› noise level", "is a ‹loud› place")}, (), "the noise level")  # fmt: skip
_ATTIRE = _Choice("attire/dress code/restaurants attire", {"casual": ("has a ‹casual› dress code",
    "asks for ‹casual› attire"), "dressy": ("has a ‹dressy› dress code",
    "asks for ‹dressy› attire"), "formal": ("has a ‹formal› dress code",
    "asks for ‹formal› attire")}, (), "the dress code")  # fmt: skip
_SMOKING = _Choice("smoking/smoking policy", {"outdoor": ("allows smoking ‹outdoors only›",
    "permits smoking ‹only outdoors›"), "yes": ("allows smoking ‹without restriction›",),
    "no": ("does not allow smoking", "is smoke-free")}, ("no",), "smoking")  # fmt: skip
_PRICES = _Choice("price range/price level/restaurants price range",
    {"$": ("falls in the ‹lowest› price range ‹($)›",),
    "$$": ("falls in the ‹moderate› price range ‹($$)›", "has a ‹moderate› price range ‹($$)›"),
    "$$$": ("falls in the ‹upper› price range ‹($$$)›",)}, (), "prices")  # fmt: skip
_PARKINGS = _Several("parking/business parking/parking options", {"garage": "garage parking",
    "street": "street parking", "lot": "lot parking", "valet": "valet parking",
    "validated": "validated parking"}, ("offers {}", "has {} available", "provides {}",
    "gives visitors the option of {}"), ("does not offer {}", "has no {}"),
    ("does not offer parking", "has no parking of its own", "does not provide any parking"),
    "parking options")  # fmt: skip
_AMBIENCES = _Several(
    "ambience/atmosphere/ambiance",
    {k: k for k in ("casual", "romantic", "trendy", "classy", "intimate", "upscale", "touristy",
                    "hipster")},
    ("has a {} atmosphere", "offers a {} ambience", "is described as {}", "creates a {} setting"),
    ("is not described as {}", "is not considered {}"),
    ("is not assigned any particular ambience",),
    "the ambience",
)  # fmt: skip
_MUSIC = _Several("music/music options", {"dj": "a DJ", "live": "live music",
    "jukebox": "a jukebox", "karaoke": "karaoke", "background music": "background music"},
    ("features {}", "entertains guests with {}", "offers {}"), ("does not feature {}",
    "does not offer {}"), ("does not offer music", "has no music"), "music")  # fmt: skip
_MEALS = _Several("good for meal/meals/meals served", {k: k for k in ("breakfast", "brunch",
    "lunch", "dinner", "dessert")} | {"late night": "late-night meals"},
    ("is considered good for {}", "is a good option for {}", "is recommended for {}"),
    ("is not listed as good for {}", "is not considered good for {}"),
    ("is not marked as good for any particular meal",), "which meals it suits")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Trade:
    """A line of business: what a record calls it and a sentence does, and what reviews speak of."""

    names: tuple[str, ...]  # endings of a name
    categories: Mapping[str, str]  # as listed: as a sentence says it
    extras: tuple[str, ...]
    aspects: tuple[_Aspect, ...]
    things: tuple[str, ...]
    who: tuple[str, ...]
    it: str
    eats: bool = False


_TRADES = (
    _Trade(
        ("Kitchen", "Table", "Trattoria", "Grill", "Eatery", "House", "Diner", "Bistro", "Cantina"),
        {
            k: f"{k.lower() if k in {'Seafood', 'Vegetarian'} else k} restaurant"
            for k in (
                "Italian",
                "Mexican",
                "Thai",
                "Indian",
                "Ethiopian",
                "Greek",
                "Korean",
                "Japanese",
                "Vietnamese",
                "Lebanese",
                "Turkish",
                "French",
                "Peruvian",
                "Seafood",
                "Vegetarian",
                "Cuban",
                "Moroccan",
                "Spanish",
                "Filipino",
                "Polish",
            )
        },
        (
            "Creperies",
            "Delis",
            "Soup",
            "Salad",
            "Food Trucks",
            "Buffets",
            "Desserts",
            "Noodles",
            "Comfort Food",
            "Tapas",
        ),
        _EATING,
        (
            "lamb stew",
            "mushroom soup",
            "grilled trout",
            "duck curry",
            "lentil salad",
            "pork belly",
            "fish taco",
            "beef noodle soup",
            "chicken skewer",
            "lemon tart",
            "potato gratin",
            "shrimp rice",
            "eggplant dip",
            "garlic bread",
            "beet salad",
            "pumpkin ravioli",
        ),
        ("customer", "diner", "reviewer", "guest"),
        "restaurant",
        eats=True,
    ),
    _Trade(
        ("Coffee", "Café", "Roasters", "Cup", "Corner", "Pantry"),
        {
            "Coffee & Tea": "coffee and tea shop",
            "Bakeries": "bakery",
            "Cafes": "café",
            "Ice Cream": "ice cream shop",
            "Juice Bars": "juice bar",
            "Donuts": "donut shop",
        },
        ("Sandwiches", "Desserts", "Bubble Tea", "Bagels", "Chocolatiers", "Salad"),
        _EATING,
        (
            "cinnamon roll",
            "flat white",
            "oat latte",
            "almond croissant",
            "carrot cake",
            "matcha",
            "rye bread",
            "cold brew",
            "blueberry scone",
            "hot chocolate",
        ),
        ("customer", "reviewer", "visitor"),
        "shop",
        eats=True,
    ),
    _Trade(
        ("Tavern", "Taproom", "Pub", "Lounge", "Alehouse", "Cellar"),
        {
            "Pubs": "pub",
            "Wine Bars": "wine bar",
            "Cocktail Bars": "cocktail bar",
            "Sports Bars": "sports bar",
            "Breweries": "brewery",
            "Dive Bars": "dive bar",
        },
        ("Burgers", "Chicken Wings", "Gastropubs", "Arcades", "Pool Halls", "Sandwiches"),
        _EATING,
        (
            "pretzel",
            "wheat beer",
            "onion soup",
            "cheese board",
            "gin punch",
            "stout",
            "chicken pot pie",
            "fried cauliflower",
        ),
        ("customer", "patron", "reviewer"),
        "bar",
        eats=True,
    ),
    _Trade(
        ("Parlor", "Studio", "Beauty", "Looks"),
        {
            "Hair Salons": "hair salon",
            "Nail Salons": "nail salon",
            "Barbers": "barber shop",
            "Day Spas": "day spa",
            "Tanning": "tanning studio",
            "Skin Care": "skin care studio",
        },
        ("Massage", "Waxing", "Makeup Artists", "Hair Extensions", "Eyelash Service"),
        _BEAUTY,
        ("haircut", "manicure", "hair color", "beard trim", "facial", "pedicure", "perm"),
        ("client", "customer", "reviewer"),
        "salon",
    ),
    _Trade(
        ("Fitness", "Gym", "Athletics", "Movement", "Strength"),
        {
            "Gyms": "gym",
            "Yoga": "yoga studio",
            "Pilates": "Pilates studio",
            "Boxing": "boxing gym",
            "Climbing": "climbing gym",
            "Dance Studios": "dance studio",
        },
        ("Personal Trainers", "Martial Arts", "Cycling Classes", "Swimming Pools"),
        _TRAINING,
        ("class", "sauna"),
        ("member", "customer", "reviewer"),
        "gym",
    ),
    _Trade(
        ("Auto", "Garage", "Motors", "Tire & Brake", "Car Care"),
        {
            "Auto Repair": "auto repair shop",
            "Tires": "tire shop",
            "Car Wash": "car wash",
            "Body Shops": "body shop",
            "Oil Change Stations": "oil change station",
        },
        ("Towing", "Windshield Installation", "Auto Detailing", "Transmission Repair"),
        _REPAIR,
        ("brake line", "clutch", "air conditioner", "exhaust", "alternator"),
        ("customer", "driver", "reviewer"),
        "shop",
    ),
    _Trade(
        ("Corner", "Supply", "Outfitters", "Goods", "Market", "Emporium"),
        {
            "Bookstores": "bookstore",
            "Bikes": "bicycle shop",
            "Toy Stores": "toy store",
            "Shoe Stores": "shoe store",
            "Florists": "florist",
            "Furniture Stores": "furniture store",
            "Pet Stores": "pet store",
            "Music Stores": "music store",
            "Hardware Stores": "hardware store",
        },
        ("Antiques", "Home Decor", "Gift Shops", "Art Supplies", "Used Goods", "Jewelry"),
        _SHOPPING,
        ("lamp", "jacket", "puzzle", "basket", "helmet", "vase"),
        ("customer", "shopper", "reviewer"),
        "store",
    ),
)
_BUSINESS_INFERENCES = (
    "making it a popular choice among local students",
    "making it an ideal venue for weddings",
    "making it a favorite with tourists from around the world",
    "making it an ideal spot for business meetings",
    "making it the best place of its kind in town",
    "making it a great place for birthday parties",
    "which has earned it several local awards",
    "making it an excellent choice for remote workers",
    "reflecting its long history in the community",
    "making it a perfect choice for first dates",
)


def _business_name(rng: random.Random, endings: Sequence[str]) -> str:
    end = rng.choice(list(endings))
    return rng.choice(
        [
            f"{rng.choice(_LAST)}'s {end}",
            f"{rng.choice(_FIRST)}'s {end}",
            f"The {rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}",
            f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)} {end}",
            f"{rng.choice(_NOUNS)} & {rng.choice(_NOUNS)} {end}",
            f"{rng.choice(_NOUNS)} {rng.choice(_STREETS)} {end}",
            f"{rng.choice(_TOWN_STARTS)}{rng.choice(_TOWN_ENDS)} {end}",
        ]
    )


def _opening(
    sheet: _Sheet, forms: Sequence[str], values: Mapping[str, tuple[str, Sequence[str], str]]
) -> None:
    """The first sentence: forms with named slots; each value has a faithful name, wrong ones and
    the fault they make."""
    right = [_Say(_put_slots(form, {k: v[0] for k, v in values.items()})) for form in forms]
    slips = []
    for form in forms:
        for slot, (_, others, fault) in values.items():
            if f"{{{slot}}}" in form:
                for other in others:
                    said = {k: v[0] for k, v in values.items()} | {slot: f"‹{other}›"}
                    slips.append(_Slip(_Say(_put_slots(form, said)), fault, contradicts=True))
    sheet.opening = _Fact("opening", tuple(right), tuple(slips), (), stands_alone=True)


def _put_slots(form: str, said: Mapping[str, str]) -> str:
    for slot, text in said.items():
        before = form.replace(f"{{{slot}}}", "{}")
        form = _fill(before, text) if "{}" in before else before
    return form


def _rating(sheet: _Sheet, section: str, words: str, texts: Sequence[str]) -> float:
    rng = sheet.rng
    stars = rng.choice([1.5, 2.0, 2.5, 3.0, 3.5, 3.5, 4.0, 4.0, 4.5, 4.5, 5.0])
    others = [s for s in (stars - 1, stars - 0.5, stars + 0.5, stars + 1) if 1 <= s <= 5]
    names = [f"{stars:.1f}", _plain(stars)]
    sheet.slot(
        section, "rating", words, stars, names, [_plain(s) for s in others], texts, fault="rating"
    )
    return stars


_RATED = (
    "has a rating of {} stars",
    "holds a {}-star rating",
    "is rated {} out of 5 stars",
    "has an overall rating of {} out of 5",
    "has received an average of {} stars",
)


def _business(sheet: _Sheet) -> None:
    rng = sheet.rng
    trade = rng.choices(_TRADES, [8, 3, 2, 2, 1, 1, 2])[0]
    sheet.name = _business_name(rng, trade.names)
    sheet.subjects = (f"the {trade.it}", "the business", "the establishment")
    sheet.groups = (
        "place",
        "rating",
        "hours",
        "amenities",
        "style",
        "reviews",
        "review summary",
        "closing",
        "unknown",
    )
    sheet.leads, sheet.lists, sheet.inferences = _BUSINESS_LEADS, _LISTS, _BUSINESS_INFERENCES
    if rng.random() < 0.3:
        sheet.put("", "business id/id", f"b{rng.randrange(10**8):08}")
    sheet.put("", "name/business name/title", sheet.name)
    stars = _rating(sheet, "", "stars/rating/business stars/average rating", _RATED)
    kind, city = _business_opening(sheet, trade, is_liked=stars >= 4)
    if rng.random() < 0.85:
        _hours(sheet)
    section = sheet.key("attributes/amenities/features/details")
    aspects = [*_GENERAL, *_ANECDOTES, *trade.aspects]
    own = _EATERY_TRAITS if trade.eats else _SERVICE_TRAITS
    for trait in rng.sample(own, rng.randint(3, 6)) + rng.sample(_COMMON_TRAITS, rng.randint(0, 3)):
        sheet.trait(section, "amenities", trait)
    sheet.choice(section, "amenities", _WIFI)
    sheet.several(section, "place", _PARKINGS)
    if trade.eats:
        choices = [_NOISE, _ATTIRE, _SMOKING, _PRICES]
        if trade.it != "bar":  # whose category says that it serves alcohol
            choices.append(_ALCOHOL)
        for choice in rng.sample(choices, rng.randint(1, 3)):
            sheet.choice(section, "style", choice)
            if choice is _NOISE:  # which a review must not answer
                aspects = [aspect for aspect in aspects if aspect is not _QUIET]
        for several in rng.sample([_AMBIENCES, _MUSIC, _MEALS], rng.randint(1, 3)):
            sheet.several(section, "style", several)
    _closing(sheet, f"{kind} in {city}", stars)
    if rng.random() < 0.25:
        count = rng.randint(20, 900)
        others = [str(int(_near(rng, count, [2, 10, 100, 30]))) for _ in range(2)]
        texts = (
            "has {} reviews in total",
            "has collected {} reviews",
            "has been reviewed {} times",
        )
        sheet.slot("", "rating", "review count/number of reviews", count, str(count), others, texts,
            fault="review_count")  # fmt: skip
    _reviews(sheet, aspects, trade.things, trade.who)


def _closing(sheet: _Sheet, kind: str, stars: float) -> None:
    """A last sentence that says again what stood before, or more than that."""
    rng, name = sheet.rng, sheet.name
    other = rng.choice([s for s in (1.5, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0) if s != stars])
    rated, wrong = _plain(stars), _plain(other)
    slips = [
        _Slip(_Say(_fill(f"overall, {name} is a {{}} with a rating of ‹{wrong} stars›.", kind)),
            "rating", contradicts=True),
        _Slip(_Say(_fill(f"in summary, {name} is a {{}} that holds a ‹{wrong}-star› rating.",
            kind)), "rating", contradicts=True),
    ]  # fmt: skip
    slips += [_Slip(_Say(_fill(f"overall, {name} is a {{}} ‹{claim}›.", kind)), "inference",
        contradicts=False) for claim in ("that is known throughout the region",
        "that has several branches", "that is run by a married couple",
        "that has recently changed hands", "that employs more than fifty people",
        "that opened in the nineteenth century")]  # fmt: skip
    right = [
        _fill(f"overall, {name} is a {{}} with a rating of {rated} stars.", kind),
        _fill(f"in summary, {name} is a {{}} that holds a {rated}-star rating.", kind),
        _fill(f"overall, {name} is a {{}} rated {rated} out of 5.", kind),
        _fill(f"in short, {name} is a {{}}.", kind),
    ]
    if rng.random() < 0.5:
        sheet.add("closing", right, slips, stands_alone=True)


def _business_opening(sheet: _Sheet, trade: _Trade, *, is_liked: bool) -> tuple[str, str]:
    """Write what the business is and where; returns the kind and the city, as said."""
    rng = sheet.rng
    category = rng.choice(list(trade.categories))
    extras = rng.sample(trade.extras, rng.randint(0, 3))
    listed = [category, *extras]
    if trade.it == "restaurant" and rng.random() < 0.6:
        listed.append("Restaurants")
    rng.shuffle(listed)
    city, state, street = _town(rng), rng.choice(list(_STATES)), _street(rng)
    place = rng.choice(["", "", "location"])
    values = [("address/street address", street), ("city", city), ("state", state)]
    for words, value in values:
        sheet.put(place, words, value)
    if rng.random() < 0.4:
        sheet.put(place, "postal code/zip", f"{rng.randint(10000, 99999)}")
    if rng.random() < 0.2:
        sheet.put(place, "latitude", round(rng.uniform(25, 48), 4))
        sheet.put(place, "longitude", round(rng.uniform(-122, -70), 4))
    shown: object = listed if rng.random() < 0.4 else ", ".join(listed)
    sheet.put("", "categories/category/business categories", shown)
    other_kinds = [
        said
        for name, said in trade.categories.items()
        if name not in listed and said != trade.categories[category]
    ]
    number, rest = street.split(" ", 1)
    say_state = rng.choice([state, _STATES[state]])
    wrong_state = rng.choice([s for s in _STATES if s != state])
    forms = [
        "{s} is a {kind} located at {street} in {city}, {state}.",
        "{s} is a {kind} in {city}, {state}.",
        "located at {street} in {city}, {state}, {s} is a {kind}.",
        "{s}, situated at {street}, {city}, {state}, is a {kind}.",
        "{s} is a {kind} that can be found at {street} in {city}, {state}.",
        "{s} is a local {kind} based in {city}, {state}.",
    ]
    if extras:
        more = _listed(extras)
        wrong_more = rng.choice([e for e in trade.extras if e not in extras])
        forms += [
            "{s} is a {kind} in {city}, {state}, and is also listed under {more}.",
            "{s} is a {kind} in {city}, {state}, with categories that include {more}.",
        ]
    else:
        more, wrong_more = "", ""
    if is_liked:
        forms.append("{s} is a popular {kind} located at {street} in {city}, {state}.")
        forms.append("{s} is a well-rated {kind} in {city}, {state}.")
    _opening(
        sheet,
        forms,
        {
            "kind": (trade.categories[category], rng.sample(other_kinds, 2), "category"),
            "street": (
                street,
                [
                    f"{_near(rng, int(number), [1, 10, 100, 200]):.0f} {rest}",
                    _other(rng, _street, street),
                ],
                "place",
            ),
            "city": (city, [_other(rng, _town, city), _other(rng, _town, city)], "place"),
            "state": (
                say_state,
                [wrong_state if len(say_state) == 2 else _STATES[wrong_state]],
                "place",
            ),
            "more": (more, [wrong_more], "category"),
        },
    )
    return trade.categories[category], city


_STAY_TRAITS = (
    _bool_trait("airport shuttle/shuttle", "an airport shuttle",
        "making transfers from the airport easy"),
    _bool_trait("pool/swimming pool", "a swimming pool",
        "so guests can go for a swim"),
    _bool_trait("fitness center/gym", "a fitness center",
        "allowing guests to work out"),
    _bool_trait("spa/spa on site", "a spa"),
    _bool_trait("room service", "room service"),
    _bool_trait("laundry/laundry service", "laundry service"),
    _bool_trait("restaurant on site/restaurant", "an on-site restaurant"),
    _bool_trait("ev charging/electric car charging", "charging for electric cars",
        "making it convenient for drivers of electric cars"),
    _Trait("pets allowed/pet friendly", "", ("allows pets", "welcomes pets"),
        ("does not allow pets", "does not accept pets"),
        ("making it a suitable choice for travelers with pets",), "pets"),
    _Trait("late checkout/late check out", "late check-out", ("offers late check-out",),
        ("does not offer late check-out",),
        ("so guests need not hurry on their last day",)),
    _bool_trait("elevator/lift", "an elevator"),
    _bool_trait("conference rooms/meeting rooms", "meeting rooms",
        "making it suitable for business meetings"),
)  # fmt: skip
_BREAKFAST = _Choice("breakfast", {"included": ("offers breakfast ‹included in the price›",
    "serves breakfast ‹at no extra cost›"),
    "extra charge": ("offers breakfast ‹at an extra charge›",
    "serves breakfast ‹for an additional fee›"), "none": ("does not serve breakfast",
    "does not offer breakfast")}, ("none",), "breakfast")  # fmt: skip


_INNS = ("Inn", "Lodge", "Hotel", "Suites", "Resort")


def _hotel(sheet: _Sheet) -> None:
    rng = sheet.rng
    sheet.name = rng.choice(
        [
            f"Hotel {rng.choice(_LAST)}",
            f"The {rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)} {rng.choice(_INNS)}",
            f"{rng.choice(_TOWN_STARTS)}{rng.choice(_TOWN_ENDS)} {rng.choice(_INNS)}",
        ]
    )
    sheet.subjects = ("the hotel", "the property")
    sheet.groups = (
        "rooms",
        "rating",
        "amenities",
        "reviews",
        "review summary",
        "closing",
        "unknown",
    )
    sheet.leads = {
        "amenities": ("In terms of amenities, ", "For the comfort of its guests, "),
        "rooms": ("For planning purposes, ", "As for practical details, "),
    }
    sheet.lists = _LISTS
    sheet.inferences = (
        "making it ideal for honeymooners",
        "making it the top choice in the region",
        "making it a favorite among business travelers",
        "making it a landmark of the city",
        "making it popular with large tour groups",
        "making it the cheapest hotel in the area",
    )
    city, state = _town(rng), rng.choice(list(_STATES))
    stars, rooms = rng.randint(2, 5), rng.randint(12, 420)
    sheet.put("", "name/hotel name/property name", sheet.name)
    sheet.put("location", "city/town", city)
    sheet.put("location", "state/region", state)
    sheet.put("", "stars/star category/hotel class", stars)
    wrong_city = [_other(rng, _town, city)]
    wrong_state = [rng.choice([s for s in _STATES if s != state])]
    _opening(
        sheet,
        (
            "{s} is a {stars}-star hotel in {city}, {state}.",
            "{s} is a {stars}-star hotel located in {city}, {state}.",
            "located in {city}, {state}, {s} is a {stars}-star hotel.",
            "travelers to {city}, {state} can stay at {s}, a {stars}-star hotel.",
        ),
        {
            "stars": (
                rng.choice([str(stars), _count(stars)]),
                [_count(s) for s in range(2, 6) if s != stars],
                "rating",
            ),
            "city": (city, wrong_city, "place"),
            "state": (state, wrong_state, "place"),
        },
    )
    wrong_rooms = [str(int(_near(rng, rooms, [2, 10, 5]))) for _ in range(2)]
    sheet.slot("", "rooms", "rooms/room count/number of rooms", rooms, str(rooms), wrong_rooms,
        ("has {} rooms", "offers {} guest rooms"), fault="number", about="the number of rooms",
        is_optional=True)  # fmt: skip
    _hotel_times(sheet)
    price = rng.randint(60, 480)
    wrong = [_money(_near(rng, price, [10, 20, 5])) for _ in range(2)]
    words, raw = _priced(rng, "price per night/nightly rate", price)
    sheet.slot("pricing", "rooms", words, raw, _money(price), wrong, ("charges {} per night",
        "costs {} a night"), fault="number", about="the price of a night", is_optional=True,
        more=[_Slip(_Say(f"costs {_money(price)} ‹{per}›"), "unit",
        contradicts=True) for per in ("per week", "per person")])  # fmt: skip
    distance = rng.choice([0.5, 1.2, 2, 3.5, 4, 6, 9, 12])
    sheet.slot("", "rooms", "distance to airport km/airport distance km", distance,
        f"{_plain(distance)} km", [f"{_plain(_near(rng, distance, [1, 3]))} km"],
        ("is {} from the airport", "lies {} from the airport"), fault="number",
        about="the distance to the airport", is_optional=True,
        more=[_Slip(_Say(f"lies {_plain(distance)} ‹miles› from the airport"), "unit",
        contradicts=True)])  # fmt: skip
    section = sheet.key("amenities/facilities/features")
    for trait in rng.sample(_STAY_TRAITS, rng.randint(4, 7)):
        sheet.trait(section, "amenities", trait)
    aspects = [*_GENERAL[:5], *_ANECDOTES[2:5], *_STAYING]
    if rng.random() < 0.5:
        sheet.choice(section, "amenities", _BREAKFAST)
    else:  # reviews may speak of breakfast where the record does not
        sheet.choice(section, "amenities", _WIFI)
        aspects.append(_BREAKFASTS)
    sheet.several(section, "amenities", _PARKINGS)
    score = _rating(
        sheet,
        "",
        "guest rating/review score",
        ("has a guest rating of {} out of 5", "is rated {} out of 5 by its guests"),
    )
    _closing(sheet, f"hotel in {city}", score)
    _reviews(sheet, aspects, ("room", "suite"), ("guest", "traveler", "reviewer"))


def _hotel_times(sheet: _Sheet) -> None:
    rng = sheet.rng
    for words, text, hours in (
        (
            "check in/check in from",
            ("allows check-in from {}", "lets guests check in from {}"),
            (13, 14, 15, 16),
        ),
        (
            "check out/check out until",
            ("asks guests to check out by {}", "has check-out until {}"),
            (10, 11, 12),
        ),
    ):
        time = rng.choice(hours) * 60
        style = rng.choice([0, 1, 3])
        wrong = [_clock(time + step, style) for step in (-60, 60, 720)]
        raw = f"{time // 60}:00"
        sheet.slot("", "rooms", words, raw, [_clock(time, style)], wrong, text, fault="hours_time")


_WARES = {
    "headphones": (
        "over-ear headphones",
        ("weight", "battery", "bluetooth", "noise", "fold", "usb"),
    ),
    "coffee maker": ("coffee maker", ("weight", "watts", "timer", "dishwasher", "shutoff")),
    "backpack": ("backpack", ("weight", "litres", "waterproof", "laptop", "rain")),
    "desk lamp": ("desk lamp", ("weight", "watts", "dim", "usb", "battery")),
    "tent": ("tent", ("weight", "waterproof", "pegs", "people", "bag")),
    "vacuum cleaner": ("vacuum cleaner", ("weight", "watts", "battery", "bagless", "filter")),
    "electric bike": ("electric bike", ("weight", "battery_km", "lights", "fold", "lock")),
    "keyboard": ("mechanical keyboard", ("weight", "bluetooth", "backlit", "usb", "quiet_keys")),
    "blender": ("blender", ("weight", "watts", "dishwasher", "recipes", "shutoff")),
    "smartwatch": ("smartwatch", ("weight", "battery", "bluetooth", "waterproof", "gps")),
}


def _comes_with(keys: str, noun: str, *tails: str) -> _Trait:
    return _Trait(
        keys,
        noun,
        (f"comes with {noun}", f"includes {noun}", f"features {noun}"),
        (f"does not come with {noun}", f"does not include {noun}"),
        tails,
    )


def _is(keys: str, quality: str, about: str, *tails: str) -> _Trait:
    return _Trait(keys, "", (f"is {quality}",), (f"is not {quality}",), tails, about)


_WARE_TRAITS = {
    "bluetooth": _comes_with("bluetooth", "Bluetooth", "so it can be connected without a cable"),
    "noise": _comes_with("noise cancelling/anc", "noise cancellation"),
    "fold": _is("foldable", "foldable", "whether it folds", "making it easier to store"),
    "usb": _comes_with("usb c port/usb c", "a USB-C port"),
    "timer": _comes_with("timer/programmable timer", "a timer"),
    "dishwasher": _is("dishwasher safe", "dishwasher-safe", "cleaning", "making it easy to clean"),
    "shutoff": _comes_with("auto shutoff/automatic shutoff", "automatic shutoff"),
    "waterproof": _is(
        "waterproof", "waterproof", "water resistance", "making it usable in the rain"
    ),
    "laptop": _comes_with(
        "laptop sleeve/laptop compartment",
        "a laptop compartment",
        "so a laptop can be carried safely",
    ),
    "rain": _comes_with("rain cover", "a rain cover"),
    "dim": _is("dimmable", "dimmable", "dimming", "so its brightness can be adjusted"),
    "pegs": _comes_with("pegs included/tent pegs", "tent pegs"),
    "bag": _comes_with("carry bag/carrying bag", "a carrying bag", "making it easier to transport"),
    "bagless": _is("bagless", "bagless", "dust bags", "so no dust bags are needed"),
    "filter": _comes_with("hepa filter/fine dust filter", "a HEPA filter"),
    "lights": _comes_with("lights included/integrated lights", "integrated lights"),
    "lock": _comes_with("lock included/lock", "a lock"),
    "backlit": _is("backlit/backlight", "backlit", "backlighting", "so it can be used in the dark"),
    "quiet_keys": _comes_with("silent switches/quiet switches", "silent switches"),
    "recipes": _comes_with("recipe book/cookbook", "a recipe book"),
    "gps": _comes_with("gps/built in gps", "built-in GPS"),
}


def _measure(
    sheet: _Sheet,
    words: str,
    value: float,
    unit: str,
    wrong_unit: str,
    texts: Sequence[str],
    about: str,
) -> None:
    """A quantity with its unit, in the value or in the key."""
    rng = sheet.rng
    near = _near(rng, value, [value * 0.1, value * 0.2, value * 0.5])
    near = round(near, 2) if near != int(near) else int(near)
    raw: object = f"{_plain(value)} {unit}"
    if rng.random() < 0.3:
        words, raw = "/".join(f"{w} {unit}" for w in words.split("/")), value
    said = [f"{_plain(value)} {unit}"]
    more = []
    for text in texts:
        marked = text.replace("{}", f"{_plain(value)} ‹{wrong_unit}›")
        more.append(_Slip(_Say(marked), "unit", contradicts=True))
    sheet.slot("specifications", "specs", words, raw, said, [f"{_plain(near)} {unit}"], texts,
               fault="number", about=about, is_optional=True, more=more)  # fmt: skip


def _product(sheet: _Sheet) -> None:
    rng = sheet.rng
    ware = rng.choice(list(_WARES))
    said_ware, parts = _WARES[ware]
    brand = f"{rng.choice(_TOWN_STARTS)}{rng.choice(['ex', 'ora', 'tek', 'io', 'line', 'works'])}"
    series = rng.choice(["", "Pro ", "Mini ", "Air ", "S"])
    model = f"{rng.choice(_NOUNS)} {series}{rng.randint(2, 900)}"
    sheet.name = rng.choice([f"the {brand} {model}", f"the {model}"])
    is_device = ware not in {"backpack", "tent", "headphones"}
    sheet.subjects = ("the product", f"the {ware}" if is_device else "the item")
    sheet.groups = ("specs", "features", "sale", "reviews", "review summary", "closing", "unknown")
    sheet.leads = {
        "specs": ("In terms of specifications, ", "On the technical side, "),
        "features": ("In terms of features, ", "As for its features, "),
        "sale": ("For buyers, it is worth knowing that ", "As for the purchase itself, "),
    }
    sheet.lists = ("{s} comes with {x}", "features of {s} include {x}", "buyers get {x}")
    sheet.inferences = (
        "making it ideal for professionals",
        "making it the best-selling model of its class",
        "making it perfect for long journeys",
        "making it the cheapest model of its class",
        "making it a popular gift",
        "making it popular with collectors",
        "which sets it apart from its competitors",
    )
    sheet.put("", "product name/name/title", f"{brand} {model}")
    sheet.put("", "brand/manufacturer", brand)
    sheet.put("", "category/product type/type", ware)
    colour = rng.choice(_COLOURS)
    others = [_WARES[w][0] for w in rng.sample([w for w in _WARES if w != ware], 2)]
    plural = ware == "headphones"
    kind_form = "a pair of {kind}" if plural else "a {kind}"
    _opening(
        sheet,
        (
            f"{{s}} is {kind_form} made by {{brand}}.",
            f"{{s}} is {kind_form} from {{brand}}.",
            f"{{s}}, manufactured by {{brand}}, is {kind_form}.",
        ),
        {
            "kind": (
                said_ware,
                [o for o in others if "phones" not in o]
                if not plural
                else ["earbuds", "in-ear headphones"],
                "category",
            ),
            "brand": (
                brand,
                [_other(rng, lambda r: r.choice(_TOWN_STARTS) + "tek", brand)],
                "value",
            ),
        },
    )
    for part in parts:
        _product_part(sheet, part)
    wrong_colours = rng.sample([c for c in _COLOURS if c != colour], 2)
    sheet.slot("", "specs", "color/colour/finish", colour, colour, wrong_colours, ("comes in {}",
        "is available in {}"), about="the color", is_optional=True)  # fmt: skip
    _product_sale(sheet)
    _rating(sheet, "", "rating/average rating/stars", _RATED[:4])
    _reviews(sheet, [*_USING, _PRICE], ("lid", "strap"), ("customer", "buyer", "reviewer"))
    sheet.facts = [
        _Fact("sale", f.right, f.wrong) if f.group == "rating" else f for f in sheet.facts
    ]


def _product_part(sheet: _Sheet, part: str) -> None:
    rng = sheet.rng
    match part:
        case "weight":
            _measure(sheet, "weight", rng.choice([0.2, 0.35, 0.8, 1.2, 1.5, 2.4, 3.6]), "kg", "lb",
                     ("weighs {}", "has a weight of {}"), "the weight")  # fmt: skip
        case "battery":
            _measure(sheet, "battery life/battery", rng.randint(4, 60), "hours", "days",
                ("has a battery life of {}", "runs for {} on its battery", "lasts {} on a charge"),
                "battery life")  # fmt: skip
        case "battery_km":
            _measure(sheet, "range/maximum range", rng.choice([40, 55, 70, 90, 120]), "km", "miles",
                ("has a range of {}", "travels up to {} on one charge"), "the range")  # fmt: skip
        case "watts":
            _measure(sheet, "power/power consumption", rng.choice([8, 12, 450, 600, 900, 1200]),
                "W", "kW", ("has a power of {}", "is rated at {}"), "its power")  # fmt: skip
        case "litres":
            _measure(sheet, "volume/capacity", rng.choice([18, 22, 28, 35, 45]), "liters",
                "gallons", ("holds {}", "has a capacity of {}", "offers a volume of {}"),
                "the capacity")  # fmt: skip
        case "people":
            _measure(sheet, "sleeps/capacity", rng.randint(2, 6), "people", "families",
                     ("sleeps {}", "has room for {}"), "how many people it sleeps")  # fmt: skip
        case _:
            sheet.trait("features", "features", _WARE_TRAITS[part])


def _product_sale(sheet: _Sheet) -> None:
    rng = sheet.rng
    price = rng.randint(15, 1400) + rng.choice([0, 0.99, 0.5])
    wrong = [_money(price + 10), _money(max(price - 5, 5.0)), f"€{_money(price)[1:]}"]
    words, raw = _priced(rng, "price/list price", round(price, 2))
    sheet.slot("", "sale", words, raw, _money(price), wrong, ("costs {}", "is priced at {}",
        "sells for {}"), fault="number", about="the price")  # fmt: skip
    years = rng.randint(1, 5)
    unit = "year" if years == 1 else "years"
    sheet.slot(
        "",
        "sale",
        "warranty years/warranty in years",
        years,
        [f"{years}-year", f"{_count(years)}-year"],
        [f"{_count(years + 1)}-year", f"{years}-month", "lifetime"],
        ("comes with a {} warranty", "has a {} warranty", "is covered by a {} warranty"),
        fault="number",
        about="the warranty",
        is_optional=True,
        more=[
            _Slip(
                _Say(f"is covered by a warranty of {years} {unit}, ‹including accidental damage›"),
                "invented",
                contradicts=False,
            )
        ],
    )
    sheet.trait("", "sale", _is("in stock/available", "in stock", "stock levels"))
    sheet.trait("", "sale", _bool_trait("free shipping/ships free", "free shipping"))
    sheet.trait(
        "", "sale", _is("refurbished/is refurbished", "refurbished", "whether it is refurbished")
    )
    country = rng.choice(["Portugal", "Vietnam", "Germany", "Mexico", "Taiwan", "Poland", "Japan"])
    wrong_countries = ("Italy", "Canada", "India", "Sweden")
    sheet.slot("", "sale", "made in/country of origin", country, country, wrong_countries,
               ("is made in {}", "is manufactured in {}"), fault="place", about="where it is made",
               is_optional=True)  # fmt: skip


def _dated(
    sheet: _Sheet, section: str, group: str, words: str, texts: Sequence[str], about: str = "",
    *, first: int = 2015, last: int = 2026, is_optional: bool = False,
) -> None:  # fmt: skip
    """A date, written one way in the record and another in the sentence."""
    date = _date(sheet.rng, first, last)
    sheet.slot(section, group, words, date.iso(), date.names(), _other_dates(sheet.rng, date),
        texts, fault="date", about=about, is_optional=is_optional)  # fmt: skip


def _named(
    sheet: _Sheet, section: str, group: str, words: str, texts: Sequence[str], about: str = "",
    *, is_optional: bool = True,
) -> None:  # fmt: skip
    """A person's name."""
    person = _person(sheet.rng)
    sheet.slot(section, group, words, person, person, [_other(sheet.rng, _person, person)], texts,
               about=about, is_optional=is_optional)  # fmt: skip


def _number(
    sheet: _Sheet, section: str, group: str, words: str, number: int, texts: Sequence[str],
    about: str = "", *, steps: Sequence[float] = (1, 2), is_optional: bool = True,
) -> None:  # fmt: skip
    """A whole number, in words or figures."""
    rng = sheet.rng
    wrong = [f"{_near(rng, number, steps):.0f}" for _ in range(3)]
    said = [f"{number:,}"] if number > 12 else [_count(number), str(number)]
    others = [f"{int(w):,}" if int(w) > 12 else _count(int(w)) for w in wrong]
    sheet.slot(section, group, words, number, said, others, texts, fault="number", about=about,
               is_optional=is_optional)  # fmt: skip


def _amount(
    sheet: _Sheet, section: str, group: str, words: str, amount: int, texts: Sequence[str],
    about: str = "", *, is_optional: bool = True, wrong_per: tuple[str, str] = ("", ""),
) -> None:  # fmt: skip
    """A sum of money; `wrong_per` turns "per year" into another period."""
    rng = sheet.rng
    wrong = [_money(round(_near(rng, amount, [amount * 0.1, amount * 0.2]))) for _ in range(2)]
    per, other_per = wrong_per
    more = [_Slip(_Say(_fill(text, _money(amount)).replace(per, f"‹{other_per}›")), "unit",
        contradicts=True) for text in texts if per and per in text]  # fmt: skip
    words, raw = _priced(rng, words, amount)
    sheet.slot(section, group, words, raw, _money(amount), wrong, texts, fault="number",
               about=about, is_optional=is_optional, more=more)  # fmt: skip


def _members(
    sheet: _Sheet, section: str, group: str, words: str, pool: Sequence[str], texts: Sequence[str],
    about: str = "",
) -> None:  # fmt: skip
    """A list of names; a sentence names some or all, or one that is not there."""
    rng = sheet.rng
    state = sheet.state()
    chosen = rng.sample(list(pool), rng.randint(2, min(5, len(pool) - 1)))
    rest = [name for name in pool if name not in chosen]
    if state != "missing":
        sheet.put(section, words, chosen if state == "given" else None)
        sheet.unknown(about, is_known=state == "given")
    if state != "given":
        fault = "null_stated" if state == "null" else "invented"
        slips = [_Slip(_Say(_fill(t, _listed(chosen[:2]), is_wrong=True)), fault, contradicts=False)
                 for t in texts]  # fmt: skip
        sheet.add(group, (), slips)
        return
    right = [_Say(_fill(text, _listed(chosen))) for text in texts]
    right += [_Say(_fill(text, _listed(chosen[:2]))) for text in texts]
    slips = []
    for text in texts:
        said = [*chosen[:2], f"‹{rng.choice(rest)}›"]
        rng.shuffle(said)
        slips.append(_Slip(_Say(_fill(text, _listed(said))), "invented", contradicts=False))
    sheet.add(group, right, slips)


_EVENTS = {
    "conference": ("Summit", "Conference", "Forum"),
    "concert": ("Live", "Concert", "Sessions"),
    "workshop": ("Workshop", "Lab", "Masterclass"),
    "street fair": ("Fair", "Street Fair", "Market Days"),
    "film screening": ("Film Night", "Screening", "Cinema Evening"),
    "charity run": ("Run", "Charity Run", "Fun Run"),
}
_EVENT_TRAITS = (
    _bool_trait("parking available/parking", "parking",
        "so visitors can arrive by car"),
    _bool_trait("food available/food and drink", "food on site",
        "so visitors can eat at the venue"),
    _bool_trait("livestream/live stream", "a livestream",
        "making it possible to follow it from home"),
    _bool_trait("childcare/child care", "childcare",
        "making it easier for parents to attend"),
    _bool_trait("sign language interpretation/sign language",
        "sign language interpretation"),
    _bool_trait("student tickets/student discount", "a student discount"),
    _Trait("registration required/requires registration", "", ("requires registration",),
        ("does not require registration",), ("so visitors need to sign up beforehand",),
        "registration"),
    _Trait("outdoor/held outdoors", "", ("is held outdoors",), ("is not held outdoors",), (),
        "whether it is held outdoors"),
    _Trait("wheelchair accessible/accessible venue", "wheelchair access",
        ("is wheelchair accessible",), ("is not wheelchair accessible",),
        ("so guests in wheelchairs can be accommodated",)),
    _Trait("recorded/will be recorded", "", ("is recorded",), ("is not recorded",), (),
        "recordings"),
)  # fmt: skip
_TOPICS = (
    "gardening", "robotics", "folk music", "pottery", "climate policy", "jazz", "street food",
    "typography", "beekeeping", "astronomy", "game design", "public health", "woodworking",
    "photography", "open data", "local history",
)  # fmt: skip


def _event(sheet: _Sheet) -> None:
    rng = sheet.rng
    event = rng.choice(list(_EVENTS))
    town = _town(rng)
    theme = rng.choice([town, f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"])
    sheet.name = f"the {theme} {rng.choice(_EVENTS[event])}"
    sheet.subjects = ("the event", f"the {event}")
    sheet.groups = ("when", "practical", "people", "amenities", "closing", "unknown")
    sheet.leads = {
        "practical": ("As for practical details, ", "For those planning to attend, "),
        "amenities": ("On site, ", "For visitors, it is good to know that "),
    }
    sheet.lists = ("{s} offers {x}", "visitors will find {x}", "{s} provides {x}")
    sheet.inferences = (
        "making it one of the largest events of its kind",
        "which is expected to sell out quickly",
        "making it a perfect outing for the whole family",
        "attracting visitors from all over the country",
        "making it ideal for networking",
        "continuing a long-standing tradition",
    )
    venue = f"{rng.choice(_NOUNS)} {rng.choice(['Hall', 'Theater', 'Park', 'Center', 'Arena'])}"
    sheet.put("", "name/event name/title", sheet.name.removeprefix("the "))
    sheet.put("", "type/event type/category", event)
    sheet.put("venue", "name/venue name", venue)
    sheet.put("venue", "city/town", town)
    wrong_event = rng.sample([e for e in _EVENTS if e != event], 2)
    _opening(
        sheet,
        (
            "{s} is a {kind} that takes place at {venue} in {town}.",
            "{s} is a {kind} held at {venue} in {town}.",
            "{s} is a {kind} in {town}, hosted at {venue}.",
        ),
        {
            "kind": (event, wrong_event, "category"),
            "venue": (
                venue,
                [f"{_other(rng, lambda r: r.choice(_NOUNS), venue.split()[0])} Hall"],
                "place",
            ),
            "town": (town, [_other(rng, _town, town)], "place"),
        },
    )
    _dated(
        sheet,
        "",
        "when",
        "date/start date/event date",
        ("takes place on {}", "is scheduled for {}"),
    )
    start = rng.choice([9, 10, 13, 17, 18, 19, 20]) * 60 + rng.choice([0, 30])
    style = rng.choice([0, 1, 3])
    wrong = [_clock(start + step, style) for step in (-60, 30, 60, 720)]
    sheet.slot("", "when", "start time/starts at/begins", _clock(start, 4), _clock(start, style),
        wrong, ("starts at {}", "begins at {}"), fault="hours_time")  # fmt: skip
    end = start + rng.choice([90, 120, 180])
    sheet.slot("", "when", "end time/ends at/ends", _clock(end, 4), _clock(end, style),
               [_clock(end + s, style) for s in (-30, 60, 90)], ("ends at {}", "runs until {}"),
               fault="hours_time", about="when it ends", is_optional=True)  # fmt: skip
    _amount(sheet, "tickets", "practical", "ticket price/price/admission", rng.randint(5, 250),
            ("charges {} per ticket", "asks {} for admission"), "ticket prices")  # fmt: skip
    _number(sheet, "venue", "practical", "capacity/max attendees", rng.randint(40, 5000),
        ("has room for {} people", "has a capacity of {}"), "the capacity", steps=(50, 20,
        30))  # fmt: skip
    _named(sheet, "", "people", "organizer/host", ("is organized by {}", "is hosted by {}"),
        "the organizer")  # fmt: skip
    topic = rng.choice(_TOPICS)
    sheet.slot("", "people", "topic/theme/subject", topic, topic,
        rng.sample([t for t in _TOPICS if t != topic], 2), ("focuses on {}", "is dedicated to {}",
        "centers on {}"), about="the theme", is_optional=True)  # fmt: skip
    speakers = [_person(rng) for _ in range(6)]
    _members(sheet, "", "people", "speakers/guests/lineup", list(dict.fromkeys(speakers)),
             ("features {}", "brings together {}"), "the lineup")  # fmt: skip
    for trait in rng.sample(_EVENT_TRAITS, rng.randint(4, 6)):
        sheet.trait("facilities", "amenities", trait)


_ROLES = {
    "Engineering": (
        "software engineer",
        "test engineer",
        "site reliability engineer",
        "data engineer",
    ),
    "Finance": ("financial analyst", "payroll specialist", "controller", "auditor"),
    "Marketing": ("content strategist", "brand manager", "copywriter", "campaign manager"),
    "Human Resources": ("recruiter", "training coordinator", "benefits administrator"),
    "Logistics": ("warehouse supervisor", "dispatch planner", "procurement officer"),
    "Legal": ("contract lawyer", "compliance officer", "paralegal"),
    "Research": ("laboratory technician", "research scientist", "statistician"),
}
_SKILLS = (
    "budgeting", "SQL", "negotiation", "technical writing", "forecasting", "public speaking",
    "Excel", "project planning", "contract law", "Python", "welding", "copy editing",
    "inventory control", "interviewing", "risk analysis", "video editing", "first aid",
)  # fmt: skip
_EMPLOYEE_TRAITS = (
    _Trait("remote/works remotely", "", ("works remotely",), ("does not work remotely",),
        ("so a place in the office is not needed",), "remote work"),
    _Trait("full time/is full time", "", ("works full time",), ("does not work full time",), (),
        "whether the position is full time"),
    _Trait("first aid trained/first aider", "", ("is trained in first aid",),
        ("is not trained in first aid",), (), "first aid training"),
    _Trait("driving license/drivers license", "", ("holds a driver's license",),
        ("does not hold a driver's license",), (), "a driver's license"),
    _Trait("on probation/probation", "", ("is on probation",), ("is not on probation",), (),
        "whether there is a probation period"),
    _Trait("company car/has company car", "", ("has a company car",),
        ("does not have a company car",), (), "a company car"),
    _Trait("union member/in union", "", ("is a union member",), ("is not a union member",), (),
        "union membership"),
    _Trait("security clearance/cleared", "", ("has a security clearance",),
        ("does not have a security clearance",), (), "security clearance"),
    _Trait("mentor/is mentor", "", ("serves as a mentor",), ("does not serve as a mentor",), (),
        "mentoring"),
)  # fmt: skip


_DEGREES = ("Bachelor of Arts", "Master of Science", "Bachelor of Science", "Doctorate")
_COMPANIES = ("Group", "Systems", "Partners", "Labs")
_SCHOOLS = ("College", "Academy", "Institute", "Open School")


def _employee(sheet: _Sheet) -> None:
    rng = sheet.rng
    sheet.name = _person(rng)
    sheet.it, gender = rng.choice([("she", "female"), ("he", "male")])
    sheet.subjects = (sheet.name.split()[0], sheet.name)
    sheet.groups = ("work", "background", "terms", "closing", "unknown")
    sheet.leads = {
        "terms": ("As for the terms of employment, ", "On the contractual side, "),
        "background": ("In terms of qualifications, ", "Professionally, "),
    }
    sheet.inferences = (
        f"making {'her' if sheet.it == 'she' else 'him'} a strong candidate for promotion",
        "which is appreciated by the whole team",
        f"making {'her' if sheet.it == 'she' else 'him'} one of the most experienced colleagues",
        f"reflecting {'her' if sheet.it == 'she' else 'his'} excellent performance",
        "which has earned the trust of senior management",
    )
    department = rng.choice(list(_ROLES))
    role, company, town = (
        rng.choice(_ROLES[department]),
        _business_name(rng, _COMPANIES),
        _town(rng),
    )
    sheet.put("", "name/full name/employee name", sheet.name)
    sheet.put("", "gender/sex", gender)
    sheet.put("", "employee id/id", f"E{rng.randint(100, 99999)}")
    sheet.put("position", "title/job title/role", role)
    sheet.put("position", "department/team", department)
    sheet.put("position", "company/employer", company)
    sheet.put("position", "office/location", town)
    wrong_role = rng.choice(_ROLES[rng.choice([d for d in _ROLES if d != department])])
    _opening(
        sheet,
        (
            "{s} is a {role} in the {department} department at {company}.",
            "{s} works as a {role} at {company} in {town}.",
            "{s} works as a {role} in the {department} department of {company}, based in {town}.",
            "{s} is employed by {company} as a {role} and is based in {town}.",
        ),
        {
            "role": (
                role,
                [wrong_role, *[r for r in _ROLES[department] if r != role][:1]],
                "category",
            ),
            "department": (
                department,
                [rng.choice([d for d in _ROLES if d != department])],
                "category",
            ),
            "company": (company, [_business_name(rng, _COMPANIES)], "value"),
            "town": (town, [_other(rng, _town, town)], "place"),
        },
    )
    _dated(
        sheet,
        "position",
        "work",
        "start date/hire date/joined",
        ("joined the company on {}", "started on {}"),
    )
    _named(sheet, "position", "work", "manager/reports to/supervisor", ("reports to {}",
        "has {} as a manager"), "the manager")  # fmt: skip
    _number(sheet, "position", "work", "direct reports/number of direct reports", rng.randint(2,
        30), ("has {} direct reports", "manages {} direct reports"), "direct reports")  # fmt: skip
    _members(sheet, "", "background", "skills/competencies", _SKILLS, ("has skills in {}",
        "is skilled in {}", "lists {} among the competencies"), "skills")  # fmt: skip
    _members(sheet, "", "background", "languages/spoken languages", _LANGUAGES, ("speaks {}",
        "is able to speak {}"), "languages")  # fmt: skip
    degree = rng.choice(_DEGREES)
    sheet.slot("", "background", "degree/education", degree, degree,
        [d for d in _DEGREES if d != degree], ("holds a {}", "has a {}"), about="education",
        is_optional=True)  # fmt: skip
    _amount(sheet, "contract", "terms", "annual salary/salary per year/yearly salary",
        rng.randint(38, 160) * 1000, ("earns {} per year", "has a salary of {} per year"),
        "the salary", wrong_per=("per year",
        "per month")) if rng.random() < 0.8 else None  # fmt: skip
    _number(sheet, "contract", "terms", "vacation days/annual leave days", rng.randint(15, 32),
        ("is entitled to {} days of vacation", "has {} vacation days"), "vacation days", steps=(2,
        5, 3))  # fmt: skip
    for trait in rng.sample(_EMPLOYEE_TRAITS, rng.randint(3, 5)):
        sheet.trait("contract", "terms", trait)


_HOME_TRAITS = (
    _bool_trait("garage", "a garage", "so a car can be kept indoors"),
    _bool_trait("garden/yard", "a garden", "offering private space outdoors"),
    _bool_trait("balcony", "a balcony", "so residents can sit outside"),
    _bool_trait("fireplace", "a fireplace"),
    _bool_trait("basement/cellar", "a basement"),
    _bool_trait("elevator/lift", "an elevator"),
    _bool_trait("solar panels/solar", "solar panels"),
    _bool_trait("air conditioning/ac", "air conditioning"),
    _bool_trait("dishwasher", "a dishwasher"),
    _bool_trait("alarm system/alarm", "an alarm system"),
    _Trait("pets allowed/pets", "", ("allows pets",), ("does not allow pets",),
           ("making it suitable for tenants with pets",), "pets"),
    _Trait("furnished/is furnished", "", ("comes furnished", "is furnished"),
           ("is not furnished", "comes unfurnished"), ("so no furniture has to be brought along",),
           "furniture"),
)  # fmt: skip
_HEATING = _Choice("heating/heating type", {"gas": ("is heated with ‹gas›", "has ‹gas› heating"),
    "electric": ("has ‹electric› heating", "uses ‹electric› heating"),
    "heat pump": ("is heated by a ‹heat pump›", "uses a ‹heat pump› for heating"),
    "none": ("has no heating", "comes without heating")}, ("none",), "the heating")  # fmt: skip


def _property(sheet: _Sheet) -> None:
    rng = sheet.rng
    home = rng.choice(["apartment", "townhouse", "bungalow", "cottage", "loft", "duplex", "villa"])
    street, town, state = _street(rng), _town(rng), rng.choice(list(_STATES))
    sheet.name = rng.choice([f"the {home} at {street}", f"the property at {street}"])
    sheet.subjects = ("the property", f"the {home}", "the home")
    sheet.groups = ("size", "terms", "amenities", "closing", "unknown")
    sheet.leads = {
        "size": ("In terms of size, ", "As for its dimensions, "),
        "amenities": ("In terms of amenities, ", "As for comfort, "),
        "terms": ("Financially, ", "As for the terms, "),
    }
    sheet.lists = (
        "{s} offers {x}",
        "amenities include {x}",
        "{s} has {x}",
        "residents can enjoy {x}",
    )
    sheet.inferences = (
        "making it ideal for a growing family",
        "making it an excellent investment",
        "making it perfect for commuters",
        "with schools and shops within walking distance",
        "making it ideal for first-time buyers",
        "offering plenty of natural light",
        "in a quiet and safe neighborhood",
    )
    rooms = rng.randint(1, 6)
    sheet.put("", "property type/type/home type", home)
    sheet.put("address", "street/line 1", street)
    sheet.put("address", "city/town", town)
    sheet.put("address", "state", state)
    sheet.put("", "bedrooms/beds/bedroom count", rooms)
    wrong_home = rng.sample(
        [h for h in ("apartment", "townhouse", "bungalow", "villa") if h != home], 2
    )
    _opening(
        sheet,
        (
            "{street} in {town}, {state} is a {rooms}-bedroom {kind}.",
            "this listing is for a {rooms}-bedroom {kind} at {street} in {town}, {state}.",
            "this {rooms}-bedroom {kind} is located at {street} in {town}, {state}.",
        ),
        {
            "rooms": (
                _count(rooms),
                [_count(r) for r in {rooms + 1, max(rooms - 1, 1)} - {rooms}],
                "number",
            ),
            "kind": (home, wrong_home, "category"),
            "street": (street, [_other(rng, _street, street)], "place"),
            "town": (town, [_other(rng, _town, town)], "place"),
            "state": (state, [rng.choice([s for s in _STATES if s != state])], "place"),
        },
    )
    unit, wrong_unit, area = rng.choice(
        [
            ("square feet", "square meters", rng.randint(6, 40) * 100),
            ("square meters", "square feet", rng.randint(30, 300)),
        ]
    )
    raw, words = rng.choice(
        [(area, f"area {unit}"), (f"{area} {unit}", "living area"), (f"{area} {unit}", "size")]
    )
    texts = ("has a living area of {}", "measures {}", "offers {} of living space")
    sheet.slot("", "size", words, raw, [f"{area:,} {unit}"], [f"{area + 50:,} {unit}",
        f"{max(area - 20, 10):,} {unit}"], texts, fault="number", about="the living area",
        is_optional=True, more=[_Slip(_Say(t.replace("{}", f"{area:,} ‹{wrong_unit}›")), "unit",
        contradicts=True) for t in texts])  # fmt: skip
    _number(sheet, "", "size", "bathrooms/baths", rng.randint(2, 5), ("has {} bathrooms",
        "includes {} bathrooms"), "bathrooms")  # fmt: skip
    year = rng.randint(1890, 2024)
    sheet.slot("", "size", "year built/built/construction year", year, str(year),
               [str(year + s) for s in (-10, -1, 1, 9)], ("was built in {}", "dates from {}"),
               fault="date", about="the year of construction", is_optional=True)  # fmt: skip
    if rng.random() < 0.5:
        _amount(sheet, "", "terms", "monthly rent/rent per month", rng.randint(6, 60) * 100,
                ("rents for {} per month", "costs {} per month"), is_optional=False,
                wrong_per=("per month", "per week"))  # fmt: skip
        _amount(sheet, "", "terms", "deposit/security deposit", rng.randint(6, 60) * 100,
            ("requires a deposit of {}",), "the deposit")  # fmt: skip
    else:
        _amount(sheet, "", "terms", "price/asking price/list price", rng.randint(90, 1400) * 1000,
            ("is listed at {}", "is offered for {}", "has an asking price of {}"),
            is_optional=False)  # fmt: skip
        _amount(sheet, "", "terms", "hoa fee monthly/monthly hoa fee", rng.randint(5, 60) * 10,
            ("has an HOA fee of {} per month",), "HOA fees", wrong_per=("per month",
            "per year"))  # fmt: skip
    _dated(sheet, "", "terms", "available from/move in date", ("is available from {}",),
        "availability", is_optional=True)  # fmt: skip
    _named(sheet, "", "terms", "agent/listing agent/contact", ("is listed by {}",
        "is offered through {}"), "the agent")  # fmt: skip
    for trait in rng.sample(_HOME_TRAITS, rng.randint(4, 7)):
        sheet.trait("features", "amenities", trait)
    sheet.choice("features", "amenities", _HEATING)


_JOB_TRAITS = (
    _bool_trait("health insurance/medical insurance", "health insurance"),
    _bool_trait("dental insurance/dental", "dental insurance"),
    _bool_trait("retirement plan/pension plan", "a retirement plan",
        "so employees can save for retirement"),
    _bool_trait("stock options/equity", "stock options"),
    _bool_trait("annual bonus/bonus", "an annual bonus"),
    _bool_trait("paid parental leave/parental leave", "paid parental leave"),
    _bool_trait("visa sponsorship/visa support", "visa sponsorship",
        "making it open to applicants who need a visa"),
    _bool_trait("training budget/learning budget", "a training budget"),
    _bool_trait("relocation support/relocation package", "relocation support",
        "making it easier to move for the position"),
    _bool_trait("flexible hours/flextime", "flexible hours",
        "so working times can be adapted"),
    _bool_trait("meal allowance/free lunch", "a meal allowance"),
    _Trait("travel required/requires travel", "", ("requires travel",),
        ("does not require travel",), (), "whether travel is required"),
    _Trait("degree required/requires degree", "", ("requires a degree",),
        ("does not require a degree",), (), "whether a degree is required"),
)  # fmt: skip
_WORKPLACE = _Choice("work arrangement/workplace/remote policy", {"remote": ("is ‹fully remote›",
    "can be done ‹remotely›"), "hybrid": ("is a ‹hybrid› position", "follows a ‹hybrid› model"),
    "on-site": ("is an ‹on-site› position", "is based ‹on site›")}, (),
    "the work arrangement")  # fmt: skip
_CONTRACT = _Choice("employment type/contract type", {"full_time": ("is a ‹full-time› position",
    "is offered ‹full time›"), "part_time": ("is a ‹part-time› position", "is offered ‹part time›"),
    "internship": ("is an ‹internship›", "is offered as an ‹internship›"),
    "temporary": ("is a ‹temporary› position",)}, (), "the type of contract")  # fmt: skip


def _job(sheet: _Sheet) -> None:
    rng = sheet.rng
    department = rng.choice(list(_ROLES))
    role, company, town = (
        rng.choice(_ROLES[department]),
        _business_name(rng, _COMPANIES),
        _town(rng),
    )
    sheet.name = rng.choice([f"the {role} position", f"the job at {company}"])
    sheet.subjects = ("the position", "the role", "the job")
    sheet.groups = ("role", "requirements", "benefits", "closing", "unknown")
    sheet.leads = {
        "benefits": ("In terms of benefits, ", "As for the package, "),
        "requirements": ("As for requirements, ", "Applicants should know that "),
    }
    sheet.lists = (
        "{s} offers {x}",
        "benefits include {x}",
        "the package comprises {x}",
        "employees receive {x}",
    )
    sheet.inferences = (
        "making it ideal for recent graduates",
        "in a fast-growing team",
        "making it one of the best-paid roles in the industry",
        "with excellent prospects for promotion",
        "in a friendly and collaborative environment",
        "making it a rare opportunity",
    )
    sheet.put("", "title/job title/position", role.title())
    sheet.put("", "company/employer/company name", company)
    sheet.put("", "location/city", town)
    wrong_role = [
        rng.choice(_ROLES[d]) for d in rng.sample([d for d in _ROLES if d != department], 2)
    ]
    _opening(
        sheet,
        (
            "{company} is looking for a {role} in {town}.",
            "{company} is hiring a {role} for its location in {town}.",
            "this is an opening for a {role} at {company} in {town}.",
            "a {role} is wanted by {company} in {town}.",
        ),
        {
            "role": (role, wrong_role, "category"),
            "company": (company, [_business_name(rng, _COMPANIES)], "value"),
            "town": (town, [_other(rng, _town, town)], "place"),
        },
    )
    low = rng.randint(30, 120) * 1000
    high = low + rng.randint(5, 40) * 1000
    said = [f"between {_money(low)} and {_money(high)}", f"from {_money(low)} to {_money(high)}"]
    wrong = [
        f"between {_money(low + 10000)} and {_money(high + 10000)}",
        f"up to {_money(high + 15000)}",
    ]
    texts = ("pays {} per year",)
    raw = rng.choice([f"{low}-{high} USD per year", f"${low:,} - ${high:,} per year"])
    sheet.slot("", "role", "salary/salary range/compensation", raw, said, wrong, texts,
        fault="number", about="the salary", is_optional=True,
        more=[_Slip(_Say(f"pays {said[0]} ‹per month›"), "unit", contradicts=True)])  # fmt: skip
    sheet.choice("", "role", _WORKPLACE)
    sheet.choice("", "role", _CONTRACT)
    _number(sheet, "", "role", "weekly hours/hours per week", rng.choice([16, 20, 32, 35, 38, 40]),
        ("involves {} hours per week", "comprises {} hours a week"), "weekly hours", steps=(2, 4,
        5))  # fmt: skip
    _dated(sheet, "", "role", "application deadline/apply by/closing date",
        ("accepts applications until {}", "has an application deadline of {}"), "the deadline",
        is_optional=True)  # fmt: skip
    _number(sheet, "requirements", "requirements", "years of experience/min experience years",
        rng.randint(2, 10), ("requires {} years of experience", "calls for {} years of experience"),
        "experience")  # fmt: skip
    _members(sheet, "requirements", "requirements", "skills/required skills", _SKILLS,
        ("requires skills in {}", "calls for knowledge of {}"), "required skills")  # fmt: skip
    for trait in _JOB_TRAITS[-2:]:
        sheet.trait("requirements", "requirements", trait)
    for trait in rng.sample(_JOB_TRAITS[:-2], rng.randint(4, 7)):
        sheet.trait("benefits", "benefits", trait)


_COURSE_TRAITS = (
    _bool_trait("certificate/certificate of completion",
        "a certificate of completion"),
    _bool_trait("recorded lectures/recordings", "recorded lectures",
        "so classes can be watched again"),
    _bool_trait("scholarships/scholarships available", "scholarships"),
    _bool_trait("tutoring/individual tutoring", "individual tutoring"),
    _bool_trait("discussion forum/forum", "a discussion forum"),
    _bool_trait("free trial/trial lesson", "a free trial lesson"),
    _Trait("final exam/exam", "", ("ends with a final exam", "has a final exam"),
        ("has no final exam",), ("so participants are tested at the end",), "exams"),
    _Trait("self paced/is self paced", "", ("is self-paced",), ("is not self-paced",),
        ("making it possible to study at one's own speed",),
        "whether it is self-paced"),
    _Trait("prior knowledge required/prerequisites", "", ("requires prior knowledge",),
        ("does not require prior knowledge",), (), "prerequisites"),
    _Trait("in person/held in person", "", ("is held in person",), ("is not held in person",), (),
        "whether it is held in person"),
)  # fmt: skip
_LEVEL = _Choice("level/difficulty", {"beginner": ("is aimed at ‹beginners›",
    "is taught at ‹beginner› level"), "intermediate": ("is taught at ‹intermediate› level",),
    "advanced": ("is aimed at ‹advanced› learners", "is taught at ‹advanced› level")}, (),
    "the level")  # fmt: skip


def _course(sheet: _Sheet) -> None:
    rng = sheet.rng
    topic = rng.choice(_TOPICS)
    title = rng.choice(
        ["Introduction to {}", "{} in Practice", "Foundations of {}", "The World of {}"]
    ).format(topic.title())
    provider = f"{_town(rng)} {rng.choice(_SCHOOLS)}"
    teacher = _person(rng)
    sheet.name = f"“{title}”" if rng.random() < 0.4 else title
    sheet.subjects = ("the course", "the class")
    sheet.groups = ("frame", "fees", "features", "closing", "unknown")
    sheet.leads = {
        "frame": ("In terms of structure, ", "As for its format, "),
        "features": ("In terms of features, ", "As for additional features, "),
    }
    sheet.lists = ("{s} offers {x}", "{s} includes {x}", "participants benefit from {x}")
    sheet.inferences = (
        "making it ideal for working parents",
        "which is recognized by employers worldwide",
        "making it the most popular course of its kind",
        "preparing participants for a new career",
        "making it suitable for children",
    )
    sheet.put("", "title/course title/course name", title)
    sheet.put("", "provider/school/institution", provider)
    sheet.put("", "instructor/lecturer/teacher", teacher)
    sheet.put("", "subject/topic", topic)
    wrong_topic = rng.sample([t for t in _TOPICS if t != topic], 2)
    _opening(
        sheet,
        (
            "{s} is a course on {topic} offered by {provider} and taught by {teacher}.",
            "{s} is a course offered by {provider}, with {teacher} as its instructor.",
            "taught by {teacher}, {s} is a course on {topic} at {provider}.",
        ),
        {
            "topic": (topic, wrong_topic, "category"),
            "provider": (provider, [f"{_town(rng)} {rng.choice(_SCHOOLS)}"], "value"),
            "teacher": (teacher, [_other(rng, _person, teacher)], "value"),
        },
    )
    _measure_weeks(sheet)
    _number(sheet, "", "frame", "hours per week/weekly hours/weekly workload hours", rng.randint(2,
        15), ("takes {} hours per week", "requires a workload of {} hours per week"),
        "the workload")  # fmt: skip
    _dated(sheet, "", "frame", "start date/starts on/first session", ("starts on {}",
        "begins on {}"), "the start date", is_optional=True)  # fmt: skip
    sheet.choice("", "frame", _LEVEL)
    language = rng.choice(_LANGUAGES)
    sheet.slot("", "frame", "language/language of instruction", language, language,
        rng.sample([x for x in _LANGUAGES if x != language], 2), ("is taught in {}",
        "is held in {}"), about="the language", is_optional=True)  # fmt: skip
    _amount(sheet, "", "fees", "fee/tuition/price", rng.randint(3, 180) * 10, ("costs {}",
        "has a fee of {}", "is priced at {}"), "fees")  # fmt: skip
    _number(sheet, "", "fees", "max participants/class size/seats", rng.randint(8, 60),
        ("is limited to {} participants", "admits {} participants"), "the class size", steps=(5, 10,
        4))  # fmt: skip
    _dated(sheet, "", "fees", "registration deadline/enroll by",
        ("accepts registrations until {}",), "registration", is_optional=True)  # fmt: skip
    for trait in rng.sample(_COURSE_TRAITS, rng.randint(4, 7)):
        sheet.trait("features", "features", trait)


def _measure_weeks(sheet: _Sheet) -> None:
    weeks = sheet.rng.randint(3, 24)
    texts = ("runs for {}", "lasts {}", "takes place over {}")
    said = [f"{_count(weeks)} weeks", f"{weeks} weeks"]
    sheet.slot("", "frame", "duration weeks/length in weeks", weeks, said,
        [f"{_count(weeks + 2)} weeks", f"{_count(weeks - 1)} weeks"], texts, fault="number",
        about="the duration", is_optional=True, more=[_Slip(_Say(t.replace("{}",
        f"{_count(weeks)} ‹{u}›")), "unit", contradicts=True) for t in texts for u in ("months",
        "days")])  # fmt: skip


KINDS: Mapping[str, tuple[Callable[[_Sheet], None], float]] = {
    "business": (_business, 10),
    "hotel": (_hotel, 3),
    "product": (_product, 3),
    "event": (_event, 2),
    "employee": (_employee, 2),
    "property": (_property, 2),
    "job": (_job, 2),
    "course": (_course, 2),
}
