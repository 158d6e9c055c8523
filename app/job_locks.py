"""Who works on which job: a lock for each, which ends with the process that has it."""

from pathlib import Path

from app.numbered_locks import NumberedLocks


class JobLocks(NumberedLocks):
    """The locks of the jobs of a home folder, files in `home/jobs`."""

    def __init__(self, home: Path) -> None:
        super().__init__(home / "jobs", "job")
