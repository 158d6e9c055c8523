"""`assay eval`."""

from types import MappingProxyType

import click

from app.cli.lazy import LazyGroup

_COMMANDS = MappingProxyType(
    {
        # "run": ("app.cli.evals.run", "run", "Ask a suite's questions and measure the answers."),
    }
)


@click.group(
    "eval",
    cls=LazyGroup,
    table=_COMMANDS,
    epilog="\b\nExamples:\n  assay eval run questions.jsonl\n  assay eval compare 3 4\n"
    "  assay eval gate leases --policy policy.yaml",
)
def evaluate() -> None:
    """Measure answers over suites of questions, compare runs, and stop what got worse."""
