"""Which process makes a run."""

from pathlib import Path

from app.numbered_locks import NumberedLocks


class RunLocks(NumberedLocks):
    """The locks of the runs of a home folder, files in `home/evals`."""

    def __init__(self, home: Path) -> None:
        super().__init__(home / "evals", "run")
