"""Who of ours the people of providers are: tied by issuer and subject, never by name or e-mail."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, insert, select, update

from app.errors import ParameterRefused
from app.keys import require_user
from app.schema import identities
from retrieval.database import writing
from retrieval.schema import principals
from retrieval.types import Principal

LONGEST = 255


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody at a provider. Times are naive UTC; `last_login_at` is None before the first."""

    issuer: str
    subject: str
    created_at: datetime
    last_login_at: datetime | None


class Identities:
    """Ties accounts to people of providers. One of these has one account; an account may have
    several.
    """

    def __init__(self, engine: Engine, *, now: Callable[[], datetime] | None = None) -> None:
        self._engine = engine
        self._now = now or (lambda: datetime.now(UTC).replace(tzinfo=None))

    def owner(self, issuer: str, subject: str) -> Principal | None:
        """Whose account it is, disabled ones too; None when it is tied to none."""
        query = (
            select(principals)
            .join(identities, identities.c.principal_id == principals.c.id)
            .where(identities.c.issuer == issuer)
            .where(identities.c.subject == subject)
        )
        with self._engine.begin() as sql:
            row = sql.execute(query).one_or_none()
        return None if row is None else Principal(row.id, row.name, bool(row.is_administrator))

    def of(self, principal: Principal) -> list[Identity]:
        """What an account is tied to, in the order it was."""
        query = select(identities).where(identities.c.principal_id == principal.id)
        with self._engine.begin() as sql:
            return [
                Identity(row.issuer, row.subject, row.created_at, row.last_login_at)
                for row in sql.execute(query.order_by(identities.c.id))
            ]

    def tie(self, principal: Principal, issuer: str, subject: str) -> None:
        """Have somebody at a provider be this user here. Nothing to do twice.

        Raises:
            NotAUser: the principal is a group.
            ParameterRefused: the subject is empty or too long, or another account's.
        """
        if not 0 < len(subject) <= LONGEST or not subject.isprintable():
            raise ParameterRefused(
                "subject", f"a subject has 1 to {LONGEST} characters that can be seen", status=422
            )
        known = (
            select(identities.c.principal_id)
            .where(identities.c.issuer == issuer)
            .where(identities.c.subject == subject)
        )
        with writing(self._engine) as sql:
            require_user(sql, principal)
            tied_to = sql.execute(known).scalar()
            if tied_to == principal.id:
                return
            if tied_to is not None:
                raise ParameterRefused(
                    "subject",
                    f"the subject {subject!r} is tied to another account (number {tied_to}); "
                    "untie that one first",
                    status=409,
                )
            sql.execute(
                insert(identities).values(
                    principal_id=principal.id,
                    issuer=issuer,
                    subject=subject,
                    created_at=self._now(),
                )
            )

    def untie(self, principal: Principal) -> int:
        """Tie an account to nobody any more. Returns how many it was tied to."""
        with writing(self._engine) as sql:
            gone = delete(identities).where(identities.c.principal_id == principal.id)
            return sql.execute(gone).rowcount

    def seen(self, issuer: str, subject: str) -> None:
        """Note that somebody has logged in."""
        with writing(self._engine) as sql:
            sql.execute(
                update(identities)
                .where(identities.c.issuer == issuer)
                .where(identities.c.subject == subject)
                .values(last_login_at=self._now())
            )
