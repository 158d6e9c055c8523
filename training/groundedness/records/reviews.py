"""Reviews that come with a record, and what overviews make of them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from training.groundedness.records.sheet import Say, Sheet, Slip, bare, in_words, list_of
from training.groundedness.records.words import FIRST, MONTHS, Date, any_date, other_dates, other_of


@dataclass(frozen=True, slots=True)
class Aspect:
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
    date: Date
    author: str
    opinions: tuple[_Opinion, ...]


_STAFF = Aspect(
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


_WAIT = Aspect(
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


PRICE = Aspect(
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


_CLEAN = Aspect(
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


_PARKING = Aspect(
    ("Finding a parking spot was easy.", "Parking was no problem at all.", "So easy to park here."),
    ("the easy parking", "how easy it was to park", "that parking was easy"),
    (
        "Parking is a nightmare.",
        "We drove around forever trying to find parking.",
        "Good luck finding a place to park, it is nearly impossible.",
    ),
    ("the difficulty of parking", "how hard it was to park", "that parking was difficult"),
)


_PHONE = Aspect(
    (
        "They picked up the phone right away when I called.",
        "Called ahead and they answered on the first ring.",
    ),
    ("how promptly the phone was answered", "that the phone was answered promptly"),
    ("Nobody ever answers the phone.", "I called over and over and no one picked up."),
    ("unanswered phone calls", "that nobody answered the phone"),
)


ANECDOTES = tuple(
    Aspect((good,), (good_said,), (bad,), (bad_said,))
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


GENERAL = (_STAFF, _WAIT, PRICE, _CLEAN, _PARKING, _PHONE)


QUIET = Aspect(
    ("It's quiet enough to have a real conversation.", "Calm and quiet room, loved that."),
    ("the quiet atmosphere", "how quiet it was", "that the room was quiet"),
    ("So loud we had to shout at each other.", "The noise inside is unbearable."),
    ("the noise", "how noisy it was", "that it was too loud"),
)


EATING = (
    Aspect(
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
    Aspect(
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
    QUIET,
    Aspect(
        ("Food arrived piping hot.", "Everything came out hot from the kitchen."),
        ("that the food was served hot", "the fact that the food arrived hot"),
        ("Our food was cold when it reached the table.", "Everything was served stone cold."),
        ("cold food", "that the food was cold"),
    ),
    Aspect(
        ("They got our order exactly right.", "Order was correct down to the last detail."),
        ("the accuracy of the order", "that the order was correct"),
        ("They got our order wrong.", "They brought me the wrong thing, not what I ordered."),
        ("a mistake in the order", "that the order was wrong"),
    ),
)


BEAUTY = (
    Aspect(
        ("My {d} turned out beautiful.", "I'm obsessed with my {d}!", "Love how my {d} came out."),
        ("the result of the {d}", "how well the {d} turned out", "that the {d} turned out well"),
        ("They ruined my {d}.", "My {d} is a disaster.", "Worst {d} of my life."),
        ("a bad {d}", "how badly the {d} turned out", "that the {d} turned out badly"),
    ),
    Aspect(
        ("She really listened to what I wanted.", "They listened carefully to what I asked for."),
        ("how well their wishes were listened to", "that they felt listened to"),
        ("They did not listen to a word I said.", "I told them what I wanted and was ignored."),
        ("not being listened to", "that their wishes were ignored"),
    ),
)


TRAINING = (
    Aspect(
        ("Loads of modern machines.", "The machines are all brand new.", "Great modern equipment."),
        ("the modern equipment", "the modern machines", "that the equipment was modern"),
        ("Half the machines are broken.", "So many broken machines.", "Broken equipment all over."),
        ("the broken equipment", "the broken machines", "that machines were broken"),
    ),
    Aspect(
        ("Never crowded when I go.", "There is always space, it never gets packed."),
        ("the lack of crowds", "that it was never crowded"),
        ("It is packed every single evening.", "Way too crowded in the evening."),
        ("the crowds in the evening", "how crowded it was in the evening"),
    ),
)


REPAIR = (
    Aspect(
        ("Honest mechanics who told me what I did not need.", "Finally an honest shop."),
        ("the honesty of the shop", "that the shop was honest"),
        ("They charged me for work they never did.", "They billed me for a repair they didn't do."),
        ("being charged for work that was not done", "that they were billed for work never done"),
    ),
    Aspect(
        ("My {d} has been perfect since they fixed it.", "They fixed the {d} the first time."),
        ("the repair of the {d}", "that the {d} was fixed properly"),
        (
            "The {d} broke again a week after they fixed it.",
            "Took it in for the {d}, still broken.",
        ),
        ("the failed repair of the {d}", "that the {d} was not fixed properly"),
    ),
)


SHOPPING = (
    Aspect(
        ("Huge selection, you can find anything.", "The selection is incredible."),
        ("the wide selection", "the large selection", "that the selection was large"),
        ("Hardly anything on the shelves.", "Very poor selection, shelves half empty."),
        ("the poor selection", "the limited selection", "that the selection was poor"),
    ),
    Aspect(
        ("They took back my return without any fuss.", "Returning my {d} was painless."),
        ("the easy returns", "how easy the return was", "that the return was easy"),
        ("They refused to take back my return.", "They would not let me return the {d}."),
        ("a refused return", "that a return was refused"),
    ),
)


BREAKFASTS = Aspect(
    ("Breakfast was excellent.", "We loved the breakfast."),
    ("the breakfast", "how good the breakfast was", "that the breakfast was very good"),
    ("Breakfast was dreadful.", "The breakfast was inedible."),
    ("the poor breakfast", "how bad the breakfast was", "that the breakfast was bad"),
)


STAYING = (
    Aspect(
        ("The bed was so comfortable.", "Slept like a baby, wonderful bed."),
        ("the comfortable bed", "the comfort of the bed", "that the bed was comfortable"),
        ("The mattress was rock hard and painful.", "Terrible bed, my back hurts."),
        ("the uncomfortable bed", "that the bed was uncomfortable"),
    ),
    Aspect(
        ("What a view from our window!", "The view from the room was stunning."),
        ("the view from the room", "that the room had a beautiful view"),
        ("Our window looked onto a brick wall.", "The only view we had was of the dumpsters."),
        ("the poor view from the room", "that the view from the room was bad"),
    ),
    Aspect(
        ("Check-in took no time.", "Checking in was quick and painless."),
        ("the quick check-in", "how smooth check-in was", "that check-in was quick"),
        ("Check-in took forever.", "We stood in line for ages to check in."),
        ("the slow check-in", "that check-in took a long time"),
    ),
)


USING = (
    Aspect(
        ("Feels very solid in the hand.", "The build quality is superb.", "Built like a tank."),
        ("the build quality", "the solid construction", "that it was solidly built"),
        ("It feels flimsy and cheap.", "Flimsy build, cracked already."),
        ("the flimsy construction", "the poor build quality", "that it was flimsy"),
    ),
    Aspect(
        ("Setup took two minutes, dead simple.", "So easy to set up."),
        ("the easy setup", "how easy it was to set up", "that it was easy to set up"),
        ("Setting it up was a horrible struggle.", "The setup is a nightmare."),
        ("the difficult setup", "how hard it was to set up", "that it was hard to set up"),
    ),
    Aspect(
        ("Arrived two days early.", "Shipping was super fast."),
        ("the fast delivery", "that it arrived quickly"),
        ("Delivery took weeks longer than promised.", "It arrived very late."),
        ("the late delivery", "that it arrived late"),
    ),
    Aspect(
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
    if bare(said).startswith("that "):
        return rng.choice(_CLAUSED).format(said)
    return rng.choice(_PRAISED if is_good else _BLAMED).format(said)


def _opinion(
    rng: random.Random, aspect: Aspect, things: Sequence[str], *, is_good: bool
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
        () if aspect in ANECDOTES else tuple(put(s) for s in against if "{n}" not in s),
        swapped,
    )


def _draw_reviews(
    rng: random.Random, aspects: Sequence[Aspect], things: Sequence[str]
) -> tuple[list[_Review], list[Aspect]]:
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
        author = other_of(rng, lambda r: r.choice(FIRST), "")
        while author in {review.author for review in reviews}:
            author = rng.choice(FIRST)
        reviews.append(_Review(stars, any_date(rng, 2014, 2024), author, opinions))
    return reviews, left


def _review_text(rng: random.Random, review: _Review) -> str:
    parts = [opinion.text for opinion in review.opinions]
    if rng.random() < 0.5:
        parts.insert(0, rng.choice(_FILLERS))
    close = {True: _GOOD_CLOSE, False: _BAD_CLOSE}.get(review.stars > 3, ("",))
    if review.stars != 3:
        parts.append(rng.choice([c for c in close if "Five" not in c or review.stars == 5]))
    return " ".join(part for part in parts if part)


def put_reviews(
    sheet: Sheet, aspects: Sequence[Aspect], things: Sequence[str], who: Sequence[str]
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
    sheet: Sheet,
    review: _Review,
    others: Sequence[_Review],
    left: Sequence[Aspect],
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
        heads.append(f"in {MONTHS[review.date.month - 1]} {review.date.year}, one {person}")
    if has_author:
        heads += [review.author] * 2
    right = [f"{head} {_report(rng, review)}." for head in heads for _ in range(2)]
    slips: list[Slip] = []

    def slip(text: str, fault: str, *, contradicts: bool) -> None:
        slips.append(Slip(Say(f"{text}."), fault, contradicts))

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
        date = rng.choice(other_dates(rng, review.date))
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


def _untold(rng: random.Random, left: Sequence[Aspect], *, is_good: bool) -> list[str]:
    """Reports of what no review speaks of."""
    reports: list[str] = []
    for aspect in left[:3]:
        said = [s for s in (aspect.good_said if is_good else aspect.bad_said) if "{" not in s]
        if said:
            reports.append(f"‹{_reported(rng, rng.choice(said), is_good=is_good)}›")
    return reports


def _reviews_fact(sheet: Sheet, reviews: Sequence[_Review], who: Sequence[str]) -> None:
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
    slips: list[Slip] = []

    def slip(text: str) -> None:
        slips.append(Slip(Say(text), "sentiment_overall", contradicts=True))

    if good and bad and len(reviews) > 1:
        g, b = list_of(good[:2]), list_of(bad[:2])
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
        g = list_of(good[:3])
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
        b = list_of(bad[:3])
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


def _counts_fact(sheet: Sheet, reviews: Sequence[_Review]) -> None:
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
        return f"{in_words(number)} customer review{'' if number == 1 else 's'}"

    if count < 2:
        return
    right = [text.format(noun(count)) for text in texts[:2]]
    slips = [
        Slip(
            Say(text.format(f"‹{in_words(wrong)}› customer review{'' if wrong == 1 else 's'}")),
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
        right.append(f"{in_words(having)} of the {in_words(count)} reviewers gave {shown}.")
        other = rng.choice([n for n in range(1, count + 1) if n != having])
        text = f"‹{in_words(other)}› of the {in_words(count)} reviewers gave {shown}."
        slips.append(Slip(Say(text), "review_count", contradicts=True))
        right.append(
            f"individual reviews range from {low} to {high} stars."
        ) if low < high else None
    elif rng.random() < 0.9:
        right.append(f"all {in_words(count)} reviewers gave {shown}.")
        other = rng.choice([number for number in range(2, 6) if number != stars])
        text = f"all {in_words(count)} reviewers gave ‹{other} stars›."
        slips.append(Slip(Say(text), "review_stars", contradicts=True))
    sheet.add("review summary", right, slips, stands_alone=True)
