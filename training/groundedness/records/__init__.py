"""Made-up records and the overviews a language model would write of them, right and wrong. Pure.

Everything is drawn from the word lists in `words` and beside each kind; nothing comes from a data
set. A sheet collects the values of one record together with what may be said of them, faithfully
and not; an overview is then composed of these sayings. Wrong words are marked ‹so› until the
sentence stands, and become spans then.
"""

import random
from collections.abc import Callable, Iterator, Mapping

from training.groundedness.records.businesses import draw_business
from training.groundedness.records.composing import compose
from training.groundedness.records.courses import draw_course
from training.groundedness.records.events import draw_event
from training.groundedness.records.homes import draw_home
from training.groundedness.records.jobs import draw_job
from training.groundedness.records.people import draw_employee
from training.groundedness.records.products import draw_product
from training.groundedness.records.sheet import Sheet
from training.groundedness.records.stays import draw_stay
from training.groundedness.records.types import Drawn, Overview

KINDS: Mapping[str, tuple[Callable[[Sheet], None], float]] = {
    "business": (draw_business, 10),
    "hotel": (draw_stay, 3),
    "product": (draw_product, 3),
    "event": (draw_event, 2),
    "employee": (draw_employee, 2),
    "property": (draw_home, 2),
    "job": (draw_job, 2),
    "course": (draw_course, 2),
}


def overviews(n: int, seed: int) -> Iterator[Overview]:
    """Draw `n` overviews. The same seed gives the same ones; a larger `n` only adds to them."""
    return (drawn.overview for drawn in draw(n, seed))


def draw(n: int, seed: int) -> Iterator[Drawn]:
    """Draw `n` overviews, and say how each was made."""
    kinds = list(KINDS)
    weights = [KINDS[kind][1] for kind in kinds]
    for place in range(n):
        rng = random.Random(f"{seed}:{place}")
        kind = rng.choices(kinds, weights)[0]
        sheet = Sheet(rng)
        KINDS[kind][0](sheet)
        if rng.random() < 0.4:
            sheet.highlight()
        yield compose(kind, sheet)
