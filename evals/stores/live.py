"""What readers were told, counted by day."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import Engine, select
from sqlalchemy.dialects.sqlite import insert as upsert

from evals.schema import (
    live_verdicts,
)
from evals.stores.versions import utc_now
from generation.types import Answer, Verdict
from retrieval.database import writing


class LiveDay(NamedTuple):
    """What readers were told on one day (UTC) by one engine and verifier, counted."""

    day: date
    engine: str
    verifier: str
    answers: int
    abstentions: int
    verdicts: Mapping[Verdict, int]


class LiveStore:
    """Numbers without words or names."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count_answer(self, answer: Answer, *, verifier: str) -> None:
        """Count what a reader was told: verdicts, not words."""
        counts = {f"{verdict.value}": 0 for verdict in Verdict}
        for sentence in answer.sentences:
            counts[sentence.verdict.value] += 1
        counts |= {"answers": int(not answer.abstained), "abstentions": int(answer.abstained)}
        place = {"day": utc_now().date(), "engine": answer.engine.name, "verifier": verifier}
        added = {name: live_verdicts.c[name] + count for name, count in counts.items()}
        row = upsert(live_verdicts).values(**place, **counts)
        with writing(self._engine) as sql:
            sql.execute(row.on_conflict_do_update(index_elements=list(place), set_=added))

    def live_days(self, *, limit: int = 90) -> list[LiveDay]:
        """The last days with answers, newest first."""
        query = select(live_verdicts).order_by(live_verdicts.c.day.desc()).limit(limit)
        with self._engine.begin() as sql:
            return [
                LiveDay(
                    row.day,
                    row.engine,
                    row.verifier,
                    row.answers,
                    row.abstentions,
                    {verdict: row._mapping[verdict.value] for verdict in Verdict},
                )
                for row in sql.execute(query)
            ]
