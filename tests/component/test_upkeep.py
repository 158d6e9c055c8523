"""`assay status` and `assay doctor`: every kind of damage is found, and mended where it can be."""

import json
import shutil
import stat
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.bootstrap import Assay
from app.cli.terminal import Terminal
from app.cli.upkeep import doctor as doctor_command
from app.session_secret import session_secret
from app.settings import Settings
from app.upkeep import Finding, examine, status_of
from ingestion.pipeline import Ingester
from retrieval.errors import ModelMissing
from retrieval.types import Mode
from tests.component.library import texts
from tests.fakes import PlainReader, ScriptedEngine, WordEncoder
from tests.installed import metadata_folder

CHECKS = [
    "versions",
    "disk",
    "database",
    "originals",
    "left-overs",
    "traits",
    "lexical index",
    "encoder",
    "vectors",
    "vector index",
    "chat model",
]


class Wired(Assay):
    """The real product over a home folder, with its two models replaced."""

    def __init__(self, home: Path, encoder: WordEncoder | None = None) -> None:
        super().__init__(Settings(home=home))
        self.__dict__["_encoder"] = encoder or WordEncoder()
        self.__dict__["_engine"] = ScriptedEngine()

    def take_in(self, *paths: Path, collection: str = "docs") -> None:
        ingester = Ingester(self.store, lambda: self.encoder, PlainReader())
        ingester.ingest(paths, collection=self.store.ensure_collection(collection))
        self.vectors.save()

    def execute(self, *statements: str, without_keys: bool = False) -> None:
        with self.database.connect() as sql:
            sql.exec_driver_sql("COMMIT")
            sql.exec_driver_sql(f"PRAGMA foreign_keys = {'OFF' if without_keys else 'ON'}")
            for statement in statements:
                sql.exec_driver_sql(statement)
            sql.exec_driver_sql("PRAGMA foreign_keys = ON")
            sql.exec_driver_sql("BEGIN")

    def found(self, question: str) -> list[str]:
        readable = self.access.everything()
        return texts(self.searcher.search(question, readable=readable, mode=Mode.HYBRID))


@pytest.fixture(autouse=True)
def installed(tmp_path_factory, monkeypatch):
    if folder := metadata_folder(tmp_path_factory.mktemp("installed")):
        monkeypatch.syspath_prepend(folder)


@pytest.fixture
def files(tmp_path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "lease.txt").write_text("The lease ends in May.")
    (folder / "menu.txt").write_text("The menu of the day is soup.")
    (folder / "rules.txt").write_text("No dogs. " + "No loud music after ten in the evening. " * 20)
    return folder


@pytest.fixture
def assay(tmp_path, files):
    assay = Wired(tmp_path / "home")
    assay.take_in(files)
    yield assay
    assay.database.dispose()


def restarted(assay: Wired) -> Wired:
    """Another process over the same home folder: it has nothing in memory."""
    assay.database.dispose()
    return Wired(assay.settings.home)


def examined(assay: Assay, *, repair: bool = False) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(assay, repair=repair)}


def bad(findings: dict[str, Finding]) -> list[str]:
    return [name for name, finding in findings.items() if not finding.is_ok]


def test_all_is_well(assay):
    findings = examined(assay, repair=True)
    assert list(findings) == CHECKS
    assert bad(findings) == []


def test_all_is_well_in_an_empty_home(tmp_path):
    assay = Wired(tmp_path / "new")
    assert bad(examined(assay)) == []
    assert assay.found("anything") == []
    assay.database.dispose()


def test_the_command_says_so_and_exits_accordingly(assay, monkeypatch):
    monkeypatch.setattr("app.cli.upkeep.open_assay", lambda: assay)

    def doctor(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(doctor_command, arguments, obj=Terminal())
        return done.exit_code, done.output

    code, out = doctor("--json")
    assert (code, json.loads(out)["healthy"]) == (0, True)
    assay.execute("DELETE FROM vectors WHERE passage_id = 1")
    code, out = doctor()
    assert code == 1
    assert "BAD vectors: 1 passages have no vector" in out
    assert "`assay doctor --repair`" in out
    code, out = doctor("--repair")
    assert code == 0
    assert "FIX vectors: mended" in out


def overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def an_original(assay: Wired, name: str) -> Path:
    [kept] = [o for o in assay.maintenance.originals_of_documents() if o.name == name]
    return assay.originals.path(kept.sha256)


def flip_in_index(assay: Wired) -> None:
    path = next(assay.settings.vector_index.glob("*/index.faiss"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


MENDABLE = {
    "vectors deleted": (
        ["vectors"],
        lambda assay: assay.execute("DELETE FROM vectors WHERE passage_id = 1"),
    ),
    "all vectors deleted": (["vectors"], lambda assay: assay.execute("DELETE FROM vectors")),
    "lexical entries deleted": (
        ["lexical index"],
        lambda assay: assay.execute(
            "INSERT INTO passages_lexical(passages_lexical) VALUES ('delete-all')"
        ),
    ),
    "lexical ghost": (
        ["lexical index"],
        lambda assay: assay.execute(
            "INSERT INTO passages_lexical(rowid, context, text) VALUES (99, '', 'ghost')"
        ),
    ),
    "index bit flipped": (["vector index"], flip_in_index),
    "index emptied": (
        ["vector index"],
        lambda assay: [shutil.rmtree(p) for p in assay.settings.vector_index.glob("*/")],
    ),
    "index manifest gone": (
        ["vector index"],
        lambda assay: (assay.settings.vector_index / "manifest.json").unlink(),
    ),
    "vector changed in SQL": (
        ["vector index"],
        lambda assay: assay.execute(
            "UPDATE vectors SET vector = (SELECT vector FROM vectors WHERE passage_id = 2) "
            "WHERE passage_id = 1"
        ),
    ),
    "orphan original": (["left-overs"], lambda assay: assay.originals.put(b"of no document")),
    "unfinished original": (
        ["left-overs"],
        lambda assay: overwrite(an_original(assay, "lease.txt").with_suffix(".77.partial"), b"hal"),
    ),
    "original damaged": (
        ["originals"],
        lambda assay: overwrite(an_original(assay, "lease.txt"), b"The lease ends in Mai."),
    ),
    "original cut short": (
        ["originals"],
        lambda assay: overwrite(an_original(assay, "lease.txt"), b"The lease"),
    ),
    "original missing": (["originals"], lambda assay: an_original(assay, "lease.txt").unlink()),
}


@pytest.mark.parametrize(("checks", "damage"), MENDABLE.values(), ids=MENDABLE.keys())
def test_damage_is_found_left_alone_and_then_mended(assay, checks, damage):
    expected = assay.found("lease menu music")
    damage(assay)
    assay = restarted(assay)
    for _ in range(2):  # looking changes nothing
        findings = examined(assay)
        assert set(checks) <= set(bad(findings))
        assert not any(finding.is_repaired for finding in findings.values())
        assert all(findings[check].fix for check in checks)
    mended = examined(assay, repair=True)
    assert all(mended[check].is_repaired for check in checks), mended
    assert [name for name in bad(mended) if not mended[name].is_repaired] == []
    assert bad(examined(assay)) == []
    assay = restarted(assay)
    assert bad(examined(assay)) == []
    assert set(assay.found("lease menu music")) == set(expected)
    assay.database.dispose()


def test_a_deleted_index_is_not_damage_and_is_made_when_needed(assay):
    expected = assay.found("lease")
    shutil.rmtree(assay.settings.home / "projections")
    assay = restarted(assay)
    assert bad(examined(assay)) == []
    assert assay.found("lease") == expected
    assay.database.dispose()


def test_an_index_of_a_foreign_home_is_found_and_replaced(assay, tmp_path):
    foreign_files = tmp_path / "foreign files"
    foreign_files.mkdir()
    for i in range(3):
        (foreign_files / f"{i}.txt").write_text(f"Foreign words number {i}.")
    foreign = Wired(tmp_path / "foreign")
    foreign.take_in(foreign_files)
    foreign.database.dispose()
    shutil.rmtree(assay.settings.vector_index)
    shutil.copytree(foreign.settings.vector_index, assay.settings.vector_index)
    expected = assay.found("lease menu")
    assay = restarted(assay)
    assert bad(examined(assay)) == ["vector index"]
    assert assay.found("lease menu") == expected  # refused at once, and replaced on disk
    assert bad(examined(assay)) == []
    assay.database.dispose()


def test_an_original_that_is_nowhere_any_more_is_said_to_be_lost(assay, files):
    an_original(assay, "lease.txt").unlink()
    (files / "lease.txt").write_text("Something else.")
    finding = examined(assay, repair=True)["originals"]
    assert not finding.is_ok
    assert not finding.is_repaired
    assert "'lease.txt'" in finding.detail
    assert "put the files back" in finding.fix


HOPELESS = {
    "passages of a document gone": ["DELETE FROM passages WHERE document_id = 3 AND start > 0"],
    "first passage gone": ["DELETE FROM passages WHERE document_id = 3 AND start = 0"],
    "all passages gone": ["DELETE FROM passages"],
    "revision gone": ["DELETE FROM revisions WHERE id = 1"],
    "vector of nothing": ["UPDATE vectors SET passage_id = 777 WHERE passage_id = 1"],
    "text changed": [
        "DROP TRIGGER passages_no_update",
        "UPDATE passages SET text = replace(text, 'May', 'Mai')",
    ],
}


@pytest.mark.parametrize("statements", HOPELESS.values(), ids=HOPELESS.keys())
def test_damage_to_the_truth_is_found_and_never_called_mended(assay, statements):
    assay.execute(*statements, without_keys=True)
    for repair in (False, True):
        finding = examined(assay, repair=repair)["database"]
        assert not finding.is_ok
        assert not finding.is_repaired
        assert "backup" in finding.fix


def test_without_an_encoder_the_other_checks_still_run(tmp_path, files, assay):
    class WithoutEncoder(Assay):
        @property
        def _encoder(self):
            raise ModelMissing("ASSAY_ENCODER", "nowhere", "it is not there")

    assay.execute("INSERT INTO passages_lexical(passages_lexical) VALUES ('delete-all')")
    broken = WithoutEncoder(Settings(home=assay.settings.home))
    broken.__dict__["_engine"] = ScriptedEngine()
    findings = examined(broken, repair=True)
    assert list(findings) == [c for c in CHECKS if c not in ("vectors", "vector index")]
    assert bad(findings) == ["lexical index", "encoder"]
    assert "nowhere" in findings["encoder"].detail
    broken.database.dispose()


def test_another_encoder_leaves_passages_to_embed_again(assay):
    other = Wired(assay.settings.home, WordEncoder("other words"))
    findings = examined(other)
    assert set(bad(findings)) == {"vectors", "vector index"}
    mended = examined(other, repair=True)
    assert all(mended[name].is_repaired for name in ("vectors", "vector index"))
    assert bad(examined(other)) == []
    assert other.found("lease")[0] == "The lease ends in May."
    other.database.dispose()


def test_status_says_what_is_there(assay, tmp_path):
    assay.access.add_user("ada")
    assay.store.ensure_collection("empty")
    status = status_of(assay)
    assert status.home == str(tmp_path / "home")
    assert status.change_number == 3
    assert status.users == 1
    sizes = {c.name: (c.documents, c.passages) for c in status.collections}
    assert sizes["empty"] == (0, 0)
    assert sizes["docs"][0] == 3
    assert sizes["docs"][1] >= 4


# The key that signs sessions


def test_the_session_secret_is_its_owners_alone_and_stays(tmp_path):
    path = tmp_path / "session-secret"
    secret = session_secret(path)
    assert len(secret) == 32
    assert session_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert session_secret(tmp_path / "other") != secret


def test_threads_that_make_the_secret_together_get_the_same(tmp_path):
    secrets = []
    threads = [
        threading.Thread(target=lambda: secrets.append(session_secret(tmp_path / "secret")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(secrets)) == 1
    assert len(secrets) == 8


@pytest.mark.parametrize("rest", [b"", b"\0" * 5])
def test_a_secret_that_was_cut_short_is_not_used(tmp_path, rest):
    path = tmp_path / "secret"
    path.write_bytes(rest)
    assert len(session_secret(path)) == 32
    assert session_secret(path) == path.read_bytes()


def test_a_new_home_is_its_owners_alone(tmp_path):
    assay = Wired(tmp_path / "deep" / "home")
    assert stat.S_IMODE(assay.settings.home.stat().st_mode) == 0o700
    assay.database.dispose()


def test_a_search_does_not_wait_until_the_chat_model_is_prepared(tmp_path, files):
    wired = Wired(tmp_path / "home")
    wired.take_in(files)
    found: list[list[str]] = []
    with wired._loading_engine:  # as whoever prepares the model holds it
        searching = threading.Thread(target=lambda: found.append(wired.found("lease")))
        searching.start()
        searching.join(timeout=60)
        assert found
        assert found[0][0].startswith("The lease ends")
    wired.close()
