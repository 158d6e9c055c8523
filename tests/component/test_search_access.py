"""Whatever comes, goes, is granted and revoked meanwhile: nobody finds what they may not read."""

import multiprocessing
import random
import threading
from pathlib import Path

import pytest

from retrieval.search import Searcher
from retrieval.types import Access, Mode
from retrieval.vectors import structures
from retrieval.vectors.kinds import Kind
from retrieval.vectors.projection import VectorProjection
from tests.component.library import Library, opened
from tests.fakes import WordEncoder

COLLECTIONS = ("open", "contracts", "secrets")
ROUNDS = 40
_spawn = multiprocessing.get_context("spawn")
_PATIENCE_SECONDS = 120


def text_of(collection: str, number: int) -> str:
    """Says whose it is: a leak shows in the words."""
    return f"The rent of {collection} is {number} pounds. It is due for {collection}."


class Changes:
    """Publishes, removes, grants and revokes at random, and says what has surely gone."""

    def __init__(self, library: Library, seed: int) -> None:
        self.library = library
        self.choose = random.Random(seed)
        self.reader = library.access.add_user("ada")
        self.there: dict[str, str] = {}

    def one(self, number: int) -> None:
        collection = self.choose.choice(COLLECTIONS)
        made = self.library.store.ensure_collection(collection)
        match self.choose.randrange(4):
            case 0:
                self.library.access.grant(self.reader, made, Access.READ)
            case 1:
                self.library.access.revoke(self.reader, made)
            case 2 if self.there:
                path = self.choose.choice(sorted(self.there))
                self.library.remove(self.there.pop(path), path)
            case _:
                path = f"/{collection}{number}.txt"
                self.library.publish(collection, path, text_of(collection, number))
                self.there[path] = collection


def searcher_over(library: Library, kind: Kind) -> Searcher:
    projection = VectorProjection(library.store, library.index, library.encoder, chosen=kind)
    projection.tend()
    return Searcher(library.store, library.encoder, projection, library.lexical)


def leaks(library: Library, searcher: Searcher, readable: frozenset[int], mode: Mode) -> list[str]:
    """Words of hits that name a collection outside the readable ones."""
    hits = searcher.search("the rent is due", readable=readable, k=100, mode=mode)
    hidden = [c.name for c in library.store.collections() if c.id not in readable]
    return [hit.passage.text for hit in hits if any(name in hit.passage.text for name in hidden)]


@pytest.mark.parametrize("kind", list(Kind))
def test_search_never_leaves_the_readable_collections(tmp_path, monkeypatch, kind):
    """A reader's collections are asked for once for each search, as a request does."""
    monkeypatch.setattr(structures, "_EXACT_ROWS", 5)
    with opened(tmp_path, WordEncoder(dimension=16)) as library:
        for collection in COLLECTIONS:
            library.publish(collection, f"/{collection}.txt", text_of(collection, 0))
        changes, searcher = Changes(library, seed=7), searcher_over(library, kind)
        wrong: list[str] = []
        stop = threading.Event()

        def search() -> None:
            choose = random.Random(threading.get_ident())
            try:
                while not stop.is_set():
                    readable = library.access.readable(changes.reader)
                    mode = choose.choice(list(Mode))
                    wrong.extend(leaks(library, searcher, readable, mode))
            except Exception as error:  # noqa: BLE001 - reported below
                wrong.append(repr(error))

        threads = [threading.Thread(target=search) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(1, ROUNDS):
            changes.one(number)
        stop.set()
        for thread in threads:
            thread.join()
        assert wrong == []


@pytest.mark.parametrize("kind", list(Kind))
def test_deleted_words_are_unfindable_when_the_deletion_returns(tmp_path, kind):
    """In this process and in another that has the index open, by every way of searching."""
    with opened(tmp_path, WordEncoder(dimension=16)) as library, opened(tmp_path) as other:
        other.encoder = library.encoder
        for number in range(20):
            library.publish("open", f"/{number}.txt", text_of("open", number))
        library.publish("open", "/gone.txt", "Heron is the name of the merger.")
        searchers = [searcher_over(library, kind), searcher_over(other, kind)]

        def finds(searcher: Searcher, mode: Mode) -> bool:
            hits = searcher.search("Heron merger", readable=library.everything(), k=50, mode=mode)
            return any("Heron" in hit.passage.text for hit in hits)

        assert all(finds(searcher, mode) for searcher in searchers for mode in Mode)
        library.remove("open", "/gone.txt")
        assert not any(finds(searcher, mode) for searcher in searchers for mode in Mode)


def ways_that_find(library: Library, searcher: Searcher, word: str) -> list[str]:
    """The ways of searching by which the reader, with what may be read now, comes to a word."""
    [reader] = [one for one in library.access.principals() if one.name == "ada"]
    readable = library.access.readable(reader)
    return [
        mode.value
        for mode in Mode
        if any(
            word in hit.passage.text
            for hit in searcher.search(f"the {word} rent", readable=readable, k=300, mode=mode)
        )
    ]


def answer_elsewhere(home: Path, kind: Kind, words, found) -> None:
    """Another process, which has the indexes open from the beginning."""
    with opened(home, WordEncoder(dimension=16)) as library:
        searcher = searcher_over(library, kind)
        while (word := words.get()) is not None:
            found.put(ways_that_find(library, searcher, word))


@pytest.mark.parametrize("kind", [Kind.FLAT, Kind.LISTS])
def test_what_goes_is_gone_at_once_in_every_process_while_others_write(tmp_path, kind):
    """Deleted, changed, or its collection revoked: by no way of searching, here or elsewhere."""
    words, answers = _spawn.Queue(), _spawn.Queue()
    with opened(tmp_path, WordEncoder(dimension=16)) as library:
        for number in range(10):
            library.publish("open", f"/{number}.txt", text_of("open", number))
        reader, shared = library.access.add_user("ada"), library.store.collection("open")
        library.access.grant(reader, shared, Access.READ)
        searcher, everyway = searcher_over(library, kind), [mode.value for mode in Mode]
        elsewhere = _spawn.Process(target=answer_elsewhere, args=(tmp_path, kind, words, answers))
        elsewhere.start()
        stop = threading.Event()

        def write() -> None:
            with opened(tmp_path, WordEncoder(dimension=16)) as other:
                number = 0
                while not stop.is_set():
                    number += 1
                    other.publish("noise", f"/{number % 5}.txt", text_of("noise", number))
                    if number % 3 == 0:
                        other.remove("noise", f"/{number % 5}.txt")

        writer = threading.Thread(target=write)
        writer.start()

        def found(word: str) -> tuple[list[str], list[str]]:
            words.put(word)
            return ways_that_find(library, searcher, word), answers.get(timeout=_PATIENCE_SECONDS)

        try:
            for number in range(3):
                word, path = f"heron{number}", f"/gone{number}.txt"
                library.publish("open", path, f"The {word} pays the rent.")
                assert found(word) == (everyway, everyway)
                if number == 0:
                    library.remove("open", path)
                elif number == 1:
                    library.publish("open", path, "The stork pays the rent.")
                else:
                    library.access.revoke(reader, shared)
                assert found(word) == ([], [])
        finally:
            stop.set()
            words.put(None)
            writer.join(_PATIENCE_SECONDS)
            elsewhere.join(_PATIENCE_SECONDS)
        assert elsewhere.exitcode == 0
