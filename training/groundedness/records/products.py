"""Records of wares."""

from collections.abc import Sequence

from training.groundedness.records.facts import RATED, bool_trait, put_opening, put_rating
from training.groundedness.records.reviews import PRICE, USING, put_reviews
from training.groundedness.records.sheet import Fact, Say, Sheet, Slip, in_words
from training.groundedness.records.values import Trait
from training.groundedness.records.words import (
    COLOURS,
    NOUNS,
    TOWN_STARTS,
    money,
    near_to,
    other_of,
    plain,
    priced,
)

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


def _comes_with(keys: str, noun: str, *tails: str) -> Trait:
    return Trait(
        keys,
        noun,
        (f"comes with {noun}", f"includes {noun}", f"features {noun}"),
        (f"does not come with {noun}", f"does not include {noun}"),
        tails,
    )


def _is(keys: str, quality: str, about: str, *tails: str) -> Trait:
    return Trait(keys, "", (f"is {quality}",), (f"is not {quality}",), tails, about)


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
    sheet: Sheet,
    words: str,
    value: float,
    unit: str,
    wrong_unit: str,
    texts: Sequence[str],
    about: str,
) -> None:
    """A quantity with its unit, in the value or in the key."""
    rng = sheet.rng
    near = near_to(rng, value, [value * 0.1, value * 0.2, value * 0.5])
    near = round(near, 2) if near != int(near) else int(near)
    raw: object = f"{plain(value)} {unit}"
    if rng.random() < 0.3:
        words, raw = "/".join(f"{w} {unit}" for w in words.split("/")), value
    said = [f"{plain(value)} {unit}"]
    more = []
    for text in texts:
        marked = text.replace("{}", f"{plain(value)} ‹{wrong_unit}›")
        more.append(Slip(Say(marked), "unit", contradicts=True))
    sheet.slot("specifications", "specs", words, raw, said, [f"{plain(near)} {unit}"], texts,
               fault="number", about=about, is_optional=True, more=more)  # fmt: skip


def draw_product(sheet: Sheet) -> None:
    rng = sheet.rng
    ware = rng.choice(list(_WARES))
    said_ware, parts = _WARES[ware]
    brand = f"{rng.choice(TOWN_STARTS)}{rng.choice(['ex', 'ora', 'tek', 'io', 'line', 'works'])}"
    series = rng.choice(["", "Pro ", "Mini ", "Air ", "S"])
    model = f"{rng.choice(NOUNS)} {series}{rng.randint(2, 900)}"
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
    colour = rng.choice(COLOURS)
    others = [_WARES[w][0] for w in rng.sample([w for w in _WARES if w != ware], 2)]
    plural = ware == "headphones"
    kind_form = "a pair of {kind}" if plural else "a {kind}"
    put_opening(
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
                [other_of(rng, lambda r: r.choice(TOWN_STARTS) + "tek", brand)],
                "value",
            ),
        },
    )
    for part in parts:
        _product_part(sheet, part)
    wrong_colours = rng.sample([c for c in COLOURS if c != colour], 2)
    sheet.slot("", "specs", "color/colour/finish", colour, colour, wrong_colours, ("comes in {}",
        "is available in {}"), about="the color", is_optional=True)  # fmt: skip
    _product_sale(sheet)
    put_rating(sheet, "", "rating/average rating/stars", RATED[:4])
    put_reviews(sheet, [*USING, PRICE], ("lid", "strap"), ("customer", "buyer", "reviewer"))
    sheet.facts = [
        Fact("sale", f.right, f.wrong) if f.group == "rating" else f for f in sheet.facts
    ]


def _product_part(sheet: Sheet, part: str) -> None:
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


def _product_sale(sheet: Sheet) -> None:
    rng = sheet.rng
    price = rng.randint(15, 1400) + rng.choice([0, 0.99, 0.5])
    wrong = [money(price + 10), money(max(price - 5, 5.0)), f"€{money(price)[1:]}"]
    words, raw = priced(rng, "price/list price", round(price, 2))
    sheet.slot("", "sale", words, raw, money(price), wrong, ("costs {}", "is priced at {}",
        "sells for {}"), fault="number", about="the price")  # fmt: skip
    years = rng.randint(1, 5)
    unit = "year" if years == 1 else "years"
    sheet.slot(
        "",
        "sale",
        "warranty years/warranty in years",
        years,
        [f"{years}-year", f"{in_words(years)}-year"],
        [f"{in_words(years + 1)}-year", f"{years}-month", "lifetime"],
        ("comes with a {} warranty", "has a {} warranty", "is covered by a {} warranty"),
        fault="number",
        about="the warranty",
        is_optional=True,
        more=[
            Slip(
                Say(f"is covered by a warranty of {years} {unit}, ‹including accidental damage›"),
                "invented",
                contradicts=False,
            )
        ],
    )
    sheet.trait("", "sale", _is("in stock/available", "in stock", "stock levels"))
    sheet.trait("", "sale", bool_trait("free shipping/ships free", "free shipping"))
    sheet.trait(
        "", "sale", _is("refurbished/is refurbished", "refurbished", "whether it is refurbished")
    )
    country = rng.choice(["Portugal", "Vietnam", "Germany", "Mexico", "Taiwan", "Poland", "Japan"])
    wrong_countries = ("Italy", "Canada", "India", "Sweden")
    sheet.slot("", "sale", "made in/country of origin", country, country, wrong_countries,
               ("is made in {}", "is manufactured in {}"), fault="place", about="where it is made",
               is_optional=True)  # fmt: skip
