"""The `assay` command: its groups, its errors, its exit codes."""

import atexit
import errno
import gc
import os
import sys
import traceback
from pathlib import Path
from types import MappingProxyType

import click

from app.cli.lazy import LazyGroup
from app.cli.terminal import Terminal
from app.logs import log_as

_COMMANDS = MappingProxyType(
    {
        "ask": ("app.cli.questions", "ask", "Answer questions from the documents."),
        "audit": ("app.cli.audit", "audit", "Say who did what."),
        "backup": ("app.cli.backup", "backup", "Write everything into one file."),
        "bench": ("app.cli.bench", "bench", "Measure Assay on a collection."),
        "collection": (
            "app.cli.collections",
            "collection",
            "Make collections, say how strict answers are.",
        ),
        "doctor": ("app.cli.upkeep", "doctor", "Check everything, and mend it with --repair."),
        "encoder": ("app.cli.encoder", "encoder", "List embedding models, change the one asked."),
        "documents": ("app.cli.library", "documents", "List documents, show one, delete one."),
        "eval": ("app.cli.evals", "evaluate", "Measure answers: suites, runs, gates, schedules."),
        "group": ("app.cli.people", "group", "Make groups, say who belongs to them."),
        "ingest": ("app.cli.documents", "ingest", "Bring files and folders in."),
        "jobs": ("app.cli.jobs", "jobs", "Watch ingestions, pause them, go on with them."),
        "key": ("app.cli.people", "key", "Make API keys."),
        "models": ("app.cli.models", "models", "List chat models, choose one, try one."),
        "restore": ("app.cli.backup", "restore", "Put a backup in place."),
        "search": ("app.cli.questions", "search", "Find passages."),
        "serve": ("app.cli.server", "serve", "Serve the web chat and the API."),
        "status": ("app.cli.upkeep", "status", "Say what is there."),
        "user": ("app.cli.people", "user", "Add users, set passwords, grant access."),
        "verify": ("app.cli.verify", "verify", "Judge responses against their contexts."),
    }
)
_INTERRUPTED = 130


@click.group(
    cls=LazyGroup,
    table=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n  assay ingest ~/Documents/contracts\n"
    '  assay ask "When does the lease end?"\n  assay serve\n\n'
    "Everything is kept in the folder ASSAY_HOME; `assay status` says which.",
)
@click.version_option(package_name="assay", message="%(package)s %(version)s")
def assay() -> None:
    """Chat with your private documents; every sentence is assayed against its source."""


def main() -> None:
    """Run the command line and exit: 0 done, 1 refused or failed, 2 wrong usage, 130 stopped."""
    # No model library may look for updates or files on the network unless a hub id is configured.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    log_as("text")  # until the settings are read
    # Or the interpreter looks at its end through all that was imported, for what nobody refers to.
    atexit.register(gc.freeze)
    terminal = Terminal()
    try:
        # What a command tells `Context.exit` comes back as a value; None, that is 0, otherwise.
        sys.exit(assay.main(standalone_mode=False, obj=terminal))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        terminal.note("stopped; what was finished is kept, run the same command to go on")
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); say nothing more to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the outermost edge: no stack trace reaches a user
        _fail(terminal, error)


def _fail(terminal: Terminal, error: Exception) -> None:
    message = _explained(error)
    terminal.note(f"error: {message}")
    if terminal.is_json:
        terminal.result({"error": message})
    sys.exit(1)


def _explained(error: Exception) -> str:
    from app.errors import AppError
    from evals.errors import EvalsError
    from generation.errors import GenerationError
    from ingestion.errors import IngestionError
    from retrieval.errors import RetrievalError

    if isinstance(error, AppError | EvalsError | GenerationError | IngestionError | RetrievalError):
        return str(error)
    if _is_disk_full(error):
        return "the disk is full; what was finished is kept: free some space and run it again"
    if _is_damaged(error):
        return (
            "the database is damaged; restore the home folder from a backup, or set ASSAY_HOME to "
            "an empty one and ingest again"
        )
    if isinstance(error, PermissionError):
        return f"no permission for {error.filename}; check who owns it, or set ASSAY_HOME"
    return f"{type(error).__name__}: {error} (details in {_keep_trace()})"


def _is_damaged(error: BaseException) -> bool:
    """Whether SQLite no longer recognises its own file."""
    return any(sign in str(error) for sign in ("is malformed", "file is not a database"))


def _is_disk_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        if "database or disk is full" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _keep_trace() -> str:
    """Write the current stack trace where its owner finds it; return where that is."""
    from app.settings import read_settings

    path = Path(os.devnull)
    try:
        path = read_settings().home / "last-error.txt"
        path.write_text(traceback.format_exc(), encoding="utf-8")
    except Exception:  # noqa: BLE001 - nothing more can be done for this error
        return "no file: the home folder cannot be written"
    return str(path)
