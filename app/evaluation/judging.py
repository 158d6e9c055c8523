"""Judges wired to the product: which model they ask, and what is known of their judgement."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from app.errors import BadSetting
from evals.metrics.resampling import Interval
from evals.types import Json

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from evals.judges.agreement import Agreement
    from evals.judges.models import JudgeModel
    from evals.judges.registry import Judging

_FILE = "judge-agreement.json"
NOT_MEASURED = "agreement with people is not measured; `assay eval agreement FILE` does"


@dataclass(frozen=True, slots=True)
class Known:
    """A judge's last measured agreement with people. `file` is a name, without its folder."""

    judge: str
    model: str
    file: str
    measured_at: str
    rows: int
    unscored: int
    figures: Mapping[str, Interval]

    @property
    def text(self) -> str:
        """In words, for people."""
        figures = ", ".join(f"{name} {shown(one)}" for name, one in self.figures.items())
        return (
            f"agreement with people: {figures} on {self.rows} rows of {self.file}, "
            f"{self.unscored} of them unscored ({self.measured_at[:10]})"
        )


_KNOWN: TypeAdapter[dict[str, Known]] = TypeAdapter(dict[str, Known])


def judging_of(assay: "Assay", names: Sequence[str]) -> "Judging":
    """Judges by name, over the product's encoder and verifier and the configured judge model.

    The model is loaded, or its server asked whether it is there, only if a judge needs it.

    Raises:
        EvalsError: an unknown judge; ragas is not installed; the server does not answer.
        BadSetting: a server without a model's name.
    """
    from evals.judges.registry import Parts, judges_of

    model = cache(lambda: judge_model(assay))
    return judges_of(names, Parts(lambda: assay.encoder, lambda: assay.verifier, model))


def judge_model(assay: "Assay") -> "JudgeModel":
    """What judges ask: the server of ASSAY_JUDGE_URL, else a chat model on this machine."""
    from evals.judges.models import EngineJudge, ServerJudge

    settings = assay.settings
    if settings.judge_url is None:
        model = settings.judge_model
        return EngineJudge(assay.engine if model is None else assay.local_engine(model))
    if settings.judge_model is None:
        raise BadSetting("ASSAY_JUDGE_MODEL", "a judge's server needs the name of a model there")
    key = settings.judge_key.get_secret_value() if settings.judge_key else ""
    judge = ServerJudge(settings.judge_url, settings.judge_model, key=key)
    judge.check()
    return judge


def judge_name(assay: "Assay") -> str:
    """The judge model as it is recorded: its name, and no server, path or key."""
    from generation.engines.loading import display_name

    settings = assay.settings
    return (
        display_name(settings.judge_model) if settings.judge_model else settings.engine_choice.name
    )


def judge_pins(assay: "Assay", judging: "Judging") -> dict[str, Json]:
    """What of its judges a run has to pin; without a judge model when none is asked."""
    from evals.judges.registry import prompt_versions

    asks = any(judge.asks_a_model for judge in judging.judges)
    return {
        "model": judge_name(assay) if asks else None,
        "server": asks and assay.settings.judge_url is not None,
        "prompts": dict[str, Json](prompt_versions(judging.judges)),
    }


def report(assay: "Assay", judging: "Judging") -> list[str]:
    """How the judges of a run fared, a line each, beside how far to trust those that are models."""
    lines = []
    known = known_agreements(assay.settings.home)
    for tally in judging.tallies.values():
        lines.append(tally.text)
        if tally.judge.asks_a_model:
            name = judge_name(assay)
            found = known.get(_key(tally.judge.name, name))
            lines.append(f"  {name}: {found.text if found else NOT_MEASURED}")
    return lines


def known_agreements(home: Path) -> dict[str, Known]:
    """What was measured last, by judge and model; nothing when there is no such file."""
    try:
        return _KNOWN.validate_json((home / _FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}  # of another version, or torn: to be measured again


def keep_agreements(
    home: Path, model: str, file: str, found: Mapping[str, "Agreement"], verifier: str
) -> None:
    """Remember what was measured, in place of what was known of the same judges and model.

    Args:
        model: the judge model's name; our verifier's metrics are kept under `verifier`.
    """
    from evals.judges.names import JUDGES

    known = known_agreements(home)
    for name, one in found.items():
        by = model if JUDGES[name].asks_a_model else verifier
        known[_key(name, by)] = Known(
            judge=name,
            model=by,
            file=file,
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            rows=one.rows,
            unscored=one.unscored,
            figures=one.judge,
        )
    # Written aside and put in place: a reader never sees half of it.
    partial = home / f".{_FILE}.{secrets.token_hex(4)}"
    rows: dict[str, object] = _KNOWN.dump_python(known, mode="json")
    partial.write_text(json.dumps(rows, indent=1, sort_keys=True), encoding="utf-8")
    partial.replace(home / _FILE)


def shown(one: Interval) -> str:
    """A figure with its interval."""
    if one.value is None:
        return "undefined"
    if one.low is None or one.high is None:
        return f"{one.value:.3f}"
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


def _key(judge: str, model: str) -> str:
    return f"{judge} by {model}"
