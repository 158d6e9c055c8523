"""`assay eval`."""

from types import MappingProxyType

import click

from app.cli.lazy import LazyGroup

_COMMANDS = MappingProxyType(
    {
        "agreement": (
            "app.cli.evals.agreement",
            "agreement",
            "Measure how far judges agree with people.",
        ),
        "compare": ("app.cli.evals.compare", "compare", "Compare two runs, case by case."),
        "gate": ("app.cli.evals.gate", "gate", "Run a suite and stop what got worse."),
        "probe": ("app.cli.evals.probe", "probe", "Look for leaks between collections."),
        "export": ("app.cli.evals.suites", "export_suite", "Write a suite as a file."),
        "import": ("app.cli.evals.suites", "import_suite", "Read a test set into a suite."),
        "remove": ("app.cli.evals.suites", "remove_suite", "Delete a suite."),
        "report": ("app.cli.evals.report", "report", "Write a run as one HTML file."),
        "review": ("app.cli.evals.review", "review", "Accept, edit or drop proposed cases."),
        "suites": ("app.cli.evals.suites", "suites", "List suites."),
        "write": ("app.cli.evals.write", "write", "Write cases from your documents."),
        "note": ("app.cli.evals.runs", "note", "Say something of a run."),
        "run": ("app.cli.evals.run", "run", "Ask a suite's questions and measure the answers."),
        "runs": ("app.cli.evals.runs", "runs", "List runs."),
        "schedule": ("app.cli.evals.schedule", "schedule", "Run suites every night."),
        "show": ("app.cli.evals.runs", "show", "Show a run, or one of its cases."),
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
