"""Search by words: BM25 over the passages, in SQLite's full-text index.

The index is written by triggers inside the transaction that writes a passage, so it is never
behind SQL (docs/decisions/0003).
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock, Thread
from time import monotonic
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    table,
    text,
)
from sqlalchemy.exc import DatabaseError

from retrieval.database import writing
from retrieval.errors import ProjectionTorn
from retrieval.follow_up import Standalone
from retrieval.matching import match_expression, scoped
from retrieval.naming import NEWEST, carried, is_in, newest
from retrieval.schema import collections, passages
from retrieval.sealing import INDEX_TABLES, change_of, lost_pages, read_seal, seal_of, write_seal
from retrieval.types import Candidate, Carried

_logger = logging.getLogger(__name__)
# The title and headings count like the text. Parts of names and stems, of which there are many,
# count half: chosen on SciFact's training questions (docs/decisions/0037). A collection counts
# nothing.
_WEIGHTS = {"context": 1.0, "text": 1.0, "words": 0.5, "scope": 0.0}
# An index of so many passages is looked over, or made again, while a search waits.
_AT_ONCE = 20_000
# A process that stays compares the index with its seal again, when searched, after so long.
_LOOK_AGAIN_SECONDS = 300.0
# More collections than this are looked up passage by passage: as words they would take longer.
_MOST_SCOPES = 16

_SEARCH = text(
    """
    SELECT rowid AS id, bm25(passages_lexical, :context, :text, :words, :scope) AS distance
    FROM passages_lexical
    WHERE passages_lexical MATCH :query
    ORDER BY distance, rowid
    LIMIT :k
    """
)
_SEARCH_AMONG = text(
    """
    SELECT passages.id, bm25(passages_lexical, :context, :text, :words, :scope) AS distance
    FROM passages_lexical JOIN passages ON passages.id = passages_lexical.rowid
    WHERE passages_lexical MATCH :query AND passages.collection_id IN :readable
    AND (:revisions IS NULL OR passages.revision_id IN (SELECT value FROM json_each(:revisions)))
    ORDER BY distance, passages.id
    LIMIT :k
    """
).bindparams(bindparam("readable", expanding=True))
_OWNERS = text(
    """
    SELECT passages.id AS passage_id, passages.revision_id, documents.name, revisions.title
    FROM json_each(:ids) JOIN passages ON passages.id = json_each.value
    JOIN documents ON documents.id = passages.document_id
    JOIN revisions ON revisions.id = passages.revision_id
    """
)
# So many passages after the first one still say what a document is: about a page.
_LEADING, _ANYWHERE = 2, 2**31
# The passages of a revision are numbered one after the other.
_CARRIERS = text(
    """
    SELECT asked.value FROM json_each(:revisions) AS asked WHERE EXISTS (
        SELECT 1 FROM passages_lexical WHERE passages_lexical MATCH :query AND rowid
        BETWEEN (SELECT min(id) FROM passages WHERE revision_id = asked.value)
        AND (SELECT min(min(id) + :most, max(id)) FROM passages WHERE revision_id = asked.value)
    )
    """
)
_OTHER = "it is not what it was when it was left"
_REBUILD = text("INSERT INTO passages_lexical(passages_lexical) VALUES ('rebuild')")


class LexicalIndex:
    """BM25 (k1 1.2, b 0.75) over stemmed words of context and text, parts of names, and stems.

    It answers only when it is known to be sound: sealed when it was last left, or compared with the
    passages, or made again from them.

    Args:
        seal: the file that says what the index was when it was last sound; None: keep none, and
            compare with the passages once in every process.
    """

    def __init__(self, engine: Engine, seal: Path | None = None) -> None:
        self._engine = engine
        self._seal_file = seal
        self._lock = Lock()
        self._is_trusted = False
        # What SQLite found wrong while it was searched.
        self._doubt: str | None = None
        # Whether more than SQLite's word is known of it: only then may it be sealed.
        self._is_known = False
        self._tends = False
        self._looking: Thread | None = None
        self._looked_at = monotonic()

    def tend(self) -> None:
        """From now on look over and mend a large index in the background: now, and now and then.

        For processes that stay: they have something else to answer with meanwhile.
        """
        self._tends = True
        self._is_usable(waits=False)

    def search(
        self,
        asked: Standalone,
        *,
        readable: frozenset[int],
        k: int,
        revisions: frozenset[int] | None = None,
        waits: bool = True,
    ) -> list[Candidate] | None:
        """The best `k` passages of the readable collections that share a word with the question.

        Args:
            revisions: only passages of these; None for all.
            waits: for the index, while it is looked over or made again.

        Returns:
            Best first, equal scores by id. Scores are positive, larger is better, and comparable
            only within one search. None when that cannot be known yet and `waits` is false.
        """
        query = match_expression(asked)
        if not query or not readable:
            return []
        if not self._is_usable(waits=waits):
            return None
        try:
            return self._found(query, readable, k, revisions)
        except DatabaseError as error:
            if not _is_damage(error):
                raise
            with self._lock:
                self._is_trusted, self._doubt = False, str(error.orig)
        if not self._is_usable(waits=waits):
            return None
        return self._found(query, readable, k, revisions)

    def carried(self, names: Sequence[str], passage_ids: Sequence[int]) -> dict[int, Carried]:
        """What the documents of these passages carry of names, by passage.

        Empty without names, and while the index may not be asked.
        """
        if not names or not passage_ids or not self._is_usable(waits=False):
            return {}
        try:
            with self._engine.begin() as sql:
                return _carried(sql, names, passage_ids)
        except DatabaseError as error:
            if not _is_damage(error):
                raise
            with self._lock:
                self._is_trusted, self._doubt = False, str(error.orig)
            return {}

    def look_over(self) -> None:
        """Make sure that the index is sound, once: an unsound one is reported and made again.

        An index that changed since it was sealed, as a killed process leaves it, is compared with
        the passages, unless it is large and this process will not stay: then what SQLite itself
        notices must do.
        """
        with self._lock:
            if self._is_trusted:
                return
            if problem := self._doubt or self._unsound():
                _logger.warning("%s (rebuilt from the passages now)", self._torn(problem))
                self._rebuild()
                self._is_known = True
            self._is_trusted, self._doubt = True, None
        self.seal()

    def seal(self) -> None:
        """Remember what the index is, if it is sound as far as is known and has changed."""
        if self._seal_file is None or not (self._is_trusted and self._is_known):
            return
        kept = read_seal(self._seal_file)
        try:
            with self._engine.begin() as sql:
                if kept is None or kept.change != change_of(sql):
                    write_seal(self._seal_file, seal_of(sql))
        except (DatabaseError, OSError) as error:
            # The next process compares it with the passages then.
            _logger.warning("the full-text index is left without a seal: %s", error)

    def problem(self) -> str | None:
        """What is wrong with the index, compared with every passage; None if nothing."""
        try:
            if self._is_as_sealed() is False:
                return str(self._torn(_OTHER))
            with self._engine.begin() as sql:
                if lost := lost_pages(sql):
                    return str(self._torn(f"{lost} of its pages cannot be found"))
            with writing(self._engine) as sql:
                # rank 1: compare with the content table too, not only with itself
                sql.execute(
                    text(
                        "INSERT INTO passages_lexical(passages_lexical, rank) "
                        "VALUES ('integrity-check', 1)"
                    )
                )
        except DatabaseError as error:
            return str(self._torn(f"it does not match the passages ({error.orig})"))
        return None

    def rebuild(self) -> None:
        """Make the index again from the passages."""
        with self._lock:
            self._rebuild()
            self._is_trusted = self._is_known = True
            self._doubt = None
        self.seal()

    def _is_usable(self, *, waits: bool) -> bool:
        """Whether a search may begin now: what is noticed while it runs holds for the next."""
        if not self._is_trusted:
            if not waits and self._tends and not self._is_small():
                self._in_background(self.look_over)
                return False
            self.look_over()
        elif self._tends and monotonic() - self._looked_at > _LOOK_AGAIN_SECONDS:
            self._in_background(self._look_again)
        return True

    def _look_again(self) -> None:
        """Notice what was damaged since this process began, and SQLite has not seen."""
        self._looked_at = monotonic()
        try:
            doubt = _OTHER if self._is_as_sealed() is False else None
        except DatabaseError as error:
            doubt = str(error.orig)
        if doubt is None:
            self.seal()
            return
        with self._lock:
            self._is_trusted, self._doubt = False, doubt
        self.look_over()

    def _in_background(self, look: Callable[[], None]) -> None:
        def try_to() -> None:
            try:
                look()
            except Exception:
                # Searches go on without words, and the next one tries again.
                _logger.exception("the full-text index could not be looked over")

        if self._looking is None or not self._looking.is_alive():
            self._looking = Thread(target=try_to, daemon=True)
            self._looking.start()

    def _is_small(self) -> bool:
        with self._engine.begin() as sql:
            last = sql.execute(select(func.max(passages.c.id))).scalar()
        return (last or 0) <= _AT_ONCE

    def _unsound(self) -> str | None:
        """What is wrong with the index that is there, as far as it is worth knowing now."""
        try:
            as_sealed = self._is_as_sealed()
        except DatabaseError as error:
            return str(error.orig)
        if as_sealed is False:
            return _OTHER
        if as_sealed is None and not (self._tends or self._is_small()):
            return None
        self._is_known = True
        return None if as_sealed else self.problem()

    def _is_as_sealed(self) -> bool | None:
        """None: it was not sealed, or has been written to since."""
        kept = read_seal(self._seal_file) if self._seal_file else None
        if kept is None:
            return None
        with self._engine.begin() as sql:
            if kept.change != change_of(sql):
                return None
            return kept == seal_of(sql)

    def _torn(self, reason: str) -> ProjectionTorn:
        return ProjectionTorn(Path("passages_lexical"), reason)

    def _rebuild(self) -> None:
        if self._seal_file is not None:
            self._seal_file.unlink(missing_ok=True)
        try:
            with writing(self._engine) as sql:
                sql.execute(_REBUILD)
        except DatabaseError as error:
            if not _is_damage(error):
                raise
            # So damaged that FTS5 will not even open it.
            with writing(self._engine) as sql:
                _empty(sql)
            self._engine.dispose()  # connections keep what they have read of it
            with writing(self._engine) as sql:
                sql.execute(_REBUILD)

    def _found(
        self, query: str, readable: frozenset[int], k: int, revisions: frozenset[int] | None
    ) -> list[Candidate]:
        values: dict[str, Any] = {"query": query, "k": k, **_WEIGHTS}
        with self._engine.begin() as sql:
            statement = _SEARCH
            if revisions is not None or len(readable) > _MOST_SCOPES:
                statement = _SEARCH_AMONG
                values["readable"] = sorted(readable)
                values["revisions"] = None if revisions is None else json.dumps(sorted(revisions))
            elif not readable.issuperset(sql.execute(select(collections.c.id)).scalars()):
                values["query"] = scoped(query, readable)
            return [Candidate(row.id, -row.distance) for row in sql.execute(statement, values)]


def _carried(
    sql: Connection, names: Sequence[str], passage_ids: Sequence[int]
) -> dict[int, Carried]:
    found = sql.execute(_OWNERS, {"ids": json.dumps(list(passage_ids))}).all()
    titles = {row.revision_id: f"{row.name}\n{row.title}" for row in found}
    leading = {
        revision: {name for name in names if is_in(name, title)}
        for revision, title in titles.items()
    }
    mentioned: dict[int, set[str]] = {revision: set() for revision in titles}
    revisions = json.dumps(sorted(titles))
    if NEWEST in names:
        for revision in newest({row.revision_id: row.name for row in found}):
            leading[revision].add(NEWEST)
    for name in set(names) - {NEWEST}:
        quoted = '"' + name.replace('"', '""') + '"'
        values = {"query": f"{{context text}} : {quoted}", "revisions": revisions}
        for most, found_in in ((_LEADING, leading), (_ANYWHERE, mentioned)):
            for revision in sql.execute(_CARRIERS, {**values, "most": most}).scalars():
                found_in[revision].add(name)
    of_revisions = carried(leading, mentioned)
    return {row.passage_id: of_revisions[row.revision_id] for row in found}


def _empty(sql: Connection) -> None:
    """Have the index's tables hold what those of a new one hold."""
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.execute("CREATE VIRTUAL TABLE passages_lexical USING fts5(x)")
        for name, columns in INDEX_TABLES.items():
            shadow = table(name, *map(column, columns))
            rows = fresh.execute(str(select(shadow))).fetchall()
            sql.execute(delete(shadow))
            if rows:
                sql.execute(insert(shadow), [dict(zip(columns, row, strict=True)) for row in rows])


def _is_damage(error: DatabaseError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_CORRUPT or "fts5 file format" in str(error.orig)
