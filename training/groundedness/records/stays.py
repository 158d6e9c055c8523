"""Records of hotels."""

from training.groundedness.records.businesses import LISTS, PARKINGS, WIFI
from training.groundedness.records.facts import bool_trait, put_closing, put_opening, put_rating
from training.groundedness.records.hours import clock
from training.groundedness.records.reviews import (
    ANECDOTES,
    BREAKFASTS,
    GENERAL,
    STAYING,
    put_reviews,
)
from training.groundedness.records.sheet import Say, Sheet, Slip, in_words
from training.groundedness.records.values import Choice, Trait
from training.groundedness.records.words import (
    ADJECTIVES,
    LAST,
    NOUNS,
    STATES,
    TOWN_ENDS,
    TOWN_STARTS,
    any_town,
    money,
    near_to,
    other_of,
    plain,
    priced,
)

_STAY_TRAITS = (
    bool_trait("airport shuttle/shuttle", "an airport shuttle",
        "making transfers from the airport easy"),
    bool_trait("pool/swimming pool", "a swimming pool",
        "so guests can go for a swim"),
    bool_trait("fitness center/gym", "a fitness center",
        "allowing guests to work out"),
    bool_trait("spa/spa on site", "a spa"),
    bool_trait("room service", "room service"),
    bool_trait("laundry/laundry service", "laundry service"),
    bool_trait("restaurant on site/restaurant", "an on-site restaurant"),
    bool_trait("ev charging/electric car charging", "charging for electric cars",
        "making it convenient for drivers of electric cars"),
    Trait("pets allowed/pet friendly", "", ("allows pets", "welcomes pets"),
        ("does not allow pets", "does not accept pets"),
        ("making it a suitable choice for travelers with pets",), "pets"),
    Trait("late checkout/late check out", "late check-out", ("offers late check-out",),
        ("does not offer late check-out",),
        ("so guests need not hurry on their last day",)),
    bool_trait("elevator/lift", "an elevator"),
    bool_trait("conference rooms/meeting rooms", "meeting rooms",
        "making it suitable for business meetings"),
)  # fmt: skip


_BREAKFAST = Choice("breakfast", {"included": ("offers breakfast ‹included in the price›",
    "serves breakfast ‹at no extra cost›"),
    "extra charge": ("offers breakfast ‹at an extra charge›",
    "serves breakfast ‹for an additional fee›"), "none": ("does not serve breakfast",
    "does not offer breakfast")}, ("none",), "breakfast")  # fmt: skip


_INNS = ("Inn", "Lodge", "Hotel", "Suites", "Resort")


def draw_stay(sheet: Sheet) -> None:
    rng = sheet.rng
    sheet.name = rng.choice(
        [
            f"Hotel {rng.choice(LAST)}",
            f"The {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {rng.choice(_INNS)}",
            f"{rng.choice(TOWN_STARTS)}{rng.choice(TOWN_ENDS)} {rng.choice(_INNS)}",
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
    sheet.lists = LISTS
    sheet.inferences = (
        "making it ideal for honeymooners",
        "making it the top choice in the region",
        "making it a favorite among business travelers",
        "making it a landmark of the city",
        "making it popular with large tour groups",
        "making it the cheapest hotel in the area",
    )
    city, state = any_town(rng), rng.choice(list(STATES))
    stars, rooms = rng.randint(2, 5), rng.randint(12, 420)
    sheet.put("", "name/hotel name/property name", sheet.name)
    sheet.put("location", "city/town", city)
    sheet.put("location", "state/region", state)
    sheet.put("", "stars/star category/hotel class", stars)
    wrong_city = [other_of(rng, any_town, city)]
    wrong_state = [rng.choice([s for s in STATES if s != state])]
    put_opening(
        sheet,
        (
            "{s} is a {stars}-star hotel in {city}, {state}.",
            "{s} is a {stars}-star hotel located in {city}, {state}.",
            "located in {city}, {state}, {s} is a {stars}-star hotel.",
            "travelers to {city}, {state} can stay at {s}, a {stars}-star hotel.",
        ),
        {
            "stars": (
                rng.choice([str(stars), in_words(stars)]),
                [in_words(s) for s in range(2, 6) if s != stars],
                "rating",
            ),
            "city": (city, wrong_city, "place"),
            "state": (state, wrong_state, "place"),
        },
    )
    wrong_rooms = [str(int(near_to(rng, rooms, [2, 10, 5]))) for _ in range(2)]
    sheet.slot("", "rooms", "rooms/room count/number of rooms", rooms, str(rooms), wrong_rooms,
        ("has {} rooms", "offers {} guest rooms"), fault="number", about="the number of rooms",
        is_optional=True)  # fmt: skip
    _hotel_times(sheet)
    price = rng.randint(60, 480)
    wrong = [money(near_to(rng, price, [10, 20, 5])) for _ in range(2)]
    words, raw = priced(rng, "price per night/nightly rate", price)
    sheet.slot("pricing", "rooms", words, raw, money(price), wrong, ("charges {} per night",
        "costs {} a night"), fault="number", about="the price of a night", is_optional=True,
        more=[Slip(Say(f"costs {money(price)} ‹{per}›"), "unit",
        contradicts=True) for per in ("per week", "per person")])  # fmt: skip
    distance = rng.choice([0.5, 1.2, 2, 3.5, 4, 6, 9, 12])
    sheet.slot("", "rooms", "distance to airport km/airport distance km", distance,
        f"{plain(distance)} km", [f"{plain(near_to(rng, distance, [1, 3]))} km"],
        ("is {} from the airport", "lies {} from the airport"), fault="number",
        about="the distance to the airport", is_optional=True,
        more=[Slip(Say(f"lies {plain(distance)} ‹miles› from the airport"), "unit",
        contradicts=True)])  # fmt: skip
    section = sheet.key("amenities/facilities/features")
    for trait in rng.sample(_STAY_TRAITS, rng.randint(4, 7)):
        sheet.trait(section, "amenities", trait)
    aspects = [*GENERAL[:5], *ANECDOTES[2:5], *STAYING]
    if rng.random() < 0.5:
        sheet.choice(section, "amenities", _BREAKFAST)
    else:  # reviews may speak of breakfast where the record does not
        sheet.choice(section, "amenities", WIFI)
        aspects.append(BREAKFASTS)
    sheet.several(section, "amenities", PARKINGS)
    score = put_rating(
        sheet,
        "",
        "guest rating/review score",
        ("has a guest rating of {} out of 5", "is rated {} out of 5 by its guests"),
    )
    put_closing(sheet, f"hotel in {city}", score)
    put_reviews(sheet, aspects, ("room", "suite"), ("guest", "traveler", "reviewer"))


def _hotel_times(sheet: Sheet) -> None:
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
        wrong = [clock(time + step, style) for step in (-60, 60, 720)]
        raw = f"{time // 60}:00"
        sheet.slot("", "rooms", words, raw, [clock(time, style)], wrong, text, fault="hours_time")
