"""Records of events."""

from training.groundedness.records.facts import (
    bool_trait,
    put_amount,
    put_date,
    put_members,
    put_name,
    put_number,
    put_opening,
)
from training.groundedness.records.hours import clock
from training.groundedness.records.sheet import Sheet
from training.groundedness.records.values import Trait
from training.groundedness.records.words import ADJECTIVES, NOUNS, any_person, any_town, other_of

_EVENTS = {
    "conference": ("Summit", "Conference", "Forum"),
    "concert": ("Live", "Concert", "Sessions"),
    "workshop": ("Workshop", "Lab", "Masterclass"),
    "street fair": ("Fair", "Street Fair", "Market Days"),
    "film screening": ("Film Night", "Screening", "Cinema Evening"),
    "charity run": ("Run", "Charity Run", "Fun Run"),
}


_EVENT_TRAITS = (
    bool_trait("parking available/parking", "parking",
        "so visitors can arrive by car"),
    bool_trait("food available/food and drink", "food on site",
        "so visitors can eat at the venue"),
    bool_trait("livestream/live stream", "a livestream",
        "making it possible to follow it from home"),
    bool_trait("childcare/child care", "childcare",
        "making it easier for parents to attend"),
    bool_trait("sign language interpretation/sign language",
        "sign language interpretation"),
    bool_trait("student tickets/student discount", "a student discount"),
    Trait("registration required/requires registration", "", ("requires registration",),
        ("does not require registration",), ("so visitors need to sign up beforehand",),
        "registration"),
    Trait("outdoor/held outdoors", "", ("is held outdoors",), ("is not held outdoors",), (),
        "whether it is held outdoors"),
    Trait("wheelchair accessible/accessible venue", "wheelchair access",
        ("is wheelchair accessible",), ("is not wheelchair accessible",),
        ("so guests in wheelchairs can be accommodated",)),
    Trait("recorded/will be recorded", "", ("is recorded",), ("is not recorded",), (),
        "recordings"),
)  # fmt: skip


TOPICS = (
    "gardening", "robotics", "folk music", "pottery", "climate policy", "jazz", "street food",
    "typography", "beekeeping", "astronomy", "game design", "public health", "woodworking",
    "photography", "open data", "local history",
)  # fmt: skip


def draw_event(sheet: Sheet) -> None:
    rng = sheet.rng
    event = rng.choice(list(_EVENTS))
    town = any_town(rng)
    theme = rng.choice([town, f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"])
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
    venue = f"{rng.choice(NOUNS)} {rng.choice(['Hall', 'Theater', 'Park', 'Center', 'Arena'])}"
    sheet.put("", "name/event name/title", sheet.name.removeprefix("the "))
    sheet.put("", "type/event type/category", event)
    sheet.put("venue", "name/venue name", venue)
    sheet.put("venue", "city/town", town)
    wrong_event = rng.sample([e for e in _EVENTS if e != event], 2)
    put_opening(
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
                [f"{other_of(rng, lambda r: r.choice(NOUNS), venue.split()[0])} Hall"],
                "place",
            ),
            "town": (town, [other_of(rng, any_town, town)], "place"),
        },
    )
    put_date(
        sheet,
        "",
        "when",
        "date/start date/event date",
        ("takes place on {}", "is scheduled for {}"),
    )
    start = rng.choice([9, 10, 13, 17, 18, 19, 20]) * 60 + rng.choice([0, 30])
    style = rng.choice([0, 1, 3])
    wrong = [clock(start + step, style) for step in (-60, 30, 60, 720)]
    sheet.slot("", "when", "start time/starts at/begins", clock(start, 4), clock(start, style),
        wrong, ("starts at {}", "begins at {}"), fault="hours_time")  # fmt: skip
    end = start + rng.choice([90, 120, 180])
    sheet.slot("", "when", "end time/ends at/ends", clock(end, 4), clock(end, style),
               [clock(end + s, style) for s in (-30, 60, 90)], ("ends at {}", "runs until {}"),
               fault="hours_time", about="when it ends", is_optional=True)  # fmt: skip
    put_amount(sheet, "tickets", "practical", "ticket price/price/admission", rng.randint(5, 250),
            ("charges {} per ticket", "asks {} for admission"), "ticket prices")  # fmt: skip
    put_number(sheet, "venue", "practical", "capacity/max attendees", rng.randint(40, 5000),
        ("has room for {} people", "has a capacity of {}"), "the capacity", steps=(50, 20,
        30))  # fmt: skip
    put_name(sheet, "", "people", "organizer/host", ("is organized by {}", "is hosted by {}"),
        "the organizer")  # fmt: skip
    topic = rng.choice(TOPICS)
    sheet.slot("", "people", "topic/theme/subject", topic, topic,
        rng.sample([t for t in TOPICS if t != topic], 2), ("focuses on {}", "is dedicated to {}",
        "centers on {}"), about="the theme", is_optional=True)  # fmt: skip
    speakers = [any_person(rng) for _ in range(6)]
    put_members(sheet, "", "people", "speakers/guests/lineup", list(dict.fromkeys(speakers)),
             ("features {}", "brings together {}"), "the lineup")  # fmt: skip
    for trait in rng.sample(_EVENT_TRAITS, rng.randint(4, 6)):
        sheet.trait("facilities", "amenities", trait)
