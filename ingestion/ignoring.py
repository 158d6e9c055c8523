"""Which files of a folder are passed over, by the rules of gitignore. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from pathspec import GitIgnoreSpec

from ingestion.errors import BadPattern

IGNORE_FILE = ".assayignore"
RULES_LIMIT_BYTES = 1024 * 1024


class Patterns:
    """Lines as gitignore has them: the last that matches decides, `!` takes back.

    Args:
        name: whose lines they are, for messages.

    Raises:
        BadPattern: a line is none.
    """

    def __init__(self, name: str, lines: Sequence[str]) -> None:
        self._lines: list[tuple[int, str]] = []
        found = []
        for number, line in enumerate(lines, 1):
            try:
                [pattern] = GitIgnoreSpec.from_lines([line]).patterns if line.strip() else [None]
            except (ValueError, re.error) as error:
                raise BadPattern(name, number, line) from error
            if pattern is not None and pattern.include is not None:
                found.append(pattern)
                self._lines.append((number, line.rstrip()))
        self._spec = GitIgnoreSpec(found)

    def __bool__(self) -> bool:
        return bool(self._lines)

    def decide(self, path: str) -> tuple[bool, int, str] | None:
        """Whether a path is meant, by which line, and its number; None when no line is about it.

        Args:
            path: relative, with `/`; a folder's ends with one.
        """
        decision = self._spec.check_file(path)
        if decision.include is None or decision.index is None:
            return None
        return (decision.include, *self._lines[decision.index])


@dataclass(frozen=True)
class Selection:
    """What a run is about: files below a folder that match `include`, when there is any, and not
    `exclude`. The others are neither brought in nor removed.

    Raises:
        BadPattern: one of them is none.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _ = self._included, self._excluded

    def refusal(self, path: str) -> str | None:
        """Why a path, relative to the folder, is none of this run's; None when it is.

        A folder, whose path ends with `/`, is only ever refused by `exclude`.
        """
        excluded = self._excluded.decide(path)
        if excluded is not None and excluded[0]:
            return f"left out by --exclude {excluded[2]!r}"
        if not self._included or path.endswith("/"):
            return None
        included = self._included.decide(path)
        is_meant = included is not None and included[0]
        return None if is_meant else "matches no --include"

    @cached_property
    def _included(self) -> Patterns:
        return Patterns("--include", self.include)

    @cached_property
    def _excluded(self) -> Patterns:
        return Patterns("--exclude", self.exclude)


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The `.assayignore` files that hold in a folder, the outermost first.

    Each is with the folder it lies in, relative to the folder that is walked.
    """

    files: tuple[tuple[PurePosixPath, Patterns], ...] = field(default=())

    def with_file(self, folder: PurePosixPath, text: str) -> "IgnoreRules":
        """The rules with those of a folder further in.

        Raises:
            BadPattern: a line is none.
        """
        name = (folder / IGNORE_FILE).as_posix()
        return IgnoreRules((*self.files, (folder, Patterns(name, text.splitlines()))))

    def reason(self, path: PurePosixPath, *, is_folder: bool) -> str | None:
        """Why a file or folder is ignored; None when it is not.

        The innermost file that says something decides. What is in an ignored folder is ignored,
        whatever else is said of it: so this need not be asked of it.
        """
        for folder, patterns in reversed(self.files):
            relative = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
            decision = patterns.decide(relative)
            if decision is not None:
                is_ignored, number, line = decision
                where = (folder / IGNORE_FILE).as_posix()
                return f"ignored by {where}, line {number}: {line}" if is_ignored else None
        return None


def ignored_among(names: Sequence[str], texts: Mapping[str, str]) -> dict[str, str]:
    """Which of some files, relative paths with `/`, are ignored, and why.

    Args:
        texts: what the `.assayignore` files among them say, by name.

    Raises:
        BadPattern: a line is none.
    """
    rules = {PurePosixPath(name).parent: text for name, text in texts.items()}
    ignored = {}
    for name in names:
        path = PurePosixPath(name)
        held = IgnoreRules()
        for folder in (*reversed(path.parents), path):
            reason = held.reason(folder, is_folder=folder != path) if folder.parts else None
            if reason is not None:
                ignored[name] = reason
                break
            if folder in rules:
                held = held.with_file(folder, rules[folder])
    return ignored
