"""The operating point an administrator chose: below which answerability questions are declined."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, insert, select

from app.schema import operating_point
from evals.operating import Aim, limit_for, limits_of
from evals.store import EvalStore
from evals.types import RunState
from retrieval.database import writing

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChosenPoint:
    """What was chosen, by whom and on which run's curve. The time is UTC without zone."""

    abstain_below: float
    aim: Aim
    run_id: int
    chosen_by: str
    chosen_at: datetime


class OperatingPointStore:
    """Reads see the last committed state. Each write is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def current(self) -> ChosenPoint | None:
        """What was chosen last; None when nothing was, or it was taken back."""
        with self._engine.begin() as sql:
            row = sql.execute(select(operating_point)).one_or_none()
        if row is None:
            return None
        aim = Aim(row.most_unsupported, row.most_wrongly, row.least_answered)
        return ChosenPoint(row.abstain_below, aim, row.run_id, row.chosen_by, row.chosen_at)

    def choose(self, abstain_below: float, aim: Aim, *, run_id: int, by: str) -> None:
        """Decline below this limit from the next question on.

        Raises:
            ValueError: the limit is outside [0, 1].
        """
        if not 0 <= abstain_below <= 1:
            raise ValueError(f"abstain_below is {abstain_below}; it must be in [0, 1]")
        row = {
            "id": 1,
            "abstain_below": abstain_below,
            "most_unsupported": aim.most_unsupported,
            "most_wrongly": aim.most_wrongly,
            "least_answered": aim.least_answered,
            "run_id": run_id,
            "chosen_by": by,
            "chosen_at": datetime.now(UTC).replace(tzinfo=None),
        }
        with writing(self._engine) as sql:
            sql.execute(delete(operating_point))
            sql.execute(insert(operating_point).values(**row))

    def clear(self) -> None:
        """Go back to the measured default."""
        with writing(self._engine) as sql:
            sql.execute(delete(operating_point))


class AimedLimits:
    """The limit that the newest finished run's curve gives for an aim; worked out once a run."""

    def __init__(self, evals: EvalStore) -> None:
        self._evals = evals
        self._known: tuple[int, float | None] | None = None

    def limit(self, most_unsupported: float) -> float | None:
        """The lowest limit that keeps within the share; None without a run, or when none does."""
        newest = self._evals.runs(state=RunState.FINISHED, limit=1)
        if not newest:
            return None
        run = newest[0]
        if self._known is None or self._known[0] != run.id:
            found = limit_for(
                limits_of(run, self._evals.results(run.id)), Aim(most_unsupported=most_unsupported)
            )
            if found is None:
                _logger.warning(
                    "by run %d no limit keeps unsupported to %.0f %%: answering as measured",
                    run.id,
                    100 * most_unsupported,
                )
            self._known = run.id, None if found is None else found.threshold
        return self._known[1]
