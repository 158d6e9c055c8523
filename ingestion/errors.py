"""Every error `ingestion` raises on purpose.

IngestionError
├── FileRejected         this file will never be readable as it is: retrying does not help
│   ├── UnsupportedType  a kind of file Assay does not read
│   ├── UnreadableFile   damaged, encrypted, or not what it claims to be
│   │   └── PasswordNeeded   encrypted, and none of the passwords that were given opens it
│   ├── NoText           readable, but there is nothing to cite in it
│   │   └── OnlyHidden   all its text is hidden from human eyes
│   ├── FileTooLarge     over a limit
│   └── BreaksReader     it takes more time or memory than a file may, or brings the reader down
├── ReaderCrashed        the reader's process ended, perhaps by no fault of the file
├── NotFetched           what is at an address could not be got now
├── Unchanged            what is at an address is as it was brought in
├── StillWritten         a file that has changed a moment ago
├── BadPattern           a line of .assayignore, --include or --exclude that is no pattern
├── TooManyRemoved       --sync would remove more than the allowed share
├── UnknownJob           a job that is not there
└── JobRefused           a command that a job in its state does not take
"""

from pathlib import Path

from retrieval.hidden import HiddenText


class IngestionError(Exception):
    """Base of every error `ingestion` raises on purpose."""


class FileRejected(IngestionError):
    """This file will never be readable as it is: retrying does not help."""


class UnsupportedType(FileRejected):
    """A kind of file Assay does not read."""

    def __init__(self, found: str, known: str) -> None:
        super().__init__(f"files of type {found} are not read; Assay reads {known}")


class UnreadableFile(FileRejected):
    """Damaged, encrypted, or not what it claims to be."""


NEEDS_PASSWORD = "it is encrypted and needs a password"  # noqa: S105 - words for people


class PasswordNeeded(UnreadableFile):
    """Encrypted, and none of the passwords that were given opens it."""

    def __init__(self, *, is_wrong: bool) -> None:
        wrong = ", and what was given does not open it" if is_wrong else ""
        super().__init__(
            f"{NEEDS_PASSWORD}{wrong}: give it on the page of its collection or with `assay ingest "
            "--password-file`, or save a copy without a password"
        )


class NoText(FileRejected):
    """Readable, but there is nothing to cite in it."""


class OnlyHidden(NoText):
    """All its text is hidden from human eyes; `hidden` is that text."""

    def __init__(self, hidden: tuple[HiddenText, ...]) -> None:
        self.hidden = hidden
        characters = sum(piece.characters for piece in hidden)
        super().__init__(
            f"its text, {characters:,} characters, is hidden from human eyes; "
            "ASSAY_HIDDEN_TEXT=read reads such text, too"
        )


class FileTooLarge(FileRejected):
    """Over a limit."""

    def __init__(self, what: str, found: int, limit: int, hint: str) -> None:
        super().__init__(f"{found:,} {what} and the limit is {limit:,}; {hint}")


class BreaksReader(FileRejected):
    """It takes more time or memory than a file may, or brings the reader down."""


class ReaderCrashed(IngestionError):
    """The reader's process ended on this file, or its reply made no sense.

    Args:
        is_files_fault: it would happen again: not somebody else has ended it.
    """

    def __init__(self, message: str, *, is_files_fault: bool = False) -> None:
        self.is_files_fault = is_files_fault
        super().__init__(message)


class NotFetched(IngestionError):
    """What is at an address could not be got now."""


class Unchanged(IngestionError):
    """What is at an address is as it was brought in: no failure, but nothing to do."""


class StillWritten(IngestionError):
    """A file that has changed a moment ago: who writes it may not be done."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is still being written")


class BadPattern(IngestionError):
    """A line of `.assayignore`, `--include` or `--exclude` that is no pattern."""

    def __init__(self, name: str, number: int, line: str) -> None:
        super().__init__(
            f"{name}, line {number}: {line!r} is no pattern; patterns are as in .gitignore, such "
            "as '*.tmp', 'drafts/' or '/old/**'"
        )


class TooManyRemoved(IngestionError):
    """`--sync` would remove more than the allowed share of a folder's documents."""

    def __init__(self, removed: int, known: int, limit_percent: int, advice: str = "") -> None:
        self.removed, self.known, self.limit_percent = removed, known, limit_percent
        advice = advice or (
            "check that the folder is complete (an unmounted share looks empty), then run again "
            "with --yes"
        )
        super().__init__(
            f"--sync would remove {removed} of {known} documents and the limit without --yes is "
            f"{limit_percent} %; {advice}"
        )


class UnknownJob(IngestionError):
    """A job that is not there."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"there is no job {job_id}; `assay jobs list` lists them")


class JobRefused(IngestionError):
    """A command that a job in its state does not take."""

    def __init__(self, job_id: int, command: str, state: str, advice: str) -> None:
        super().__init__(f"job {job_id} is {state}: {command} does not apply; {advice}")
