"""A home with a suite, schedules for it, and their ticks."""

import multiprocessing
from datetime import datetime
from pathlib import Path

from app.bootstrap import Assay
from app.nightly.worker import (
    Finished,
    run_due,
)
from app.settings import Settings
from evals.schedules import TickOutcome
from evals.types import Case, Expectation
from tests.component.library import revision_of
from tests.fakes import ScriptedEngine, SubstringVerifier, WordEncoder

PATIENCE_SECONDS = 120
CASES = [
    Case("rent", "How much is the rent?", references=("900 pounds",)),
    Case("end", "When does the lease end?", expectation=Expectation.ANSWER),
    Case("dragon", "Which dragon guards zebras?", expectation=Expectation.ABSTAIN),
]
SINCE = datetime.fromisoformat("2026-01-01T00:00")
PASSED = TickOutcome("passed")
SPAWN = multiprocessing.get_context("spawn")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def opened(home: Path, **settings: object) -> Assay:
    """The real wiring over small models."""
    assay = Assay(Settings(home=home, **settings))
    assay.__dict__ |= {
        "_encoder": WordEncoder(),
        "_engine": ScriptedEngine(["The rent is 900 pounds."] * 100),
        "_verifier": SubstringVerifier(),
    }
    return assay


def with_leases(home: Path) -> Assay:
    """One document and a suite of three questions about it."""
    assay = opened(home)
    text = "The rent is 900 pounds. The lease ends on 31 May."
    assay.store.publish(
        assay.store.ensure_collection("home"),
        revision_of("lease.txt", text, assay.encoder),
        text.encode(),
        encoder=assay.encoder.fingerprint,
    )
    assay.evals.put_suite("leases", CASES)
    return assay


def scheduled(assay, name="nightly", **options):
    given = {"suite": "leases", "cron": "0 2 * * *", "timezone": "UTC", "now": SINCE}
    return assay.schedules.add(name, **(given | options))


def run(assay, work, now="2026-01-02T12:00", **options) -> Finished:
    return run_due(assay.schedules, assay.settings.home, work, clock=lambda: at(now), **options)
