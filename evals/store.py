"""What is kept of evaluation, in the database of the corpus. Every write is one transaction."""

from evals.stores.live import LiveDay, LiveStore
from evals.stores.runs import RunStore
from evals.stores.suites import Proposal, SuiteStore

__all__ = ["EvalStore", "LiveDay", "Proposal"]


class EvalStore(SuiteStore, RunStore, LiveStore):
    """Suites, runs and live counts over one database."""
