"""What readers thought of answers: thumbs, counted by day. No words, and not whose they were."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple, TypeAlias

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from evals.schema import live_thumbs
from retrieval.database import writing

Thumb: TypeAlias = Literal["up", "down"]


class ThumbCounts(NamedTuple):
    """How many thumbs went up and down."""

    up: int
    down: int


class Thumbs:
    """The counts, in the database of the corpus."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count(self, thumb: Thumb) -> None:
        """Count one, today (UTC)."""
        row = upsert(live_thumbs).values(day=_today(), thumb=thumb, counted=1)
        more = row.on_conflict_do_update(
            index_elements=["day", "thumb"], set_={"counted": live_thumbs.c.counted + 1}
        )
        with writing(self._engine) as sql:
            sql.execute(more)

    def counts(self, *, days: int) -> ThumbCounts:
        """Those of the last `days` days, today among them."""
        total = func.coalesce(func.sum(live_thumbs.c.counted), 0)
        since = _today() - timedelta(days=days - 1)
        query = (
            select(live_thumbs.c.thumb, total)
            .where(live_thumbs.c.day >= since)
            .group_by(live_thumbs.c.thumb)
        )
        with self._engine.begin() as sql:
            found = {thumb: int(count) for thumb, count in sql.execute(query)}
        return ThumbCounts(found.get("up", 0), found.get("down", 0))


def _today() -> date:
    return datetime.now(UTC).date()
