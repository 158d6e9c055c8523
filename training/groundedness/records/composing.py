"""An overview, composed of what a sheet allows to be said."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from training.groundedness.records.sheet import (
    Fact,
    Say,
    Sheet,
    Slip,
    bare,
    list_of,
    tail_slips,
    unarticled,
)
from training.groundedness.records.types import Drawn, Overview, Written

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


def compose(kind: str, sheet: Sheet) -> Drawn:
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


def _plan(sheet: Sheet) -> list[list[Fact]]:
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


def _grouped(sheet: Sheet, group: str) -> list[list[Fact]]:
    """The facts of a group, sentence by sentence; two single reviews may share one."""
    rng = sheet.rng
    facts = [fact for fact in sheet.facts if fact.group == group and fact.right]
    rng.shuffle(facts)
    alone = [fact for fact in facts if fact.stands_alone]
    facts = [fact for fact in facts if not fact.stands_alone]
    sentences: list[list[Fact]] = []
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


def _shorten(rng: random.Random, body: list[list[Fact]], wanted: int) -> None:
    """Bring the sentences down to a number: neighbours are joined, others left out."""
    while len(body) > wanted:
        at = rng.randrange(len(body))
        if at + 1 < len(body) and _fits(body[at], body[at + 1]) and rng.random() < 0.8:
            body[at : at + 2] = [body[at] + body[at + 1]]
        elif body[at][0].group not in {"hours", "reviews"} or rng.random() < 0.5:
            body.pop(at)


def _fits(first: Sequence[Fact], second: Sequence[Fact]) -> bool:
    """Whether two sentences may become one: the hours of a day are not told twice in one."""
    facts = [*first, *second]
    hours = sum(fact.group == "hours" for fact in facts)
    return len(facts) <= 4 and hours < 2 and not any(fact.stands_alone for fact in facts)


def _lengthen(rng: random.Random, body: list[list[Fact]]) -> None:
    """Join neighbours that would make short sentences, at least three being left."""
    at, least = 0, rng.choice([3, 4, 5, 6])
    while at + 1 < len(body) and len(body) > least:
        first, second = body[at], body[at + 1]
        if min(len(first), len(second)) == 1 and _fits(first, second) and rng.random() < 0.8:
            body[at : at + 2] = [first + second]
        at += 1


def _sentence(
    sheet: Sheet, facts: list[Fact], spare: list[Fact], place: int, *, is_wrong: bool
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


def _pick_slip(sheet: Sheet, facts: list[Fact], says: list[Say], spare: list[Fact]) -> Slip | None:
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
        options += [(slip, 0) for slip in tail_slips(sheet.inferences, contradicts=False)]
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


def _alone(sheet: Sheet, facts: list[Fact], says: list[Say], tail: str, place: int) -> str:
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
    it = sheet.it if sheet.name.lower() in bare(text).lower() else sheet.subjects[0]
    return f"{text}, and {it} {says[1].text}{tail}."


def _subject(sheet: Sheet, place: int) -> str:
    if place == 0:
        return sheet.name
    return sheet.rng.choice([sheet.it, sheet.it, sheet.name, *sheet.subjects])


def _joined(sheet: Sheet, says: list[Say], tail: str, group: str, place: int) -> str:
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
            text = f"{subject} {list_of(first)}, and {sheet.it} {last}{tail}"
        else:
            text = f"{subject} {list_of(parts)}{tail}"
    return f"{lead}{text}."


def _also(rng: random.Random, phrase: str) -> str:
    if rng.random() < 0.5:
        return phrase
    for verb in ("is ", "‹is "):
        if phrase.startswith(verb):
            return f"{verb}also {phrase.removeprefix(verb)}"
    return f"also {phrase}"


def _in_lists(sheet: Sheet, says: list[Say], subject: str, tail: str) -> str:
    """A sentence that lists what is offered, then what is not; "" where a saying has no noun."""
    rng = sheet.rng
    if not all(say.noun for say in says) or rng.random() < 0.45 or not sheet.lists:
        return ""
    has = [say.noun for say in says if not say.denies]
    lacks = [say.noun for say in says if say.denies]
    not_ = list_of(lacks, "or") if lacks else ""
    none = list_of([unarticled(noun) for noun in lacks], "or") if lacks else ""
    if has and lacks and not tail:
        return rng.choice(
            [
                f"{subject} offers {list_of(has)}, but {sheet.it} does not offer {not_}",
                f"while {subject} offers {list_of(has)}, {sheet.it} does not have {not_}",
                f"although {subject} does not offer {not_}, {sheet.it} does provide {list_of(has)}",
                f"{subject} provides {list_of(has)}, though there is no {none}",
            ]
        )
    if has and not lacks:
        return rng.choice(sheet.lists).format(s=subject, x=list_of(has)) + tail
    if lacks and not has:
        return rng.choice(
            [f"{subject} does not offer {not_}{tail}", f"{subject} has no {none}{tail}"]
        )
    return ""


def _in_contrast(rng: random.Random, it: str, says: list[Say], subject: str, tail: str) -> str:
    """A sentence that sets what is against what is not; "" where there are not both."""
    has = [say.text for say in says if not say.denies]
    lacks = [say.text for say in says if say.denies]
    if not has or not lacks or rng.random() < 0.25:
        return ""
    first, second = list_of(has), list_of(lacks)
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
