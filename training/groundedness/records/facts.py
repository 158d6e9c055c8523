"""Facts that records of many kinds have: names, numbers, dates, sums, ratings."""

from collections.abc import Mapping, Sequence

from training.groundedness.records.sheet import (
    Fact,
    Say,
    Sheet,
    Slip,
    fill,
    in_words,
    list_of,
    unarticled,
)
from training.groundedness.records.values import Trait
from training.groundedness.records.words import (
    any_date,
    any_person,
    money,
    near_to,
    other_dates,
    other_of,
    plain,
    priced,
)


def bool_trait(keys: str, noun: str, *tails: str) -> Trait:
    """A trait that is offered or not."""
    return Trait(
        keys,
        noun,
        (f"offers {noun}", f"provides {noun}", f"has {noun}"),
        (f"does not offer {noun}", f"does not provide {noun}", f"has no {unarticled(noun)}"),
        tails,
    )


def put_opening(
    sheet: Sheet, forms: Sequence[str], values: Mapping[str, tuple[str, Sequence[str], str]]
) -> None:
    """The first sentence: forms with named slots; each value has a faithful name, wrong ones and
    the fault they make."""
    right = [Say(_put_slots(form, {k: v[0] for k, v in values.items()})) for form in forms]
    slips = []
    for form in forms:
        for slot, (_, others, fault) in values.items():
            if f"{{{slot}}}" in form:
                for other in others:
                    said = {k: v[0] for k, v in values.items()} | {slot: f"‹{other}›"}
                    slips.append(Slip(Say(_put_slots(form, said)), fault, contradicts=True))
    sheet.opening = Fact("opening", tuple(right), tuple(slips), (), stands_alone=True)


def _put_slots(form: str, said: Mapping[str, str]) -> str:
    for slot, text in said.items():
        before = form.replace(f"{{{slot}}}", "{}")
        form = fill(before, text) if "{}" in before else before
    return form


def put_rating(sheet: Sheet, section: str, words: str, texts: Sequence[str]) -> float:
    rng = sheet.rng
    stars = rng.choice([1.5, 2.0, 2.5, 3.0, 3.5, 3.5, 4.0, 4.0, 4.5, 4.5, 5.0])
    others = [s for s in (stars - 1, stars - 0.5, stars + 0.5, stars + 1) if 1 <= s <= 5]
    names = [f"{stars:.1f}", plain(stars)]
    sheet.slot(
        section, "rating", words, stars, names, [plain(s) for s in others], texts, fault="rating"
    )
    return stars


RATED = (
    "has a rating of {} stars",
    "holds a {}-star rating",
    "is rated {} out of 5 stars",
    "has an overall rating of {} out of 5",
    "has received an average of {} stars",
)


def put_closing(sheet: Sheet, kind: str, stars: float) -> None:
    """A last sentence that says again what stood before, or more than that."""
    rng, name = sheet.rng, sheet.name
    other = rng.choice([s for s in (1.5, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0) if s != stars])
    rated, wrong = plain(stars), plain(other)
    slips = [
        Slip(Say(fill(f"overall, {name} is a {{}} with a rating of ‹{wrong} stars›.", kind)),
            "rating", contradicts=True),
        Slip(Say(fill(f"in summary, {name} is a {{}} that holds a ‹{wrong}-star› rating.",
            kind)), "rating", contradicts=True),
    ]  # fmt: skip
    slips += [Slip(Say(fill(f"overall, {name} is a {{}} ‹{claim}›.", kind)), "inference",
        contradicts=False) for claim in ("that is known throughout the region",
        "that has several branches", "that is run by a married couple",
        "that has recently changed hands", "that employs more than fifty people",
        "that opened in the nineteenth century")]  # fmt: skip
    right = [
        fill(f"overall, {name} is a {{}} with a rating of {rated} stars.", kind),
        fill(f"in summary, {name} is a {{}} that holds a {rated}-star rating.", kind),
        fill(f"overall, {name} is a {{}} rated {rated} out of 5.", kind),
        fill(f"in short, {name} is a {{}}.", kind),
    ]
    if rng.random() < 0.5:
        sheet.add("closing", right, slips, stands_alone=True)


def put_date(
    sheet: Sheet, section: str, group: str, words: str, texts: Sequence[str], about: str = "",
    *, first: int = 2015, last: int = 2026, is_optional: bool = False,
) -> None:  # fmt: skip
    """A date, written one way in the record and another in the sentence."""
    date = any_date(sheet.rng, first, last)
    sheet.slot(section, group, words, date.iso(), date.names(), other_dates(sheet.rng, date),
        texts, fault="date", about=about, is_optional=is_optional)  # fmt: skip


def put_name(
    sheet: Sheet, section: str, group: str, words: str, texts: Sequence[str], about: str = "",
    *, is_optional: bool = True,
) -> None:  # fmt: skip
    """A person's name."""
    person = any_person(sheet.rng)
    sheet.slot(
        section,
        group,
        words,
        person,
        person,
        [other_of(sheet.rng, any_person, person)],
        texts,
        about=about,
        is_optional=is_optional,
    )


def put_number(
    sheet: Sheet, section: str, group: str, words: str, number: int, texts: Sequence[str],
    about: str = "", *, steps: Sequence[float] = (1, 2), is_optional: bool = True,
) -> None:  # fmt: skip
    """A whole number, in words or figures."""
    rng = sheet.rng
    wrong = [f"{near_to(rng, number, steps):.0f}" for _ in range(3)]
    said = [f"{number:,}"] if number > 12 else [in_words(number), str(number)]
    others = [f"{int(w):,}" if int(w) > 12 else in_words(int(w)) for w in wrong]
    sheet.slot(section, group, words, number, said, others, texts, fault="number", about=about,
               is_optional=is_optional)  # fmt: skip


def put_amount(
    sheet: Sheet, section: str, group: str, words: str, amount: int, texts: Sequence[str],
    about: str = "", *, is_optional: bool = True, wrong_per: tuple[str, str] = ("", ""),
) -> None:  # fmt: skip
    """A sum of money; `wrong_per` turns "per year" into another period."""
    rng = sheet.rng
    wrong = [money(round(near_to(rng, amount, [amount * 0.1, amount * 0.2]))) for _ in range(2)]
    per, other_per = wrong_per
    more = [Slip(Say(fill(text, money(amount)).replace(per, f"‹{other_per}›")), "unit",
        contradicts=True) for text in texts if per and per in text]  # fmt: skip
    words, raw = priced(rng, words, amount)
    sheet.slot(section, group, words, raw, money(amount), wrong, texts, fault="number",
               about=about, is_optional=is_optional, more=more)  # fmt: skip


def put_members(
    sheet: Sheet, section: str, group: str, words: str, pool: Sequence[str], texts: Sequence[str],
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
        slips = [Slip(Say(fill(t, list_of(chosen[:2]), is_wrong=True)), fault, contradicts=False)
                 for t in texts]  # fmt: skip
        sheet.add(group, (), slips)
        return
    right = [Say(fill(text, list_of(chosen))) for text in texts]
    right += [Say(fill(text, list_of(chosen[:2]))) for text in texts]
    slips = []
    for text in texts:
        said = [*chosen[:2], f"‹{rng.choice(rest)}›"]
        rng.shuffle(said)
        slips.append(Slip(Say(fill(text, list_of(said))), "invented", contradicts=False))
    sheet.add(group, right, slips)
