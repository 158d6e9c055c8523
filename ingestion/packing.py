"""Pack atoms, the stretches that are kept whole, into passages. Pure.

Knows nothing of characters or tokenizers: an atom has a size, a page and a place under headings.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ingestion.contexts import Path
from retrieval.types import PassageSpan

_TINY_SHARE = 4  # a passage under a quarter of the target takes in the next section


class Room(NamedTuple):
    """Tokens of text for passages of one heading path: `target` wanted, `limit` possible."""

    target: int
    limit: int


class Atom(NamedTuple):
    """A stretch that is kept whole. `aim`: tokens at which its passage is full."""

    start: int
    end: int
    tokens: int
    aim: int
    is_heading: bool
    is_part: bool  # of a block, not a whole one
    is_first: bool  # of its block
    page: int | None
    path: Path


@dataclass(slots=True)
class Group:
    """Atoms that will be one passage.

    `path` is that of most of its text: a running head of the page before must not name it. None
    while there are only headings. `body` counts the tokens below headings.
    """

    atoms: list[Atom] = field(default_factory=list)
    tokens: int = 0
    body: int = 0
    path: Path | None = None
    weights: dict[Path, int] = field(default_factory=dict)

    def add(self, atom: Atom) -> None:
        """Append an atom."""
        self.atoms.append(atom)
        self.tokens += atom.tokens
        if not atom.is_heading:
            self.body += atom.tokens
            weight = self.weights.get(atom.path, 0) + atom.tokens
            self.weights[atom.path] = weight
            if self.path is None or weight > self.weights[self.path]:
                self.path = atom.path

    def has_room_for(self, atom: Atom, rooms: dict[Path, Room]) -> bool:
        """Whether the passage goes on with `atom`."""
        if not self.atoms:
            return True
        if atom.page != self.atoms[0].page:
            return False
        room = rooms[atom.path if self.path is None else self.path]
        together = self.tokens + atom.tokens
        if self.path is None:  # headings alone: what they head belongs to them
            return together <= room.limit
        if atom.is_heading:
            return self._is_tiny(room) and together <= room.target
        if atom.is_part and not atom.is_first:
            return self.tokens + atom.tokens // 2 <= atom.aim and together <= room.limit
        # A block that has to be cut begins its own passage unless this one is tiny.
        return together <= room.target and (self._is_tiny(room) or not atom.is_part)

    def _is_tiny(self, room: Room) -> bool:
        return self.body * _TINY_SHARE < room.target

    def passage(self, contexts: dict[Path, str]) -> PassageSpan:
        """The passage of all atoms, under the headings above most of its text."""
        first, last = self.atoms[0], self.atoms[-1]
        path = first.path if self.path is None else self.path
        return PassageSpan(first.start, last.end, first.page, contexts[path])


def packed(atoms: Iterable[Atom], rooms: dict[Path, Room]) -> list[Group]:
    """Fill passages greedily up to the target; each begins a section or a block where it can."""
    groups: list[Group] = []
    group = Group()
    for atom in atoms:
        if not group.has_room_for(atom, rooms):
            headings = _last_headings(group, atom)
            _close(groups, group, rooms)
            group = Group()
            for heading in headings:
                group.add(heading)
        group.add(atom)
    if group.atoms:
        _close(groups, group, rooms)
    return groups


def _last_headings(group: Group, following: Atom) -> list[Atom]:
    """Take the headings at a group's end out of it: they belong to what follows on their page."""
    if group.path is None or following.page != group.atoms[0].page:
        return []
    headings: list[Atom] = []
    while group.atoms[-1].is_heading:
        atom = group.atoms.pop()
        group.tokens -= atom.tokens
        headings.append(atom)
    return headings[::-1]


def _close(groups: list[Group], group: Group, rooms: dict[Path, Room]) -> None:
    """Keep a group, or join it to the one before when it is too little to stand alone."""
    before = groups[-1] if groups else None
    if before is not None and _is_leftover(group, before, rooms):
        for atom in group.atoms:
            before.add(atom)
    else:
        groups.append(group)


def _is_leftover(group: Group, before: Group, rooms: dict[Path, Room]) -> bool:
    if before.path is None or before.atoms[0].page != group.atoms[0].page:
        return False
    room = rooms[before.path]
    is_tiny = group.tokens * _TINY_SHARE < room.target
    begins_section = group.atoms[0].is_heading and group.path is not None
    return is_tiny and not begins_section and before.tokens + group.tokens <= room.limit
