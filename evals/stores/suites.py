"""Suites, their versions, and cases that wait for review."""

from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from evals.errors import DocumentGone, UnknownSuite
from evals.schema import (
    eval_cases,
    eval_evidence,
    eval_members,
    eval_proposals,
    eval_runs,
    eval_suites,
    eval_versions,
)
from evals.stores.versions import gone_of, utc_now, version_of
from evals.types import (
    Case,
    SuiteVersion,
    digest_of,
)
from retrieval.database import writing

_CASE: TypeAdapter[Case] = TypeAdapter(Case)


class Proposal(NamedTuple):
    """A case that waits for somebody to accept it into a suite."""

    id: int
    suite: str
    case: Case
    document_id: int | None


class SuiteStore:
    """Suites are never changed: other cases are another version."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put_suite(
        self,
        name: str,
        cases: Sequence[Case],
        *,
        note: str = "",
        written_from: Mapping[str, int] | None = None,
    ) -> SuiteVersion:
        """Make these cases the newest version of a suite; nothing new when they are that already.

        Args:
            written_from: case key -> id of the document whose words the case holds, for cases that
                must go with it. What the version before knows of a key is known of it now.

        Raises:
            ValueError: two cases have the same key, or there are none.
        """
        if not cases:
            raise ValueError(f"suite {name!r} has no cases; a run of nothing says nothing")
        keys = [case.key for case in cases]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"two cases of suite {name!r} have the key {twice!r}")
        digest = digest_of([case.digest for case in cases])
        with writing(self._engine) as sql:
            suite_id = _ensure_suite(sql, name)
            newest = _newest_version(sql, suite_id)
            if newest is not None and newest.digest == digest:
                same = version_of(sql, newest.id)
                if same.cases == len(cases):  # else some went with their documents
                    return same
            kept = {} if newest is None else {c.key: of for c, of in _members(sql, newest.id)}
            origins = {**kept, **(written_from or {})}
            return self._new_version(
                sql, suite_id, newest, digest, note, [(c, origins.get(c.key)) for c in cases]
            )

    def add_case(
        self, suite: str, case: Case, *, note: str = "", document_id: int | None = None
    ) -> SuiteVersion:
        """Add a case to a suite, making the suite if need be; one of the same key is replaced."""
        with writing(self._engine) as sql:
            return self._added(sql, suite, case, note, document_id)

    def _added(
        self, sql: Connection, suite: str, case: Case, note: str, document_id: int | None
    ) -> SuiteVersion:
        suite_id = _ensure_suite(sql, suite)
        newest = _newest_version(sql, suite_id)
        by_key = {} if newest is None else {c.key: (c, of) for c, of in _members(sql, newest.id)}
        if newest is not None and by_key.get(case.key, (None,))[0] == case:
            return version_of(sql, newest.id)
        by_key[case.key] = (case, document_id)
        digest = digest_of([one.digest for one, _ in by_key.values()])
        return self._new_version(sql, suite_id, newest, digest, note, list(by_key.values()))

    def _new_version(
        self,
        sql: Connection,
        suite_id: int,
        newest: Row[Any] | None,
        digest: str,
        note: str,
        cases: Sequence[tuple[Case, int | None]],
    ) -> SuiteVersion:
        number = 1 if newest is None else newest.number + 1
        row = {"suite_id": suite_id, "number": number, "digest": digest, "note": note}
        made = (
            insert(eval_versions).values(**row, created_at=utc_now()).returning(eval_versions.c.id)
        )
        version_id = sql.execute(made).scalar_one()
        case_ids = _ensure_cases(sql, cases)
        members = [
            {"version_id": version_id, "position": position, "case_id": case_id}
            for position, case_id in enumerate(case_ids)
        ]
        sql.execute(insert(eval_members), members)
        return version_of(sql, version_id)

    def suites(self) -> list[SuiteVersion]:
        """The newest version of every suite, by name."""
        with self._engine.begin() as sql:
            newest = (
                select(func.max(eval_versions.c.id))
                .join(eval_suites, eval_suites.c.id == eval_versions.c.suite_id)
                .group_by(eval_suites.c.id)
                .order_by(eval_suites.c.name)
            )
            return [version_of(sql, version_id) for version_id in sql.execute(newest).scalars()]

    def suite(self, name: str, *, number: int | None = None) -> SuiteVersion:
        """A suite's newest version, or that `number`.

        Raises:
            UnknownSuite: there is none of this name, or no such version.
        """
        with self._engine.begin() as sql:
            query = (
                select(eval_versions.c.id)
                .join(eval_suites, eval_suites.c.id == eval_versions.c.suite_id)
                .where(eval_suites.c.name == name)
                .order_by(eval_versions.c.number.desc())
            )
            if number is not None:
                query = query.where(eval_versions.c.number == number)
            found = sql.execute(query.limit(1)).scalar()
            if found is None:
                names = list(sql.execute(select(eval_suites.c.name)).scalars())
                raise UnknownSuite(name, number, names)
            return version_of(sql, found)

    def cases(self, version: SuiteVersion) -> list[Case]:
        """The cases of a version, in order; without those whose document has been deleted."""
        with self._engine.begin() as sql:
            return [case for case, _ in _members(sql, version.id)]

    def remove_suite(self, name: str) -> bool:
        """Delete a suite with its versions, runs and results. False when there was none."""
        with writing(self._engine) as sql:
            version_ids = (
                select(eval_versions.c.id)
                .join(eval_suites, eval_suites.c.id == eval_versions.c.suite_id)
                .where(eval_suites.c.name == name)
            )
            run_ids = select(eval_runs.c.id).where(eval_runs.c.version_id.in_(version_ids))
            sql.execute(delete(eval_evidence).where(eval_evidence.c.run_id.in_(run_ids)))
            sql.execute(delete(eval_proposals).where(eval_proposals.c.suite == name))
            gone = sql.execute(delete(eval_suites).where(eval_suites.c.name == name)).rowcount
            used = select(eval_members.c.case_id)
            sql.execute(delete(eval_cases).where(eval_cases.c.id.not_in(used)))
        return bool(gone)

    # Proposals

    def propose(self, suite: str, cases: Sequence[tuple[Case, int | None]]) -> int:
        """Keep cases for review, each with the document it was written from. Returns how many.

        One whose key is proposed for this suite already is not proposed again, and neither is one
        whose document has been deleted meanwhile.
        """
        with writing(self._engine) as sql:
            gone = gone_of(sql, {of for _, of in cases if of is not None})
            rows = sql.execute(select(eval_proposals).where(eval_proposals.c.suite == suite)).all()
            known = {_CASE.validate_json(row.body).key for row in rows}
            added = 0
            for case, document_id in cases:
                if case.key in known or document_id in gone:
                    continue
                known.add(case.key)
                body = _CASE.dump_json(case).decode()
                row = {"suite": suite, "body": body, "document_id": document_id}
                sql.execute(insert(eval_proposals).values(**row, created_at=utc_now()))
                added += 1
            return added

    def proposals(self, suite: str | None = None, *, limit: int = 50) -> list[Proposal]:
        """Cases that wait for review, oldest first."""
        query = select(eval_proposals).order_by(eval_proposals.c.id).limit(limit)
        if suite is not None:
            query = query.where(eval_proposals.c.suite == suite)
        with self._engine.begin() as sql:
            return [_proposal(row) for row in sql.execute(query)]

    def proposal(self, proposal_id: int) -> Proposal | None:
        """A case that waits for review; None when it does not any more."""
        query = select(eval_proposals).where(eval_proposals.c.id == proposal_id)
        with self._engine.begin() as sql:
            row = sql.execute(query).one_or_none()
            return None if row is None else _proposal(row)

    def proposal_counts(self) -> dict[str, int]:
        """Suite -> how many cases wait for review."""
        waiting = func.count().label("waiting")
        query = select(eval_proposals.c.suite, waiting).group_by(eval_proposals.c.suite)
        with self._engine.begin() as sql:
            return {row.suite: row.waiting for row in sql.execute(query)}

    def settle(self, proposal_id: int, accepted: Case | None) -> SuiteVersion | None:
        """Take a proposal out of review: into its suite as `accepted` (perhaps edited), or out.

        Returns:
            The suite's new version; None when it was dropped, or somebody else settled it.
        """
        with writing(self._engine) as sql:
            gone = (
                delete(eval_proposals)
                .where(eval_proposals.c.id == proposal_id)
                .returning(eval_proposals.c.suite, eval_proposals.c.document_id)
            )
            row = sql.execute(gone).one_or_none()
            if row is None or accepted is None:
                return None
            return self._added(sql, row.suite, accepted, "", row.document_id)


def _ensure_suite(sql: Connection, name: str) -> int:
    known = sql.execute(select(eval_suites.c.id).where(eval_suites.c.name == name)).scalar()
    if known is not None:
        return int(known)
    made = insert(eval_suites).values(name=name, created_at=utc_now()).returning(eval_suites.c.id)
    return int(sql.execute(made).scalar_one())


def _newest_version(sql: Connection, suite_id: int) -> Row[Any] | None:
    query = (
        select(eval_versions)
        .where(eval_versions.c.suite_id == suite_id)
        .order_by(eval_versions.c.number.desc())
        .limit(1)
    )
    return sql.execute(query).one_or_none()


def _ensure_cases(sql: Connection, cases: Sequence[tuple[Case, int | None]]) -> list[int]:
    """The rows of cases, made where there are none.

    Raises:
        DocumentGone: the document a case was written from has been deleted.
    """
    _refuse_gone(sql, {document_id for _, document_id in cases if document_id is not None})
    rows = sql.execute(select(eval_cases.c.digest, eval_cases.c.id, eval_cases.c.document_id))
    known = {row.digest: row for row in rows}
    found = []
    for case, document_id in cases:
        row = known.get(case.digest)
        if row is None:
            body = _CASE.dump_json(case).decode()
            values = {"digest": case.digest, "body": body, "document_id": document_id}
            made = insert(eval_cases).values(**values).returning(eval_cases.c.id)
            found.append(int(sql.execute(made).scalar_one()))
            continue
        if row.document_id is None and document_id is not None:
            # Stored before anybody knew whose words it holds.
            here = eval_cases.c.id == row.id
            sql.execute(update(eval_cases).where(here).values(document_id=document_id))
        found.append(int(row.id))
    return found


def _refuse_gone(sql: Connection, document_ids: Set[int]) -> None:
    gone = gone_of(sql, document_ids)
    if gone:
        raise DocumentGone(min(gone))


def _members(sql: Connection, version_id: int) -> list[tuple[Case, int | None]]:
    query = (
        select(eval_cases.c.body, eval_cases.c.document_id)
        .join(eval_members, eval_members.c.case_id == eval_cases.c.id)
        .where(eval_members.c.version_id == version_id)
        .order_by(eval_members.c.position)
    )
    return [(_CASE.validate_json(row.body), row.document_id) for row in sql.execute(query)]


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(row.id, row.suite, _CASE.validate_json(row.body), row.document_id)
