"""Every kind of vector index: the same answers, the same filters, the same refusals."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import ProjectionError, ProjectionTorn
from retrieval.types import VectorDelta, unit_rows
from retrieval.vectors import projection, structures
from retrieval.vectors.index import PassageVectors
from retrieval.vectors.kinds import FLAT_UP_TO, GRAPH_UP_TO, HALF_UP_TO, Kind, kind_for
from tests.component.library import opened
from tests.fakes import WordEncoder

kinds = pytest.mark.parametrize("kind", list(Kind))
DIMENSION, ROWS = 16, 1500


@pytest.fixture(autouse=True)
def filters_are_searched_inside(monkeypatch):
    """Small indexes would be searched exactly whenever there is a filter."""
    monkeypatch.setattr(structures, "_EXACT_ROWS", 30)


def made_rows(seed: int = 3) -> np.ndarray:
    """Vectors in clumps, as those of texts are."""
    choose = np.random.default_rng(seed)
    centres = choose.normal(size=(40, DIMENSION))
    return unit_rows(
        (
            centres[choose.integers(40, size=ROWS)] + choose.normal(size=(ROWS, DIMENSION)) / 2
        ).astype(np.float32)
    )


VECTORS = made_rows()
# Collection 1 has half of the rows, 2 a tenth, 4 three of them, 3 the others.
COLLECTIONS = np.array([1 if i % 2 else 2 if i % 10 == 0 else 3 for i in range(ROWS)])
COLLECTIONS[[8, 444, 1236]] = 4


def delta_of(rows: slice, number: int = 1) -> VectorDelta:
    ids = np.arange(ROWS, dtype=np.int64)[rows]
    return VectorDelta(
        number, frozenset(), ids, 10_000 + ids // 5, COLLECTIONS[rows].astype(np.int64),
        VECTORS[rows],
    )  # fmt: skip


def index_of(kind: Kind, rows: slice = slice(None)) -> PassageVectors:
    vectors = PassageVectors("e", DIMENSION, kind=kind, sample=VECTORS[::2], expected=ROWS)
    vectors.apply(delta_of(rows))
    return vectors


def best(query: np.ndarray, allowed: np.ndarray, k: int) -> set[int]:
    rows = np.flatnonzero(allowed)
    return set(rows[np.argsort(-(VECTORS[rows] @ query))[:k]].tolist())


def recall(vectors: PassageVectors, readable: set[int], k: int = 10, **options) -> float:
    allowed, shares = np.isin(COLLECTIONS, list(readable)), []
    for query in made_rows(9)[:40]:
        found = vectors.search(query, readable=frozenset(readable), k=k, **options)
        ids = [candidate.passage_id for candidate in found]
        assert len(ids) == min(k, int(allowed.sum()))
        assert all(allowed[i] for i in ids)
        wanted = best(query, allowed, k)
        shares.append(len(wanted & set(ids)) / len(wanted))
    return float(np.mean(shares))


@kinds
@pytest.mark.parametrize("readable", [{1, 2, 3, 4}, {1}, {2}, {4}, {2, 4}])
def test_a_filter_starves_no_search_and_costs_no_recall(kind, readable):
    vectors = index_of(kind)
    assert recall(vectors, readable) >= (0.98 if kind in (Kind.FLAT, Kind.HALF) else 0.95)
    assert recall(vectors, readable, is_exact=True) >= 0.99
    assert vectors.search(VECTORS[0], readable=frozenset({7}), k=5) == []


@kinds
def test_only_the_revisions_that_are_wanted_are_found(kind):
    vectors = index_of(kind)
    wanted = frozenset({10_001, 10_100})
    found = vectors.search(VECTORS[5], readable=frozenset({1, 2, 3, 4}), k=50, revisions=wanted)
    assert sorted(c.passage_id for c in found) == [5, 6, 7, 8, 9, *range(500, 505)]
    assert vectors.search(VECTORS[5], readable=frozenset({1}), k=50, revisions=frozenset()) == []


@kinds
def test_what_is_retired_is_never_found_again_and_what_comes_is_found(kind, tmp_path):
    vectors = index_of(kind, slice(0, 1000))
    vectors.apply(delta_of(slice(1000, ROWS), number=2))
    assert len(vectors) == ROWS
    gone = VectorDelta(3, frozenset({10_000, 10_200, 10_299}), *[np.empty(0, np.int64)] * 3,
                       np.empty((0, DIMENSION), np.float32))  # fmt: skip
    vectors.apply(gone)
    vectors.save(tmp_path)
    for index in (vectors, PassageVectors.load(tmp_path, encoder="e", dimension=DIMENSION)):
        assert len(index) == ROWS - 15
        for row in (0, 4, 1000, 1499):
            found = index.search(VECTORS[row], readable=frozenset({1, 2, 3, 4}), k=20)
            assert row not in [candidate.passage_id for candidate in found]
        ids, kept = index.rows()
        assert len(ids) == ROWS - 15
        assert index.holds(kept, VECTORS[ids])
        assert not index.holds(kept, VECTORS[ids][::-1])
        [again] = index.search(VECTORS[1450], readable=frozenset({1, 2, 3, 4}), k=1)
        assert again.passage_id == 1450


@kinds
def test_loaded_it_answers_as_before_and_goes_on(kind, tmp_path):
    vectors = index_of(kind, slice(0, 1400))
    vectors.save(tmp_path, change_mark="mark")
    loaded = PassageVectors.load(tmp_path, encoder="e", dimension=DIMENSION)
    assert (loaded.kind, loaded.change_mark, len(loaded)) == (kind, "mark", 1400)
    readable = frozenset({1, 3})
    for query in made_rows(4)[:10]:
        assert loaded.search(query, readable=readable, k=7) == vectors.search(
            query, readable=readable, k=7
        )
    loaded.apply(delta_of(slice(1400, ROWS), number=2))
    assert recall(loaded, {1, 2, 3, 4}) >= 0.95
    loaded.save(tmp_path)
    assert len(PassageVectors.load(tmp_path, encoder="e", dimension=DIMENSION)) == ROWS


@pytest.mark.parametrize("rows", [0, 1, 2, 17])
@kinds
def test_small_indexes_of_every_kind(kind, rows, tmp_path):
    vectors = PassageVectors("e", DIMENSION, kind=kind, sample=VECTORS[:rows], expected=rows)
    vectors.apply(delta_of(slice(0, rows)))
    vectors.save(tmp_path)
    for index in (vectors, PassageVectors.load(tmp_path, encoder="e", dimension=DIMENSION)):
        found = index.search(VECTORS[0], readable=frozenset({1, 2, 3, 4}), k=30)
        assert sorted(candidate.passage_id for candidate in found) == list(range(rows))


# Corruption: every file of every kind, in every way


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def truncated(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def emptied(path: Path, _: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path, _: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def removed(path: Path, _: Path) -> None:
    path.unlink()


def swapped(path: Path, other: Path) -> None:
    """The file of the same name of another index of the same kind."""
    [twin] = [file for file in files_of(other) if file.name == path.name]
    shutil.copy(twin, path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[Kind, tuple[Path, Path]]:
    """Two saved indexes of each kind, that hold other rows."""
    made = {}
    for kind in Kind:
        one, other = (tmp_path_factory.mktemp(f"{kind}-{name}") for name in ("one", "other"))
        index_of(kind).save(one, change_mark="one")
        index_of(kind, slice(0, 700)).save(other, change_mark="other")
        made[kind] = one, other
    return made


@kinds
@pytest.mark.parametrize("damage", [truncated, emptied, flipped, removed, swapped])
def test_no_file_can_be_damaged_without_being_refused_by_name(kind, damage, saved, tmp_path):
    sound, other = saved[kind]
    names = [path.name for path in files_of(sound)]
    assert len(names) == (4 if kind is Kind.LISTS else 3)
    for number, name in enumerate(names):
        if damage is swapped and name == "manifest.json":
            continue  # the other's whole manifest names files that are not there: `removed`
        copy = tmp_path / str(number)
        shutil.copytree(sound, copy)
        [path] = [file for file in files_of(copy) if file.name == name]
        damage(path, other)
        with pytest.raises(ProjectionError, match="doctor --repair"):
            PassageVectors.load(copy, encoder="e", dimension=DIMENSION)


@kinds
def test_a_well_formed_file_of_another_kind_is_refused(kind, saved, tmp_path):
    """The hashes are right, as if an earlier version had written nonsense."""
    sound, _ = saved[kind]
    shutil.copytree(sound, tmp_path / "x")
    vectors = index_of(kind, slice(0, 200))
    vectors.kind = Kind.GRAPH if kind is not Kind.GRAPH else Kind.FLAT
    vectors.save(tmp_path / "x")
    with pytest.raises(ProjectionTorn, match="cannot be read"):
        PassageVectors.load(tmp_path / "x", encoder="e", dimension=DIMENSION)


# Over a store


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path, WordEncoder(dimension=16)) as library:
        for number in range(12):
            text = f"Lease {number} ends. Rent {number} is due. Cats may stay."
            library.publish("a" if number % 3 else "b", f"/{number}.txt", text)
        yield library


def found(library, vectors) -> list[int]:
    [query] = library.encoder.encode(["the rent is due"])
    current = vectors.current()
    return [c.passage_id for c in current.search(query, readable=library.everything(), k=100)]


def projection_of(library, chosen: Kind | None = None):
    return projection.VectorProjection(library.store, library.index, library.encoder, chosen=chosen)


@kinds
def test_a_chosen_kind_is_made_saved_and_loaded(library, kind):
    expected = found(library, projection_of(library))
    assert len(expected) == 36
    chosen = projection_of(library, kind)
    chosen.save()
    again = projection_of(library, kind)
    assert again.current().kind is kind
    assert sorted(found(library, again)) == sorted(expected)
    assert again.problem() is None
    manifest = json.loads((library.index / "manifest.json").read_text())
    assert (manifest["kind"], manifest["count"]) == (kind.value, 36)


@kinds
def test_a_torn_index_is_answered_for_exactly_while_a_new_one_is_made(library, kind):
    expected = sorted(found(library, projection_of(library)))
    projection_of(library, kind).save()
    for path in files_of(library.index):
        flipped(path, path)
    projected = projection_of(library, kind)
    projected.tend()
    assert projected.problem() is not None
    assert sorted(found(library, projected)) == expected
    projected.wait()
    assert projected.current().kind is kind
    assert sorted(found(library, projected)) == expected
    assert projection_of(library, kind).problem() is None


def test_what_is_published_and_removed_while_an_index_is_made_is_in_it(library, monkeypatch):
    projected = projection_of(library, Kind.GRAPH)
    projected.tend()
    make = projected._from_sql

    def slowly(kind):
        made = make(kind)
        if kind is Kind.GRAPH:
            library.publish("a", "/late.txt", "The late rent is due.")
            library.remove("a", "/1.txt")
        return made

    monkeypatch.setattr(projected, "_from_sql", slowly)
    found(library, projected)
    projected.wait()
    assert projected.current().kind is Kind.GRAPH
    ids = [row[0] for row in library.rows("SELECT id FROM passages")]
    assert sorted(found(library, projected)) == sorted(ids)


def test_what_cannot_be_made_is_said_once_and_searches_go_on(library, monkeypatch, caplog):
    projected = projection_of(library, Kind.LISTS)
    projected.tend()
    expected = found(library, projection_of(library))
    make = projected._from_sql

    def failing(kind):
        if kind is Kind.LISTS:
            raise MemoryError
        return make(kind)

    monkeypatch.setattr(projected, "_from_sql", failing)
    for _ in range(3):
        assert found(library, projected) == expected
        projected.wait()
    assert caplog.text.count("could not be made") == 1


def test_a_vector_that_is_not_the_one_in_sql_is_seen_at_the_start(library, caplog):
    library.vectors.save()
    library.execute("UPDATE vectors SET vector = (SELECT vector FROM vectors WHERE passage_id = 1)")
    library.new_projection().current()
    assert "a vector 'not the one in SQL'" in caplog.text


def test_an_index_that_lacks_rows_is_seen_at_the_start(library, caplog):
    library.vectors.save()
    vectors = PassageVectors.load(library.index, encoder="words", dimension=16)
    [first] = library.rows("SELECT min(revision_id) FROM passages")
    vectors.apply(VectorDelta(vectors.change_number, frozenset(first), *[np.empty(0, np.int64)] * 3,
                              np.empty((0, 16), np.float32)))  # fmt: skip
    vectors.save(library.index, change_mark=library.store.change_mark(vectors.change_number))
    assert len(library.new_projection().current()) == 36
    assert "has passages 33 where 36 is expected" in caplog.text


@pytest.mark.parametrize(
    ("count", "kind"),
    [
        (0, Kind.FLAT), (FLAT_UP_TO, Kind.FLAT), (FLAT_UP_TO + 1, Kind.HALF),
        (HALF_UP_TO, Kind.HALF), (HALF_UP_TO + 1, Kind.GRAPH),
        (GRAPH_UP_TO, Kind.GRAPH), (GRAPH_UP_TO + 1, Kind.LISTS),
    ],
)  # fmt: skip
def test_the_kind_suits_the_count(count, kind):
    assert kind_for(count) is kind
    assert kind_for(count, now=kind) is kind
    assert kind_for(count, chosen=Kind.GRAPH) is Kind.GRAPH


def test_an_index_on_the_edge_is_not_made_twice():
    assert kind_for(int(HALF_UP_TO * 0.9), now=Kind.GRAPH) is Kind.GRAPH
    assert kind_for(int(HALF_UP_TO * 0.5), now=Kind.GRAPH) is Kind.HALF
    assert kind_for(HALF_UP_TO + 1, now=Kind.HALF) is Kind.GRAPH
