"""Made-up price lists, directories and house rules, with questions. Pure; every word is ours.

SQuAD is prose about the world. Documents of an office are tables, lists and rules, where what is
asked for may stand in another row, in a column that is not there, or not at all.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from training.answer_finding.questions import Asked

Draw = Callable[[random.Random], str]

_FIRST = (
    "Ada Bruno Carla Deniz Emre Fatou Grete Hiro Ines Jonas Kofi Lena Marit Nils Olga Priya".split()
)
_LAST = (
    "Ames Brandt Castell Dorn Eklund Farrow Gill Hallow Ito Jansen Keller Lind Moreau Voss".split()
)
_PARTS = (
    "filter pump valve hinge gasket sensor bearing relay hose lamp bracket motor coil pulley "
    "controller coupling"
).split()
_ADJECTIVES = "small large double heavy spare manual automatic outdoor silent reinforced".split()
_ROOMS = "Alder Birch Cedar Dogwood Elm Fir Ginkgo Hazel Juniper Larch Maple Oak Pine Rowan".split()
_SERVICES = (
    "inspection|repainting|calibration|roof survey|deep cleaning|key replacement|data recovery|"
    "boiler service|safety training|chimney sweep|archive search|courier run"
).split("|")
_ROLES = (
    "Managing Director|Workshop Manager|Finance Manager|Head of Sales|Fire Warden|Data Protection "
    "Officer|Works Council Chair|First-aider|Night Porter|Head of Catering"
).split("|")
_MONTHS = "January February March April May June July August September October".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday".split()


def _one_of(options: list[str]) -> Draw:
    return lambda rng: rng.choice(options)


def _number(low: int, high: int, unit: str = "", step: int = 1) -> Draw:
    return lambda rng: f"{rng.randrange(low, high, step):,}{unit}"


def _money(low: int, high: int, step: int = 5) -> Draw:
    return lambda rng: f"{rng.choice('£€$')}{rng.randrange(low, high, step):,}"


def _code(rng: random.Random) -> str:
    letters = "".join(rng.choice("ABDEKMOPRTX") for _ in range(2))
    return f"{letters}-{rng.randrange(100, 1000)}"


def _person(rng: random.Random) -> str:
    return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"


def _part(rng: random.Random) -> str:
    return f"{_code(rng)} {rng.choice(_ADJECTIVES)} {rng.choice(_PARTS)}"


def _clock(rng: random.Random) -> str:
    return f"{rng.randrange(6, 22):02}:{rng.choice(('00', '15', '30', '45'))}"


def _date(rng: random.Random) -> str:
    return f"{rng.randrange(1, 29)} {rng.choice(_MONTHS)}"


@dataclass(frozen=True, slots=True)
class _Column:
    header: str
    draw: Draw
    questions: tuple[str, ...]  # {row} is the row that is meant


@dataclass(frozen=True, slots=True)
class _Table:
    header: str
    row: Draw
    columns: tuple[_Column, ...]


_TABLES = (
    _Table(
        "Part",
        _part,
        (
            _Column(
                "Price",
                _money(10, 3000),
                ("How much does a {row} cost?", "What is the price of the {row}?"),
            ),
            _Column(
                "Delivery time",
                _number(2, 12, " weeks"),
                (
                    "What is the delivery time for the {row}?",
                    "How long does it take to deliver a {row}?",
                ),
            ),
            _Column(
                "Weight",
                _number(1, 90, " kg"),
                ("How heavy is the {row}?", "What does the {row} weigh?"),
            ),
            _Column(
                "Warranty",
                _number(6, 60, " months", 6),
                ("How long is the warranty on the {row}?",),
            ),
            _Column("Shelf", _code, ("On which shelf is the {row}?", "Where is the {row} kept?")),
        ),
    ),
    _Table(
        "Role",
        _one_of(_ROLES),
        (
            _Column("Name", _person, ("Who is the {row}?", "What is the name of the {row}?")),
            _Column(
                "Telephone",
                _number(1000, 9999),
                (
                    "What is the telephone number of the {row}?",
                    "How can I reach the {row} by phone?",
                ),
            ),
            _Column(
                "Office",
                _one_of(_ROOMS),
                ("Which office does the {row} have?", "Where does the {row} sit?"),
            ),
            _Column(
                "Deputy",
                _person,
                ("Who stands in for the {row}?", "Who is the deputy of the {row}?"),
            ),
        ),
    ),
    _Table(
        "Room",
        _one_of(_ROOMS),
        (
            _Column(
                "Seats",
                _number(4, 120),
                ("How many people fit into the {row} room?", "How many seats does {row} have?"),
            ),
            _Column(
                "Day rate",
                _money(80, 900, 10),
                (
                    "What does it cost to hire {row} for a day?",
                    "What is the day rate of the {row} room?",
                ),
            ),
            _Column(
                "Floor",
                _one_of(["ground", "first", "second", "third", "fourth"]),
                ("On which floor is {row}?",),
            ),
            _Column("Closed on", _one_of(_DAYS), ("On which day is {row} closed?",)),
        ),
    ),
    _Table(
        "Service",
        _one_of(_SERVICES),
        (
            _Column(
                "Price", _money(30, 900), ("How much is the {row}?", "What does the {row} cost?")
            ),
            _Column("Duration", _number(2, 30, " hours"), ("How long does the {row} take?",)),
            _Column("Book by", _date, ("By when must the {row} be booked?",)),
            _Column("Carried out by", _person, ("Who carries out the {row}?",)),
        ),
    ),
)

# A rule, and questions that only it answers; {v} is its value.
_RULES: tuple[tuple[str, Draw, tuple[str, ...]], ...] = (
    (
        "The annual fee is {v}, excluding VAT.",
        _money(200, 4000),
        ("What is the annual fee?", "How much is paid each year?"),
    ),
    (
        "Invoices are payable within {v} of receipt.",
        _number(7, 61, " days"),
        ("When must invoices be paid?", "How long do customers have to pay an invoice?"),
    ),
    (
        "A deposit of {v} per cent is due on every order.",
        _number(5, 60, "", 5),
        ("What deposit is due on an order?",),
    ),
    (
        "The contract may be ended with {v} of notice.",
        _number(2, 13, " weeks"),
        ("How much notice is needed to end the contract?", "What is the notice period?"),
    ),
    (
        "The liability of either side is limited to {v}.",
        _money(5000, 90000, 500),
        ("What is the liability limit?", "How far is each side liable?"),
    ),
    (
        "An engineer attends an urgent fault within {v}.",
        _number(2, 48, " hours"),
        ("How soon does somebody come for an urgent fault?",),
    ),
    (
        "The first person in starts the compressor and waits until it shows {v}.",
        _number(3, 12, " bar"),
        ("What must the compressor show in the morning?",),
    ),
    (
        "The alarm must be switched off within {v}.",
        _number(20, 90, " seconds"),
        ("How quickly must the alarm be switched off?",),
    ),
    (
        "Visitors report to {v} before they enter the hall.",
        _person,
        ("To whom do visitors report?", "Who has to be told that a visitor is here?"),
    ),
    (
        "Deliveries are accepted until {v}.",
        _clock,
        ("Until when are deliveries accepted?", "How late may goods be delivered?"),
    ),
    ("The building is locked at {v}.", _clock, ("When is the building locked?",)),
    (
        "The hoist lifts at most {v}.",
        _number(100, 900, " kg", 50),
        ("How much may the hoist lift?", "What is the most that the hoist carries?"),
    ),
    (
        "Every employee has {v} of paid holiday.",
        _number(20, 34, " days"),
        ("How many days of holiday do employees get?", "How much paid leave is there?"),
    ),
    (
        "Days of leave that are carried over expire on {v}.",
        _date,
        ("When does leave that was carried over expire?",),
    ),
    (
        "The probation period is {v}.",
        _number(2, 9, " months"),
        ("How long is the probation period?",),
    ),
    (
        "A doctor's note is required from the {v} day of sickness.",
        _one_of(["first", "second", "third", "fourth"]),
        ("From which day of sickness is a note required?",),
    ),
    (
        "A hotel may cost up to {v} a night.",
        _money(60, 260),
        ("How much may a night in a hotel cost?", "What is the limit for hotels?"),
    ),
    (
        "The training budget is {v} for each employee and year.",
        _money(200, 3000, 50),
        (
            "What is the training budget of an employee?",
            "How much may somebody spend on courses a year?",
        ),
    ),
    (
        "Customers can pay by card up to {v}.",
        _money(100, 2000, 50),
        ("Up to what amount can customers pay by card?",),
    ),
    (
        "The loss of a laptop is reported to {v} within the hour.",
        _person,
        ("To whom is a lost laptop reported?", "Who must be told when a laptop is lost?"),
    ),
    (
        "The assembly point is {v}.",
        _one_of(["the mill gate", "the north car park", "the chapel steps", "the bandstand"]),
        ("Where is the assembly point?", "Where do people gather in case of fire?"),
    ),
    (
        "Returned goods are charged a fee of {v} per cent.",
        _number(5, 30),
        ("What is charged for goods that are returned?",),
    ),
    (
        "The warranty on repairs is {v}.",
        _number(6, 37, " months", 6),
        ("How long is the warranty on repairs?",),
    ),
    (
        "Work outside stops when the wind exceeds {v} metres per second.",
        _number(8, 20),
        ("At what wind speed does work outside stop?",),
    ),
    (
        "The report for {v} was approved without changes.",
        _one_of(_MONTHS),
        ("Which month's report was approved?",),
    ),
    (
        "The order for the bandstand was given to {v}.",
        _person,
        ("Who got the order for the bandstand?", "Who won the order for the bandstand?"),
    ),
)


def office_questions(n: int, seed: int) -> Iterator[Asked]:
    """`n` questions, about half of them answered by their text."""
    rng = random.Random(f"office {seed}")
    for place in range(n):
        make = _about_a_table if rng.random() < 0.5 else _about_a_rule
        yield make(rng, f"office {place}")


def _about_a_table(rng: random.Random, group: str) -> Asked:
    table = rng.choice(_TABLES)
    rows = list(dict.fromkeys(table.row(rng) for _ in range(rng.randrange(4, 10))))
    columns = rng.sample(table.columns, rng.randrange(2, len(table.columns)))
    cells = [[column.draw(rng) for column in columns] for _ in rows]
    write = rng.choice((_as_rows, _as_rows, _as_words, _as_fields))
    headers = [table.header, *(column.header for column in columns)]
    row, column = rng.randrange(len(rows)), rng.randrange(len(columns))
    kind = rng.random()
    if kind < 0.5:
        question = rng.choice(columns[column].questions).format(row=rows[row])
        text, spans = write(headers, rows, cells)
        return Asked(question, text, (spans[row][column],), group)
    if kind < 0.75:  # a row that is not there
        question = rng.choice(columns[column].questions).format(row=rows[row])
        del rows[row], cells[row]
    else:  # a column that is not there
        missing = rng.choice([one for one in table.columns if one not in columns])
        question = rng.choice(missing.questions).format(row=rows[row])
    return Asked(question, write(headers, rows, cells)[0], (), group)


def _about_a_rule(rng: random.Random, group: str) -> Asked:
    rules = rng.sample(_RULES, rng.randrange(3, 8))
    asked = rng.choice(rules)
    question = rng.choice(asked[2])
    if rng.random() < 0.5:
        rules = [rule for rule in rules if rule is not asked]
        return Asked(question, _in_order(rng, rules, None)[0], (), group)
    text, span = _in_order(rng, rules, asked)
    return Asked(question, text, (span,), group)


def _in_order(
    rng: random.Random, rules: list[tuple[str, Draw, tuple[str, ...]]], asked: object
) -> tuple[str, tuple[int, int]]:
    """The rules as a text, and where the value of the one that is asked for stands in it."""
    between = rng.choice((" ", " ", "\n", "\n- "))
    text, span = "", (0, 0)
    for number, rule in enumerate(rules, start=1):
        statement, draw, _ = rule
        value = draw(rng)
        text += (between if text else "") + (f"{number}. " if between == "\n" else "")
        if rule is asked:
            start = len(text) + statement.index("{v}")
            span = (start, start + len(value))
        text += statement.format(v=value)
    return text, span


_Written = tuple[str, list[list[tuple[int, int]]]]


def _as_rows(headers: list[str], rows: list[str], cells: list[list[str]]) -> _Written:
    return _written(headers, rows, cells, " | ", "\n")


def _as_words(headers: list[str], rows: list[str], cells: list[list[str]]) -> _Written:
    return _written(headers, rows, cells, " ", " ")


def _as_fields(headers: list[str], rows: list[str], cells: list[list[str]]) -> _Written:
    """Each row with its headers, as rows of a spreadsheet are read."""
    text = ""
    spans: list[list[tuple[int, int]]] = []
    for name, values in zip(rows, cells, strict=True):
        text += f"{headers[0]}: {name}"
        spans.append([])
        for header, value in zip(headers[1:], values, strict=True):
            text += f" | {header}: "
            spans[-1].append((len(text), len(text) + len(value)))
            text += value
        text += "\n"
    return text, spans


def _written(
    headers: list[str], rows: list[str], cells: list[list[str]], between: str, after: str
) -> _Written:
    text = between.join(headers) + after
    spans: list[list[tuple[int, int]]] = []
    for name, values in zip(rows, cells, strict=True):
        text += name
        spans.append([])
        for value in values:
            text += between
            spans[-1].append((len(text), len(text) + len(value)))
            text += value
        text += after
    return text, spans
