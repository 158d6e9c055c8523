"""The sheet: the values of one record, and what may be said of them, rightly and wrongly."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from training.groundedness.records.values import Choice, Several, Trait


@dataclass(frozen=True, slots=True)
class Say:
    """A verb phrase after the subject ("offers free WiFi"), wrong words marked.

    `noun` may stand in a list of what is offered, or, where `denies`, of what is not.
    """

    text: str
    noun: str = ""
    denies: bool = False


@dataclass(frozen=True, slots=True)
class Slip:
    """Something wrong to say, and why it is wrong."""

    say: Say
    fault: str
    contradicts: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """What may be said of one value. `right` is empty where nothing faithful can be said.

    A fact that stands alone has whole sentences for texts, "{s}" being the subject. `tails` are
    clauses that a right saying supports.
    """

    group: str
    right: tuple[Say, ...]
    wrong: tuple[Slip, ...]
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
class Sheet:
    """One record in the making: its values, and what may be said of them."""

    rng: random.Random
    name: str = ""
    it: str = "it"
    subjects: tuple[str, ...] = ()
    facts: list[Fact] = field(default_factory=list)
    opening: Fact = field(default_factory=lambda: Fact("opening", (), ()))  # every kind sets it
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
        right: Sequence[Say | str],
        wrong: Sequence[Slip],
        tails: Sequence[str] = (),
        *,
        stands_alone: bool = False,
    ) -> None:
        """Add a fact; plain texts are sayings."""
        says = tuple(Say(say) if isinstance(say, str) else say for say in right)
        self.facts.append(Fact(group, says, tuple(wrong), tuple(tails), stands_alone))

    def unknown(self, about: str, *, is_known: bool) -> None:
        """Add what is said of a value that the record does not give, or is said not to."""
        if not about:
            return
        if is_known:
            slips = [
                Slip(Say(_mark_all(text.format(about))), "known_denied", contradicts=True)
                for text in _UNKNOWNS
                if "details" not in text  # a bare yes may pass for no details
            ]
            self.add("unknown", (), slips, stands_alone=True)
        else:
            self.add("unknown", [text.format(about) for text in _UNKNOWNS], (), stands_alone=True)

    def trait(self, section: str, group: str, trait: Trait) -> None:
        """Write a yes-or-no value, and add what may be said of it."""
        state = self.state()
        value = self.rng.random() < 0.6
        yes = [Say(text, trait.noun) for text in trait.yes]
        no = [Say(text, trait.noun, denies=True) for text in trait.no]
        if state == "missing":
            slips = _slips(yes, "invented", contradicts=False)
            slips += _slips(no[:1], "missing_denied", contradicts=False)
            self.add(group, (), slips + tail_slips(trait.tails, contradicts=False))
            return
        self.put(section, trait.keys, None if state == "null" else self._bools[value])
        if state == "null":
            slips = _slips(yes, "null_stated", contradicts=False)
            slips += _slips(no, "null_denied", contradicts=False)
            self.add(group, (), slips + tail_slips(trait.tails, contradicts=False))
            self.unknown(trait.about or trait.noun, is_known=False)
        elif value:
            slips = _slips(no, "true_as_false", contradicts=True)
            self.add(group, yes, slips, trait.tails)
            self.unknown(trait.about or trait.noun, is_known=True)
        else:
            slips = _slips(yes, "false_as_true", contradicts=True)
            self.add(group, no, slips + tail_slips(trait.tails, contradicts=True))
            self.unknown(trait.about or trait.noun, is_known=True)

    def choice(self, section: str, group: str, choice: Choice) -> None:
        """Write one of a few values, and add what may be said of it.

        Sayings mark the word that tells a value from its neighbours; it alone is wrong where the
        true value is a neighbour too ("‹free› WiFi" for paid).
        """
        state = self.state()
        value = self.rng.choice(list(choice.options))
        if state != "missing":
            self.put(section, choice.keys, value if state == "given" else None)
        is_given = state == "given"
        slips: list[Slip] = []
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
                    Slip(Say(marked, "", other in choice.none), fault, contradicts=is_given)
                )
        right = (
            [Say(bare(text), "", value in choice.none) for text in choice.options[value]]
            if is_given
            else []
        )
        self.add(group, right, slips)
        if state != "missing":
            self.unknown(choice.about, is_known=is_given)

    def several(self, section: str, group: str, several: Several) -> None:
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
                said = list_of([several.kinds[k] for k in rng.sample(kinds, count)])
                slips.append(Slip(Say(fill(text, said, is_wrong=True)), fault, contradicts=False))
        denied = "null_denied" if state == "null" else "missing_denied"
        slips += _slips(
            [Say(text, denies=True) for text in several.none], denied, contradicts=False
        )
        self.add(group, (), slips)

    def _add_several(self, group: str, several: Several, values: Mapping[str, bool]) -> None:
        rng = self.rng
        true = [several.kinds[kind] for kind, value in values.items() if value]
        false = [several.kinds[kind] for kind, value in values.items() if not value]
        right: list[Say] = []
        slips: list[Slip] = []
        if true:
            right += [Say(fill(text, list_of(true))) for text in several.has]
            if len(true) > 1:
                some = rng.sample(true, len(true) - 1)
                right += [Say(fill(text, list_of(some))) for text in several.has[:1]]
            slips += _slips(
                [Say(text, denies=True) for text in several.none],
                "true_as_false",
                contradicts=True,
            )
            wrong = f"‹{rng.choice(true)}›"
            slips += [
                Slip(Say(fill(text, wrong), "", denies=True), "true_as_false", contradicts=True)
                for text in several.lacks
            ]
        else:
            right += [Say(text, denies=True) for text in several.none]
        if false:
            some = rng.sample(false, min(len(false), rng.randint(1, 2)))
            right += [Say(fill(text, list_of(some, "or")), denies=True) for text in several.lacks]
            for text in several.has:
                said = [*true, f"‹{rng.choice(false)}›"]
                rng.shuffle(said)
                slips.append(
                    Slip(Say(fill(text, list_of(said))), "false_as_true", contradicts=True)
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
        more: Sequence[Slip] = (),
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
            Slip(Say(fill(text, f"‹{other}›")), wrong, contradicts=is_given)
            for text in texts
            for other in wrong_names
        ]
        right = [fill(text, name) for text in texts for name in names] if is_given else []
        self.add(group, right, [*slips, *more] if is_given else slips)
        if state != "missing":
            self.unknown(about, is_known=is_given)


def _slips(says: Sequence[Say], fault: str, *, contradicts: bool) -> list[Slip]:
    """Sayings that are wrong as a whole."""
    return [
        Slip(Say(_mark_all(say.text), say.noun and f"‹{say.noun}›", say.denies), fault, contradicts)
        for say in says
    ]


def tail_slips(tails: Sequence[str], *, contradicts: bool) -> list[Slip]:
    """Conclusions that nothing supports; composed after a right saying, by their leading comma."""
    return [Slip(Say(f", ‹{tail}›"), "inference", contradicts) for tail in tails]


def _mark_all(text: str) -> str:
    return f"‹{bare(text)}›"


def bare(text: str) -> str:
    return text.replace("‹", "").replace("›", "")


def fill(text: str, said: str, *, is_wrong: bool = False) -> str:
    """Put words into the slot; "a {}" becomes "an {}" before a vowel."""
    said = _mark_all(said) if is_wrong else said
    first = bare(said)[:2].lower()
    is_vowel = (
        first[:1] in tuple("aeio") or first in {"up", "un", "ur", "11", "18"} or first[:1] == "8"
    )
    if first in {"eu", "un", "on"} and bare(said).lower().startswith(("one", "uni", "eu")):
        is_vowel = False
    if is_vowel:
        text = text.replace(" a {}", " an {}")
        if text.startswith("a {}"):
            text = "an" + text[1:]
    return text.replace("{}", said)


def list_of(parts: Sequence[str], last: str = "and") -> str:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        return f"{parts[0]} {last} {parts[1]}"
    return f"{', '.join(parts[:-1])}, {last} {parts[-1]}"


def unarticled(noun: str) -> str:
    """The noun without "a", wrong or not: there is no such thing as "no a garage"."""
    mark = "‹" if noun.startswith("‹") else ""
    return mark + noun.removeprefix("‹").removeprefix("an ").removeprefix("a ")


_COUNTS = "no one two three four five six seven eight nine ten eleven twelve".split()


def in_words(number: int) -> str:
    return _COUNTS[number] if number < len(_COUNTS) else str(number)


_UNKNOWNS = (
    "There is no information about {}.",
    "The record does not say anything about {}.",
    "No details are given about {}.",
    "The available data does not provide information on {}.",
    "Information on {} is not available.",
    "Nothing is said about {}.",
    "The listing gives no details on {}.",
)
