"""The vector index: neighbours one can see, files that cannot lie, and never behind SQL."""

import json
import os
import shutil
import threading
import time

import numpy as np
import pytest

from retrieval.errors import EncoderChanged, ProjectionError, ProjectionMismatch, ProjectionTorn
from retrieval.types import Mode, VectorDelta
from retrieval.vectors.generations import write_generation
from retrieval.vectors.index import PassageVectors
from retrieval.vectors.lag import LEFT_TO_LATER, is_near
from tests.component.library import Library, opened, texts, unit
from tests.fakes import WordEncoder

EAST, NORTH_EAST, NORTH, WEST = unit(1, 0), unit(1, 1), unit(0, 1), unit(-1, 0)


def delta(number: int, *rows: tuple[int, int, int, np.ndarray], retired: tuple[int, ...] = ()):
    """Rows are (passage, revision, collection, vector)."""
    columns = [np.array([row[i] for row in rows], dtype=np.int64) for i in range(3)]
    vectors = np.array([row[3] for row in rows] or np.empty((0, 0)), dtype=np.float32)
    return VectorDelta(number, frozenset(retired), *columns, vectors)


@pytest.fixture
def compass() -> PassageVectors:
    vectors = PassageVectors("compass", 2)
    vectors.apply(
        delta(3, (1, 10, 1, EAST), (2, 10, 1, NORTH_EAST), (3, 20, 2, NORTH), (4, 30, 2, WEST))
    )
    return vectors


def ids(found) -> list[int]:
    return [candidate.passage_id for candidate in found]


BOTH = frozenset({1, 2})


def test_neighbours_that_can_be_seen(compass):
    found = compass.search(EAST, readable=BOTH, k=10)
    assert ids(found) == [1, 2, 3, 4]
    assert [score for _, score in found] == pytest.approx([1, 0.707107, 0, -1], abs=1e-6)
    assert ids(compass.search(unit(-2, 3), readable=BOTH, k=2)) == [3, 4]


def test_the_filter_is_inside_the_search(compass):
    """The two nearest are not readable; two others still come."""
    assert ids(compass.search(EAST, readable=frozenset({2}), k=2)) == [3, 4]
    assert ids(compass.search(EAST, readable=frozenset({2}), k=1)) == [3]
    assert compass.search(EAST, readable=frozenset(), k=2) == []
    assert compass.search(EAST, readable=frozenset({9}), k=2) == []


@pytest.mark.parametrize("hidden", [1, 7, 8, 9, 1000])
def test_a_readable_passage_is_found_behind_any_number_of_hidden_ones(hidden):
    vectors = PassageVectors("compass", 2)
    rows = [(i, 1, 1, EAST) for i in range(hidden)]
    vectors.apply(delta(1, *rows, (5000, 2, 2, WEST), (5001, 2, 2, NORTH)))
    assert ids(vectors.search(EAST, readable=frozenset({2}), k=10)) == [5001, 5000]


@pytest.mark.parametrize("k", [1, 10, 99, 100, 500])
def test_equal_scores_come_by_id_and_the_lowest_ids_win(k):
    vectors = PassageVectors("compass", 2)
    vectors.apply(delta(1, *[(i, 1, 1, EAST) for i in range(600)]))
    assert ids(vectors.search(EAST, readable=BOTH, k=k)) == list(range(k))


def test_an_empty_index_finds_nothing():
    assert PassageVectors("compass", 2).search(EAST, readable=BOTH, k=3) == []


def test_deltas_drop_then_add(compass):
    compass.apply(delta(5, (9, 40, 1, EAST), retired=(10, 99)))
    assert ids(compass.search(EAST, readable=BOTH, k=10)) == [9, 3, 4]
    assert (len(compass), compass.change_number) == (3, 5)
    compass.apply(delta(6, retired=(20, 30, 40)))
    assert compass.search(EAST, readable=BOTH, k=10) == []
    compass.apply(delta(7, (12, 50, 2, NORTH)))
    assert ids(compass.search(EAST, readable=frozenset({2}), k=10)) == [12]


def test_rows_of_several_collections_stay_with_their_vectors_when_others_go():
    """Random comings and goings against a plain dictionary."""
    choose = np.random.default_rng(5)
    vectors, model = PassageVectors("compass", 4), {}
    for number in range(1, 40):
        retired = tuple(int(r) for r in choose.choice(40, size=2))
        model = {i: row for i, row in model.items() if row[1] not in retired}
        new = []
        for i in range(int(choose.integers(0, 4))):
            row = (
                number * 10 + i,
                number,
                int(choose.integers(1, 4)),
                unit(*choose.normal(size=4)),
            )
            new.append(row)
            model[row[0]] = row
        vectors.apply(delta(number, *new, retired=retired))
        query, readable = unit(*choose.normal(size=4)), frozenset({1, 3})
        expected = sorted(
            ((float(row[3] @ query), -row[0]) for row in model.values() if row[2] in readable),
            reverse=True,
        )
        assert ids(vectors.search(query, readable=readable, k=100)) == [-i for _, i in expected]


def test_vectors_of_another_dimension_are_refused(compass):
    with pytest.raises(ValueError, match="dimension 3 do not fit an index of 2"):
        compass.apply(delta(4, (5, 50, 1, unit(1, 0, 0))))


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_saved_and_loaded_it_is_the_same(tmp_path, rows):
    vectors = PassageVectors("compass", 2)
    added = [(1, 10, 1, EAST), (2, 10, 1, NORTH_EAST), (3, 20, 2, NORTH), (4, 30, 2, WEST)][:rows]
    vectors.apply(delta(3, *added))
    vectors.save(tmp_path / "index", change_mark="mark")
    loaded = PassageVectors.load(tmp_path / "index", encoder="compass", dimension=2)
    assert loaded.change_number == 3
    assert loaded.change_mark == "mark"
    for readable in (BOTH, frozenset({2})):
        assert loaded.search(EAST, readable=readable, k=9) == vectors.search(
            EAST, readable=readable, k=9
        )
    loaded.apply(delta(4, (9, 40, 1, EAST), retired=(10,)))
    assert ids(loaded.search(EAST, readable=frozenset({1}), k=9)) == [9]


def test_saving_again_leaves_one_generation(tmp_path, compass):
    for number in (4, 5, 5):
        compass.apply(delta(number))
        compass.save(tmp_path)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
    assert PassageVectors.load(tmp_path, encoder="compass", dimension=2).change_number == 5


def test_saving_spares_what_another_process_is_writing_and_sweeps_what_was_abandoned(
    tmp_path, compass
):
    compass.save(tmp_path)
    young, old = tmp_path / "9-young", tmp_path / "8-old"
    young.mkdir()
    old.mkdir()
    an_age_ago = time.time() - 86_400
    os.utime(old, (an_age_ago, an_age_ago))
    compass.save(tmp_path)
    assert young.is_dir()
    assert not old.exists()


def test_several_at_once_leave_a_whole_index(tmp_path, compass):
    errors = []

    def save() -> None:
        mine = PassageVectors("compass", 2)
        mine.apply(delta(3, (1, 10, 1, EAST)))
        try:
            for _ in range(15):
                mine.save(tmp_path)
        except Exception as error:  # noqa: BLE001 - reported below
            errors.append(error)

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert ids(
        PassageVectors.load(tmp_path, encoder="compass", dimension=2).search(
            EAST, readable=BOTH, k=1
        )
    ) == [1]


# What may happen to the files of an index


def generation(index):
    return next(path for path in index.iterdir() if path.is_dir())


def rewrite_manifest(index, **changes) -> None:
    """As damage would leave it: the fields changed, the rest as it was."""
    path = index / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def cut_short(path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def lengthen(path) -> None:
    path.write_bytes(path.read_bytes() + bytes(24))


DAMAGE = {
    "everything gone": lambda index: shutil.rmtree(index),
    "manifest gone": lambda index: (index / "manifest.json").unlink(),
    "manifest empty": lambda index: (index / "manifest.json").write_bytes(b""),
    "manifest cut short": lambda index: cut_short(index / "manifest.json"),
    "manifest is a list": lambda index: (index / "manifest.json").write_text("[]"),
    "manifest is a number": lambda index: (index / "manifest.json").write_text("7"),
    "manifest without fields": lambda index: (index / "manifest.json").write_text("{}"),
    "manifest of zeros": lambda index: (index / "manifest.json").write_bytes(bytes(400)),
    "older change number": lambda index: rewrite_manifest(index, change_number=1),
    "other generation": lambda index: rewrite_manifest(index, generation="nowhere"),
    "generation gone": lambda index: shutil.rmtree(generation(index)),
    "index gone": lambda index: (generation(index) / "index.faiss").unlink(),
    "index empty": lambda index: (generation(index) / "index.faiss").write_bytes(b""),
    "index cut short": lambda index: cut_short(generation(index) / "index.faiss"),
    "rows gone": lambda index: (generation(index) / "rows.bin").unlink(),
    "rows cut short": lambda index: cut_short(generation(index) / "rows.bin"),
    "rows grown": lambda index: lengthen(generation(index) / "rows.bin"),
}


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path, WordEncoder(dimension=16)) as library:
        library.publish("a", "/one.txt", "The lease ends. The rent is due.")
        library.publish("a", "/two.txt", "The garden is large. The roof leaks.")
        library.publish("b", "/three.txt", "The rent is paid.")
        library.vectors.save()
        yield library


def answers(library: Library, projection=None) -> list[int]:
    [query] = library.encoder.encode(["the rent"])
    current = (projection or library.new_projection()).current()
    return ids(current.search(query, readable=library.everything(), k=100))


def load(library: Library) -> PassageVectors:
    return PassageVectors.load(library.index, encoder="words", dimension=16)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_named_and_then_mended(library, damage):
    expected = answers(library)
    assert len(expected) == 5
    damage(library.index)
    with pytest.raises(ProjectionTorn, match="doctor --repair"):
        load(library)
    projection = library.new_projection()
    assert projection.problem() is not None
    assert answers(library, projection) == expected  # served from SQL meanwhile
    projection.save()
    assert library.new_projection().problem() is None
    assert ids_of(load(library)) == sorted(expected)


def ids_of(vectors: PassageVectors) -> list[int]:
    return vectors.rows()[0].tolist()


@pytest.mark.parametrize("name", ["manifest.json", "rows.bin", "index.faiss"])
def test_a_flipped_bit_anywhere_is_noticed_or_means_nothing(library, name):
    """Every byte of the small files, every seventh of the large one."""
    expected = load(library)
    path = library.index / name if name == "manifest.json" else generation(library.index) / name
    sound = path.read_bytes()
    refused = 0
    for position in range(0, len(sound), 7 if name == "index.faiss" else 1):
        flipped = bytearray(sound)
        flipped[position] ^= 1 << position % 7
        path.write_bytes(flipped)
        try:
            found = load(library)
        except ProjectionError:
            refused += 1
            continue
        # Only white space of the manifest may change without being noticed.
        assert name == "manifest.json"
        assert chr(sound[position]).isspace()
        assert found.change_number == expected.change_number
        assert ids_of(found) == ids_of(expected)
    assert refused > len(sound) / 14


def test_an_index_of_another_encoder_is_refused_and_made_again(library):
    with pytest.raises(ProjectionMismatch, match="other"):
        PassageVectors.load(library.index, encoder="other", dimension=16)
    with pytest.raises(ProjectionMismatch, match="16"):
        PassageVectors.load(library.index, encoder="words", dimension=32)


def test_an_index_ahead_of_sql_is_refused_and_made_again(library):
    expected = answers(library)
    ahead = load(library)
    ahead.change_number += 5
    ahead.save(library.index)
    assert "change number" in library.new_projection().problem()
    assert answers(library) == expected


def test_an_index_of_another_history_is_refused_though_its_number_fits(library, tmp_path_factory):
    """The database was restored from a backup and has gone another way since."""
    backup = tmp_path_factory.mktemp("backup") / "assay.db"
    _copy_database(library, backup)
    library.publish("a", "/four.txt", "A passage that the backup has never seen.")
    library.vectors.save()
    with opened(backup.parent, library.encoder) as restored:
        shutil.copytree(library.index, restored.index)
        restored.publish("b", "/five.txt", "Hidden rent of another history.")
        restored.publish("b", "/six.txt", "The rent of the sixth.")
        problem = restored.new_projection().problem()
        assert problem is not None
        assert "last change" in problem
        hits = restored.searcher.search("rent", readable=restored.everything(), mode=Mode.DENSE)
        assert len(hits) == 7
        assert all("rent" in text for text in texts(hits)[:4])


def _copy_database(library: Library, target) -> None:
    library.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(library.home / "assay.db", target)


def test_doctored_rows_are_seen_by_the_comparison_with_sql(library):
    wrong = load(library)
    wrong.apply(delta(wrong.change_number, retired=(1,)))
    mark = library.store.change_mark(wrong.change_number)
    wrong.save(library.index, change_mark=mark)
    assert "passages" in library.new_projection().problem()
    library.vectors.rebuild()
    assert library.new_projection().problem() is None
    library.execute("UPDATE vectors SET vector = zeroblob(64) WHERE passage_id = 1")
    assert "vector" in library.new_projection().problem()


def test_a_running_index_sees_every_commit_at_its_next_use(library):
    projection = library.new_projection()
    before = answers(library, projection)
    library.publish("a", "/four.txt", "The rent rises.")
    after = answers(library, projection)
    assert len(after) == len(before) + 1
    library.remove("a", "/four.txt")
    assert answers(library, projection) == before
    library.publish("b", "/three.txt", "The rent was paid.")
    assert answers(library, projection) != before
    assert projection.current() is projection.current()


def test_a_file_that_is_behind_catches_up(library):
    library.publish("a", "/one.txt", "The lease has ended.")
    library.remove("b", "/three.txt")
    library.publish("a", "/four.txt", "The rent rises.")
    assert load(library).change_number < library.store.change_number()
    assert library.new_projection().problem() is None
    assert sorted(answers(library)) == sorted(
        row[0] for row in library.rows("SELECT id FROM passages")
    )


def test_passages_without_a_vector_of_this_encoder_are_never_silently_left_out(library):
    """Not at the first search and not at the second: the running index must not get used to it."""
    running = library.new_projection()
    assert answers(library, running)
    with opened(library.home, WordEncoder("other", dimension=16)) as other:
        other.publish("a", "/other.txt", "The rent by another encoder.")
    for _ in range(3):
        with pytest.raises(EncoderChanged, match=r"1 passages have no vector .*'words'.*other"):
            running.current()
    with pytest.raises(EncoderChanged):
        library.new_projection().current()
    # Embedded with this encoder, as `assay doctor --repair` does, it is found by both.
    bare = library.maintenance.without_vectors(encoder="words", limit=10)
    vectors = library.encoder.encode([passage.text for passage in bare])
    library.maintenance.add_vectors([p.id for p in bare], vectors, encoder="words")
    assert bare[0].id in answers(library, running)
    assert bare[0].id in answers(library)


def test_searching_while_another_thread_applies_changes(library):
    """Every search is of some committed state: six rows or five, never a mixture of columns."""
    projection = library.new_projection()
    stop, errors = threading.Event(), []
    [query] = library.encoder.encode(["the rent"])
    readable = library.everything()

    def search() -> None:
        try:
            while not stop.is_set():
                found = projection.current().search(query, readable=readable, k=100)
                assert len(set(ids(found))) == len(found)
                assert len(found) in (5, 6)
        except Exception as error:  # noqa: BLE001 - reported below
            errors.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        library.publish("a", "/extra.txt", "The rent again.")
        library.remove("a", "/extra.txt")
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []


def near(library: Library) -> bool:
    return is_near(library.index, library.store, encoder=library.encoder.fingerprint)


def test_an_index_that_lacks_little_need_not_be_written_again(library):
    library.publish("a", "/many.txt", "Rent. " * 95)
    library.vectors.save()  # 100 passages
    assert near(library)
    library.publish("a", "/four.txt", "The cellar is dry. It is cool.")
    assert near(library)  # two of a hundred
    library.remove("b", "/three.txt")
    assert near(library)
    library.publish("a", "/five.txt", "A third one.")
    assert not near(library)
    library.vectors.save()
    assert near(library)


def test_no_index_and_that_of_something_else_are_not_near(library, tmp_path):
    library.publish("a", "/many.txt", "Rent. " * 95)
    library.vectors.save()
    assert not is_near(tmp_path / "none", library.store, encoder=library.encoder.fingerprint)
    assert not is_near(library.index, library.store, encoder="another")
    cut_short(library.index / "manifest.json")
    assert not near(library)


def test_a_large_index_may_lack_so_many_and_no_more(library):
    """The share would allow more."""
    facts = json.loads((library.index / "manifest.json").read_bytes())
    del facts["checksum"]
    facts["count"] = 50 * LEFT_TO_LATER + 5_000
    write_generation(library.index, facts, lambda _: None)
    library.publish("a", "/some.txt", "Rent. " * LEFT_TO_LATER)
    assert near(library)
    library.publish("a", "/one-more.txt", "Rent.")
    assert not near(library)


def test_passages_are_counted_that_an_encoder_has_no_vectors_of(library):
    """Five are there; the other encoder knows the last two only."""
    other = WordEncoder("other", dimension=16)
    before = library.store.change_number()
    with opened(library.home, other) as again:
        again.publish("a", "/four.txt", "The cellar is dry. It is cool.")
    count = library.store.count_without_vectors
    assert count(encoder=other.fingerprint) == 5
    assert count(encoder=other.fingerprint, since=before) == 0
    assert count(encoder=library.encoder.fingerprint) == 2
    assert count(encoder=library.encoder.fingerprint, since=before) == 2
    assert count(encoder=library.encoder.fingerprint, since=before + 1) == 0
    assert count(encoder="nobody") == 7
