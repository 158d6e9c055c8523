"""Records of shops, eateries and services."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.groundedness.records.facts import (
    RATED,
    bool_trait,
    put_closing,
    put_opening,
    put_rating,
)
from training.groundedness.records.hours import put_hours
from training.groundedness.records.reviews import (
    ANECDOTES,
    BEAUTY,
    EATING,
    GENERAL,
    QUIET,
    REPAIR,
    SHOPPING,
    TRAINING,
    Aspect,
    put_reviews,
)
from training.groundedness.records.sheet import Sheet, list_of
from training.groundedness.records.values import Choice, Several, Trait
from training.groundedness.records.words import (
    ADJECTIVES,
    FIRST,
    LAST,
    NOUNS,
    STATES,
    STREETS,
    TOWN_ENDS,
    TOWN_STARTS,
    any_street,
    any_town,
    near_to,
    other_of,
)

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


LISTS = (
    "amenities at {s} include {x}",
    "{s} offers {x}",
    "{s} provides {x}",
    "customers can enjoy {x}",
    "among the available amenities are {x}",
    "visitors can make use of {x}",
)


_COMMON_TRAITS = (
    Trait("wheelchair accessible/wheelchair access/step free access", "wheelchair access",
           ("is wheelchair accessible", "is accessible to wheelchair users"),
           ("is not wheelchair accessible", "is not accessible to wheelchair users"),
           ("so guests in wheelchairs can be accommodated",)),
    Trait("accepts credit cards/credit cards/card payment", "",
           ("accepts credit cards", "lets customers pay by credit card"),
           ("does not accept credit cards", "does not take credit cards"),
           ("so there is no need to carry cash",), "credit card payments"),
    Trait("dogs allowed/pet friendly/dogs welcome", "",
           ("allows dogs", "welcomes dogs", "is dog-friendly"),
           ("does not allow dogs", "is not dog-friendly"),
           ("making it a suitable choice for dog owners",), "dogs"),
    bool_trait("bike parking/bicycle parking/bike racks", "bike parking",
                "so visitors can come by bicycle"),
    bool_trait("gift cards/gift vouchers", "gift cards"),
    Trait("accepts crypto/bitcoin accepted", "",
           ("accepts cryptocurrency",), ("does not accept cryptocurrency",), (), "cryptocurrency"),
)  # fmt: skip


_EATERY_TRAITS = (
    Trait("reservations/takes reservations/restaurants reservations/booking", "reservations",
           ("accepts reservations", "takes reservations", "allows guests to book a table"),
           ("does not accept reservations", "does not take reservations"),
           ("so guests can book a table in advance", "allowing guests to plan ahead")),
    Trait("outdoor seating/terrace/outdoor tables", "outdoor seating",
           ("offers outdoor seating", "has outdoor seating", "provides seating outdoors"),
           ("does not offer outdoor seating", "has no outdoor seating", "lacks outdoor seating"),
           ("allowing guests to eat outside", "making it possible to sit outdoors")),
    Trait("takeout/take out/takeaway/restaurants take out", "takeout",
           ("offers takeout", "provides takeout service", "lets customers order food to go"),
           ("does not offer takeout", "does not provide takeout"),
           ("so food can also be enjoyed at home",)),
    bool_trait("delivery/home delivery/restaurants delivery", "delivery"),
    Trait("good for groups/suitable for groups/restaurants good for groups", "",
           ("is suitable for groups", "is good for groups", "can accommodate groups"),
           ("is not considered suitable for groups", "is not well suited to groups"),
           ("making it a suitable choice for groups", "making it a good spot for group outings"),
           "whether it suits groups"),
    Trait("good for kids/kid friendly/family friendly", "",
           ("is suitable for children", "is kid-friendly"),
           ("is not considered suitable for children", "is not kid-friendly"),
           ("making it a suitable option for families with children",
            "making it a good choice for families"), "whether it is suitable for children"),
    Trait("has tv/television", "television", ("has a TV", "has television"),
           ("does not have a TV", "has no television"), (), "television"),
    bool_trait("happy hour/has happy hour", "happy hour specials"),
    Trait("table service/restaurants table service/waiter service", "table service",
           ("offers table service", "provides table service"),
           ("does not offer table service", "has no table service"),
           ("so guests are served at their table",)),
    bool_trait("catering/caters", "catering", "making it an option for catered events"),
    bool_trait("drive thru/drive through", "drive-thru service"),
    bool_trait("coat check/cloakroom", "coat check"),
    bool_trait("vegan options/vegan menu", "vegan options", "making it an option for vegans"),
    bool_trait("gluten free options/gluten free", "gluten-free options"),
)  # fmt: skip


_SERVICE_TRAITS = (
    Trait("by appointment only/appointment required", "",
           ("works by appointment only", "requires an appointment"),
           ("does not require an appointment",), ("so visitors need to book in advance",),
           "whether an appointment is needed"),
    bool_trait("online booking/books online", "online booking"),
    bool_trait("loyalty program/rewards program", "a loyalty program"),
    bool_trait("student discount/student discounts", "a student discount"),
    bool_trait("waiting area/waiting room", "a waiting area"),
    bool_trait("air conditioning/air conditioned", "air conditioning"),
    bool_trait("public restroom/restroom", "a public restroom"),
    bool_trait("free consultation/free consultations", "free consultations"),
    bool_trait("senior discount/senior discounts", "a senior discount"),
    Trait("family owned/family run", "", ("is family-owned", "is a family-owned business"),
           ("is not family-owned",), (), "its ownership"),
)  # fmt: skip


WIFI = Choice("wifi/wi fi/internet/wireless", {"free": ("offers ‹free› WiFi",
    "provides ‹free› Wi-Fi", "has ‹complimentary› WiFi"), "paid": ("offers ‹paid› WiFi",
    "has WiFi ‹for a fee›", "‹charges for› WiFi"), "no": ("does not offer WiFi",
    "does not have WiFi", "does not provide Wi-Fi")}, ("no",), "WiFi")  # fmt: skip


_ALCOHOL = Choice("alcohol/alcohol served/drinks license", {"full_bar": ("has a ‹full bar›",
    "offers a ‹full bar›"), "beer_and_wine": ("serves ‹beer and wine›", "offers ‹beer and wine›"),
    "none": ("does not serve alcohol", "serves no alcohol")}, ("none",), "alcohol")  # fmt: skip


_NOISE = Choice("noise level/noise", {"quiet": ("has a ‹quiet› noise level", "is a ‹quiet› place"),
    "average": ("has an ‹average› noise level", "has a noise level described as ‹average›"),
    "loud": ("has a ‹loud› noise level", "is a ‹loud› place")}, (), "the noise level")  # fmt: skip


_ATTIRE = Choice("attire/dress code/restaurants attire", {"casual": ("has a ‹casual› dress code",
    "asks for ‹casual› attire"), "dressy": ("has a ‹dressy› dress code",
    "asks for ‹dressy› attire"), "formal": ("has a ‹formal› dress code",
    "asks for ‹formal› attire")}, (), "the dress code")  # fmt: skip


_SMOKING = Choice("smoking/smoking policy", {"outdoor": ("allows smoking ‹outdoors only›",
    "permits smoking ‹only outdoors›"), "yes": ("allows smoking ‹without restriction›",),
    "no": ("does not allow smoking", "is smoke-free")}, ("no",), "smoking")  # fmt: skip


_PRICES = Choice("price range/price level/restaurants price range",
    {"$": ("falls in the ‹lowest› price range ‹($)›",),
    "$$": ("falls in the ‹moderate› price range ‹($$)›", "has a ‹moderate› price range ‹($$)›"),
    "$$$": ("falls in the ‹upper› price range ‹($$$)›",)}, (), "prices")  # fmt: skip


PARKINGS = Several("parking/business parking/parking options", {"garage": "garage parking",
    "street": "street parking", "lot": "lot parking", "valet": "valet parking",
    "validated": "validated parking"}, ("offers {}", "has {} available", "provides {}",
    "gives visitors the option of {}"), ("does not offer {}", "has no {}"),
    ("does not offer parking", "has no parking of its own", "does not provide any parking"),
    "parking options")  # fmt: skip


_AMBIENCES = Several(
    "ambience/atmosphere/ambiance",
    {k: k for k in ("casual", "romantic", "trendy", "classy", "intimate", "upscale", "touristy",
                    "hipster")},
    ("has a {} atmosphere", "offers a {} ambience", "is described as {}", "creates a {} setting"),
    ("is not described as {}", "is not considered {}"),
    ("is not assigned any particular ambience",),
    "the ambience",
)  # fmt: skip


_MUSIC = Several("music/music options", {"dj": "a DJ", "live": "live music",
    "jukebox": "a jukebox", "karaoke": "karaoke", "background music": "background music"},
    ("features {}", "entertains guests with {}", "offers {}"), ("does not feature {}",
    "does not offer {}"), ("does not offer music", "has no music"), "music")  # fmt: skip


_MEALS = Several("good for meal/meals/meals served", {k: k for k in ("breakfast", "brunch",
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
    aspects: tuple[Aspect, ...]
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
        EATING,
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
        EATING,
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
        EATING,
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
        BEAUTY,
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
        TRAINING,
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
        REPAIR,
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
        SHOPPING,
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


def business_name(rng: random.Random, endings: Sequence[str]) -> str:
    end = rng.choice(list(endings))
    return rng.choice(
        [
            f"{rng.choice(LAST)}'s {end}",
            f"{rng.choice(FIRST)}'s {end}",
            f"The {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}",
            f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {end}",
            f"{rng.choice(NOUNS)} & {rng.choice(NOUNS)} {end}",
            f"{rng.choice(NOUNS)} {rng.choice(STREETS)} {end}",
            f"{rng.choice(TOWN_STARTS)}{rng.choice(TOWN_ENDS)} {end}",
        ]
    )


def draw_business(sheet: Sheet) -> None:
    rng = sheet.rng
    trade = rng.choices(_TRADES, [8, 3, 2, 2, 1, 1, 2])[0]
    sheet.name = business_name(rng, trade.names)
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
    sheet.leads, sheet.lists, sheet.inferences = _BUSINESS_LEADS, LISTS, _BUSINESS_INFERENCES
    if rng.random() < 0.3:
        sheet.put("", "business id/id", f"b{rng.randrange(10**8):08}")
    sheet.put("", "name/business name/title", sheet.name)
    stars = put_rating(sheet, "", "stars/rating/business stars/average rating", RATED)
    kind, city = _business_opening(sheet, trade, is_liked=stars >= 4)
    if rng.random() < 0.85:
        put_hours(sheet)
    section = sheet.key("attributes/amenities/features/details")
    aspects = [*GENERAL, *ANECDOTES, *trade.aspects]
    own = _EATERY_TRAITS if trade.eats else _SERVICE_TRAITS
    for trait in rng.sample(own, rng.randint(3, 6)) + rng.sample(_COMMON_TRAITS, rng.randint(0, 3)):
        sheet.trait(section, "amenities", trait)
    sheet.choice(section, "amenities", WIFI)
    sheet.several(section, "place", PARKINGS)
    if trade.eats:
        choices = [_NOISE, _ATTIRE, _SMOKING, _PRICES]
        if trade.it != "bar":  # whose category says that it serves alcohol
            choices.append(_ALCOHOL)
        for choice in rng.sample(choices, rng.randint(1, 3)):
            sheet.choice(section, "style", choice)
            if choice is _NOISE:  # which a review must not answer
                aspects = [aspect for aspect in aspects if aspect is not QUIET]
        for several in rng.sample([_AMBIENCES, _MUSIC, _MEALS], rng.randint(1, 3)):
            sheet.several(section, "style", several)
    put_closing(sheet, f"{kind} in {city}", stars)
    if rng.random() < 0.25:
        count = rng.randint(20, 900)
        others = [str(int(near_to(rng, count, [2, 10, 100, 30]))) for _ in range(2)]
        texts = (
            "has {} reviews in total",
            "has collected {} reviews",
            "has been reviewed {} times",
        )
        sheet.slot("", "rating", "review count/number of reviews", count, str(count), others, texts,
            fault="review_count")  # fmt: skip
    put_reviews(sheet, aspects, trade.things, trade.who)


def _business_opening(sheet: Sheet, trade: _Trade, *, is_liked: bool) -> tuple[str, str]:
    """Write what the business is and where; returns the kind and the city, as said."""
    rng = sheet.rng
    category = rng.choice(list(trade.categories))
    extras = rng.sample(trade.extras, rng.randint(0, 3))
    listed = [category, *extras]
    if trade.it == "restaurant" and rng.random() < 0.6:
        listed.append("Restaurants")
    rng.shuffle(listed)
    city, state, street = any_town(rng), rng.choice(list(STATES)), any_street(rng)
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
    say_state = rng.choice([state, STATES[state]])
    wrong_state = rng.choice([s for s in STATES if s != state])
    forms = [
        "{s} is a {kind} located at {street} in {city}, {state}.",
        "{s} is a {kind} in {city}, {state}.",
        "located at {street} in {city}, {state}, {s} is a {kind}.",
        "{s}, situated at {street}, {city}, {state}, is a {kind}.",
        "{s} is a {kind} that can be found at {street} in {city}, {state}.",
        "{s} is a local {kind} based in {city}, {state}.",
    ]
    if extras:
        more = list_of(extras)
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
    put_opening(
        sheet,
        forms,
        {
            "kind": (trade.categories[category], rng.sample(other_kinds, 2), "category"),
            "street": (
                street,
                [
                    f"{near_to(rng, int(number), [1, 10, 100, 200]):.0f} {rest}",
                    other_of(rng, any_street, street),
                ],
                "place",
            ),
            "city": (city, [other_of(rng, any_town, city), other_of(rng, any_town, city)], "place"),
            "state": (
                say_state,
                [wrong_state if len(say_state) == 2 else STATES[wrong_state]],
                "place",
            ),
            "more": (more, [wrong_more], "category"),
        },
    )
    return trade.categories[category], city
