"""Names, places, sums and dates to draw from; all of them made up here."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

FIRST = (
    "Ada Aisha Alba Amara Anders Anouk Arlo Asha Beatriz Benno Bram Callum Carmen Chidi Cleo Dario "
    "Delphine Dmitri Edda Elif Emeka Esme Farid Femke Fiona Gareth Giulia Hana Hector Helga Idris "
    "Imani Ines Ivo Jarek Jomo Juno Kaito Kamala Keira Lars Leila Linh Lorcan Maeve Malik Marisol "
    "Mateo Mei Milo Nadia Nils Noor Odette Olga Omar Orla Pavel Petra Priya Quentin Rafael Renata "
    "Rhys Rosa Ruben Saskia Selma Simone Stellan Suki Tamsin Tariq Thea Tomas Uma Valter Vera "
    "Wanda Willem Xenia Yara Yusuf Zadie Zoltan"
).split()


LAST = (
    "Abernathy Achterberg Adeyemi Almgren Bancroft Barlow Bellweather Bianchi Brandvold Calloway "
    "Castellan Chaudhry Cormack Dalgaard Delacroix Dunmore Eastwick Ekström Fairbairn Farrow Feld "
    "Galloway Grimaldi Gutteridge Hakimi Halvorsen Hartigan Iwamoto Jankowski Kettering Kowal "
    "Lachance Lindqvist Lockhart Macready Marchetti Merriweather Mwangi Nakagawa Novotny Okafor "
    "Ostrander Pemberton Petrovic Quill Rahimi Rosenthal Sandoval Sørby Tanaka Thistlewood "
    "Underhill Valdez Vandermeer Wainwright Whitlock Wolfram Yamada Yilmaz Zielinski"
).split()


ADJECTIVES = (
    "Amber Blue Brass Bright Broken Copper Crimson Curious Drowsy Emerald Faded Gilded Golden "
    "Green Happy Hidden Honest Humble Idle Iron Ivory Jolly Little Lone Lucky Mellow Merry Misty "
    "Nimble Noble Old Olive Painted Pale Quiet Red Royal Rusty Salted Silver Sleepy Smoky Spotted "
    "Sunny Tall Twin Velvet Wandering White Wild"
).split()


NOUNS = (
    "Acorn Anchor Arrow Badger Barrel Bear Bell Birch Boat Bridge Canary Cedar Clover Compass "
    "Crane Crow Dove Elm Falcon Feather Fern Finch Forge Fox Garden Goose Hare Harbor Hazel Heron "
    "Juniper Kettle Lantern Lark Lemon Magpie Maple Meadow Mill Moon Oak Otter Owl Pebble Pine "
    "Plum Quail Rabbit Raven River Rooster Rose Sparrow Spoon Star Thistle Tiller Trout Turnip "
    "Walnut Whale Willow Wren"
).split()


TOWN_STARTS = (
    "Alder Ash Beck Birch Black Brook Cald Clear Copper Cross Dun Eagle East Elk Fair Fern Glen "
    "Gran Green Hart Haw Hazel High Kings Lake Lang Lin Long Maple Mar Mill New North Oak Old Pine "
    "Rock Rose Sand Silver Spring Stan Stone Sun Thorn Wake West White Wild Win Wood"
).split()


TOWN_ENDS = (
    "boro bridge brook burg bury dale field ford gate ham haven hurst leigh mere mont moor mouth "
    "port ridge side stead ton vale view ville ward water well wick wood worth"
).split()


STREETS = "Street Avenue Road Lane Boulevard Drive Way Court Place Terrace Parkway".split()


STATES = {
    "AL": "Alabama", "AZ": "Arizona", "CA": "California", "CO": "Colorado", "FL": "Florida",
    "GA": "Georgia", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "KS": "Kansas",
    "LA": "Louisiana", "MA": "Massachusetts", "ME": "Maine", "MI": "Michigan", "MO": "Missouri",
    "MT": "Montana", "NC": "North Carolina", "NJ": "New Jersey", "NM": "New Mexico",
    "NV": "Nevada", "NY": "New York", "OH": "Ohio", "OR": "Oregon", "PA": "Pennsylvania",
    "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VA": "Virginia", "VT": "Vermont",
    "WA": "Washington", "WI": "Wisconsin",
}  # fmt: skip


MONTHS = (
    "January February March April May June July August September October November December"
).split()


DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


COLOURS = "black white silver graphite navy red forest-green sand orange teal".split()


LANGUAGES = (
    "Arabic Czech Danish Dutch English Finnish French German Greek Hindi Italian Japanese Korean "
    "Mandarin Polish Portuguese Spanish Swahili Swedish Turkish"
).split()


def any_person(rng: random.Random) -> str:
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def any_town(rng: random.Random) -> str:
    town = rng.choice(TOWN_STARTS) + rng.choice(TOWN_ENDS)
    return rng.choice(
        [town, town, town, f"{rng.choice(['North', 'Port', 'Upper', 'Fort'])} {town}"]
    )


def any_street(rng: random.Random) -> str:
    name = rng.choice([*NOUNS, *LAST, *TOWN_STARTS])
    return f"{rng.randint(2, 9400)} {name} {rng.choice(STREETS)}"


def other_of(rng: random.Random, draw_one: Callable[[random.Random], str], but: str) -> str:
    """Draw until it is another one."""
    while (drawn := draw_one(rng)) == but:
        pass
    return drawn


def near_to(rng: random.Random, number: float, steps: Sequence[float]) -> float:
    """Another positive number, near by."""
    options = [number + sign * step for step in steps for sign in (1, -1)]
    return rng.choice([option for option in options if option > 0])


def plain(number: float) -> str:
    return f"{number:g}" if abs(number) < 10000 else f"{number:.0f}"


def money(amount: float) -> str:
    return f"${amount:,.0f}" if amount == int(amount) else f"${amount:,.2f}"


def priced(rng: random.Random, words: str, amount: float) -> tuple[str, object]:
    """A sum as a record writes it, the currency in the value or in the key."""
    style = rng.randrange(3)
    if style == 0:
        return words, money(amount)
    if style == 1:
        return words, f"{amount} USD"
    return "/".join(f"{word} usd" for word in words.split("/")), amount


@dataclass(frozen=True, slots=True)
class Date:
    year: int
    month: int
    day: int

    def iso(self) -> str:
        """As a record writes it."""
        return f"{self.year}-{self.month:02}-{self.day:02}"

    def names(self) -> list[str]:
        """As a sentence writes it, the day included."""
        month = MONTHS[self.month - 1]
        return [f"{month} {self.day}, {self.year}", f"{self.day} {month} {self.year}"]


def any_date(rng: random.Random, first: int = 2016, last: int = 2025) -> Date:
    return Date(rng.randint(first, last), rng.randint(1, 12), rng.randint(1, 28))


def other_dates(rng: random.Random, date: Date) -> list[str]:
    month = rng.choice([m for m in range(1, 13) if m != date.month])
    day = rng.choice([d for d in range(1, 29) if d != date.day])
    wrong = [
        Date(date.year, month, date.day),
        Date(date.year, date.month, day),
        Date(date.year + rng.choice([-1, 1]), date.month, date.day),
    ]
    return [other.names()[0] for other in wrong]
