"""Whether a retrieved passage is what a case calls relevant, and the ranking that follows."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from evals.types import Relevant, SeenPassage

# Two texts that share so many words in a row are of one place: fewer also occur by chance.
RUN_WORDS = 12
_EXTENSION = re.compile(r"(?<=[^/])\.[A-Za-z][A-Za-z0-9]{0,9}\Z")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A ranking in which each relevant thing counts once, at its first passage.

    `places[i]` holds the indexes of the relevant things first found at rank i + 1; a place
    without any holds none. Where only documents are named, a place is a document and its later
    passages take none; else it is a passage. `grades` are those of the relevant things;
    `is_relevant` says of each passage whether it is of one, first or not.
    """

    places: tuple[tuple[int, ...], ...]
    grades: tuple[int, ...]
    is_relevant: tuple[bool, ...]

    @property
    def relevance(self) -> dict[str, int]:
        """Grade by id, for `evals.metrics.retrieval`."""
        return {str(index): grade for index, grade in enumerate(self.grades)}

    def one_each(self) -> list[str]:
        """One id for each place: that of the best thing found there, or one of nothing relevant."""
        return [
            str(max(place, key=lambda index: self.grades[index])) if place else f"other {rank}"
            for rank, place in enumerate(self.places)
        ]

    def all_of(self, k: int) -> list[str]:
        """The ids of the first `k` places; a passage that is two relevant things gives two."""
        return [
            identifier
            for rank, place in enumerate(self.places[:k])
            for identifier in (
                [str(i) for i in sorted(place, key=lambda index: (-self.grades[index], index))]
                or [f"other {rank}"]
            )
        ]


def ranked(
    retrieved: Sequence[SeenPassage], passages: Sequence[str], relevant: Sequence[Relevant]
) -> Ranked:
    """Judge a ranking against what is relevant.

    Args:
        retrieved: best first; `passages[i]` is the text of `retrieved[i]`.
        relevant: one that is named twice counts once, with its higher grade.

    Raises:
        ValueError: there is not one text for each passage.
    """
    wanted = _distinct(relevant)
    texts = [_words(one.text) for one in wanted]
    by_document = not any(one.text for one in wanted)
    places: list[tuple[int, ...]] = []
    is_relevant, found, documents = [], set[int](), set[int]()
    for seen, passage in zip(retrieved, passages, strict=True):
        words = _words(passage)
        matched = {
            index
            for index, one in enumerate(wanted)
            if is_named(one.document, seen.document, seen.path)
            and (not one.text or _share_a_run(words, texts[index]))
        }
        is_relevant.append(bool(matched))
        if not by_document or seen.document_id not in documents:
            places.append(tuple(sorted(matched - found)))
        documents.add(seen.document_id)
        found |= matched
    return Ranked(tuple(places), tuple(one.grade for one in wanted), tuple(is_relevant))


def is_match(relevant: Relevant, document: str, path: str, text: str) -> bool:
    """Whether a passage of this document, with this text, is what `relevant` names."""
    return is_named(relevant.document, document, path) and (
        not relevant.text or _share_a_run(_words(text), _words(relevant.text))
    )


def is_named(named: str, document: str, path: str) -> bool:
    """Whether `named` is a document's name, or its path or the end of it from a slash on.

    Either may lack the other's extension: `Normans` is `Normans.txt`, but `lease.pdf` is not
    `lease.docx`. Without a name every document is meant. Case matters; the way in which a letter
    with an accent is written does not.
    """
    if not named:
        return True
    wanted = _plain_name(named)
    for known in (_plain_name(document), _plain_name(path)):
        for one, other in ((wanted, known), (_stem(wanted), known), (wanted, _stem(known))):
            if one and (one == other or other.endswith(f"/{one}")):
                return True
    return False


def share_words(text: str, other: str) -> bool:
    """Whether two texts have a run of `RUN_WORDS` words in common.

    A text of fewer words must be in the other as a whole. Case and punctuation do not matter;
    without words nothing is shared. Words are what spaces and punctuation separate, so that in a
    language without spaces a run is one of clauses.
    """
    return _share_a_run(_words(text), _words(other))


def _share_a_run(words: Sequence[str], others: Sequence[str]) -> bool:
    run = min(RUN_WORDS, len(words), len(others))
    return bool(run) and not _runs(words, run).isdisjoint(_runs(others, run))


def _runs(words: Sequence[str], run: int) -> set[tuple[str, ...]]:
    return {tuple(words[start : start + run]) for start in range(len(words) - run + 1)}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFC", text).casefold())


def _distinct(relevant: Sequence[Relevant]) -> list[Relevant]:
    best: dict[tuple[str, str], Relevant] = {}
    for one in relevant:
        key = (one.document, one.text)
        if key not in best or best[key].grade < one.grade:
            best[key] = one
    return list(best.values())


def _plain_name(name: str) -> str:
    return unicodedata.normalize("NFC", name).replace("\\", "/")


def _stem(name: str) -> str:
    return _EXTENSION.sub("", name)
