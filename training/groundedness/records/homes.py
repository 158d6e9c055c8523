"""Records of houses and flats."""

from training.groundedness.records.facts import (
    bool_trait,
    put_amount,
    put_date,
    put_name,
    put_number,
    put_opening,
)
from training.groundedness.records.sheet import Say, Sheet, Slip, in_words
from training.groundedness.records.values import Choice, Trait
from training.groundedness.records.words import STATES, any_street, any_town, other_of

_HOME_TRAITS = (
    bool_trait("garage", "a garage", "so a car can be kept indoors"),
    bool_trait("garden/yard", "a garden", "offering private space outdoors"),
    bool_trait("balcony", "a balcony", "so residents can sit outside"),
    bool_trait("fireplace", "a fireplace"),
    bool_trait("basement/cellar", "a basement"),
    bool_trait("elevator/lift", "an elevator"),
    bool_trait("solar panels/solar", "solar panels"),
    bool_trait("air conditioning/ac", "air conditioning"),
    bool_trait("dishwasher", "a dishwasher"),
    bool_trait("alarm system/alarm", "an alarm system"),
    Trait("pets allowed/pets", "", ("allows pets",), ("does not allow pets",),
           ("making it suitable for tenants with pets",), "pets"),
    Trait("furnished/is furnished", "", ("comes furnished", "is furnished"),
           ("is not furnished", "comes unfurnished"), ("so no furniture has to be brought along",),
           "furniture"),
)  # fmt: skip


_HEATING = Choice("heating/heating type", {"gas": ("is heated with ‹gas›", "has ‹gas› heating"),
    "electric": ("has ‹electric› heating", "uses ‹electric› heating"),
    "heat pump": ("is heated by a ‹heat pump›", "uses a ‹heat pump› for heating"),
    "none": ("has no heating", "comes without heating")}, ("none",), "the heating")  # fmt: skip


def draw_home(sheet: Sheet) -> None:
    rng = sheet.rng
    home = rng.choice(["apartment", "townhouse", "bungalow", "cottage", "loft", "duplex", "villa"])
    street, town, state = any_street(rng), any_town(rng), rng.choice(list(STATES))
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
    put_opening(
        sheet,
        (
            "{street} in {town}, {state} is a {rooms}-bedroom {kind}.",
            "this listing is for a {rooms}-bedroom {kind} at {street} in {town}, {state}.",
            "this {rooms}-bedroom {kind} is located at {street} in {town}, {state}.",
        ),
        {
            "rooms": (
                in_words(rooms),
                [in_words(r) for r in {rooms + 1, max(rooms - 1, 1)} - {rooms}],
                "number",
            ),
            "kind": (home, wrong_home, "category"),
            "street": (street, [other_of(rng, any_street, street)], "place"),
            "town": (town, [other_of(rng, any_town, town)], "place"),
            "state": (state, [rng.choice([s for s in STATES if s != state])], "place"),
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
        is_optional=True, more=[Slip(Say(t.replace("{}", f"{area:,} ‹{wrong_unit}›")), "unit",
        contradicts=True) for t in texts])  # fmt: skip
    put_number(sheet, "", "size", "bathrooms/baths", rng.randint(2, 5), ("has {} bathrooms",
        "includes {} bathrooms"), "bathrooms")  # fmt: skip
    year = rng.randint(1890, 2024)
    sheet.slot("", "size", "year built/built/construction year", year, str(year),
               [str(year + s) for s in (-10, -1, 1, 9)], ("was built in {}", "dates from {}"),
               fault="date", about="the year of construction", is_optional=True)  # fmt: skip
    if rng.random() < 0.5:
        put_amount(sheet, "", "terms", "monthly rent/rent per month", rng.randint(6, 60) * 100,
                ("rents for {} per month", "costs {} per month"), is_optional=False,
                wrong_per=("per month", "per week"))  # fmt: skip
        put_amount(sheet, "", "terms", "deposit/security deposit", rng.randint(6, 60) * 100,
            ("requires a deposit of {}",), "the deposit")  # fmt: skip
    else:
        put_amount(
            sheet,
            "",
            "terms",
            "price/asking price/list price",
            rng.randint(90, 1400) * 1000,
            ("is listed at {}", "is offered for {}", "has an asking price of {}"),
            is_optional=False,
        )
        put_amount(sheet, "", "terms", "hoa fee monthly/monthly hoa fee", rng.randint(5, 60) * 10,
            ("has an HOA fee of {} per month",), "HOA fees", wrong_per=("per month",
            "per year"))  # fmt: skip
    put_date(sheet, "", "terms", "available from/move in date", ("is available from {}",),
        "availability", is_optional=True)  # fmt: skip
    put_name(sheet, "", "terms", "agent/listing agent/contact", ("is listed by {}",
        "is offered through {}"), "the agent")  # fmt: skip
    for trait in rng.sample(_HOME_TRAITS, rng.randint(4, 7)):
        sheet.trait("features", "amenities", trait)
    sheet.choice("features", "amenities", _HEATING)
