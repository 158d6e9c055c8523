"""Homes to be backed up and restored, and looks at what is in them."""

import hashlib
import multiprocessing
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

from app.backup import Backup, write_backup
from app.bootstrap import Assay
from app.restore import HomeFolder, check_backup, ready_restore
from app.settings import Settings
from retrieval.search import Searcher
from retrieval.vectors.projection import VectorProjection
from tests.component.library import revision_of, texts
from tests.fakes import WordEncoder

ROOT = Path(__file__).resolve().parents[3]
SPAWN = multiprocessing.get_context("spawn")
PATIENCE_SECONDS = 120
PASSWORD = "correct horse battery"
TEXTS = {
    "/lease.txt": "The lease ends in May. The notice period is three months.",
    "/menu.txt": "The menu of the day is pumpkin soup.",
    "/rules.txt": "No dogs. No loud music after ten in the evening.",
}


class Store(Assay):
    """The real product over a home folder, with documents published by hand."""

    def __init__(self, home: Path) -> None:
        super().__init__(Settings(home=home))
        self.words = WordEncoder()

    def publish(self, path: str, text: str, collection: str = "docs") -> None:
        self.store.publish(
            self.store.ensure_collection(collection),
            revision_of(path, text, self.words),
            text.encode(),
            encoder=self.words.fingerprint,
        )

    def remove(self, *paths: str, collection: str = "docs") -> None:
        known = self.store.known_files(self.store.collection(collection))
        self.store.remove([known[path].document_id for path in paths])

    def backup(self, file: Path, *, force: bool = False, on_progress=lambda *_: None) -> Backup:
        return write_backup(self, file, force=force, on_progress=on_progress)

    def found(self, question: str) -> list[str]:
        vectors = VectorProjection(self.store, self.settings.vector_index, self.words)
        searcher = Searcher(self.store, self.words, vectors, self.lexical)
        return texts(searcher.search(question, readable=self.access.everything()))

    def original(self, text: str) -> Path:
        return self.originals.path(hashlib.sha256(text.encode()).hexdigest())

    def state(self) -> dict[str, object]:
        """Which documents there are, and that all of them are whole."""
        assert self.maintenance.problem() is None
        assert self.lexical.problem() is None
        kept = self.maintenance.originals_of_documents()
        assert all(self.originals.is_intact(original.sha256) for original in kept)
        return {original.path: original.sha256 for original in kept}


@contextmanager
def opened(home: Path):
    assay = Store(home)
    try:
        yield assay
    finally:
        assay.close()


def folder_of(home: Path) -> HomeFolder:
    settings = Settings(home=home)
    return HomeFolder(home, settings.database, settings.originals, settings.vector_index)


def restore(file: Path, home: Path, *, replace: bool = False) -> None:
    with ready_restore(
        file, folder_of(home), replace=replace, on_progress=lambda *_: None
    ) as ready:
        ready.put_in_place()


def check(file: Path, home: Path):
    return check_backup(file, home, on_progress=lambda *_: None)


def hashes_of(documents: dict[str, str]) -> dict[str, str]:
    return {path: hashlib.sha256(text.encode()).hexdigest() for path, text in documents.items()}


def rows_of(database: Path) -> dict[str, list[tuple]]:
    """Every row of every table, those of the word index too."""
    with closing(sqlite3.connect(database)) as sql:
        names = [
            name
            for (name,) in sql.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if "CREATE VIRTUAL" not in name
        ]
        return {name: sorted(sql.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}


def files_under(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("lock", "-wal", "-shm"))
    }
