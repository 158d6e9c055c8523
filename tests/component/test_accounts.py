"""Passwords, sessions and API keys in a real SQLite database."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from app.accounts import Accounts
from app.errors import LogInRefused, NotAUser, PasswordUnusable, TooManyAttempts, UnknownKey
from app.passwords import generate_password
from app.schema import metadata
from retrieval.access import AccessList
from retrieval.database import open_database
from retrieval.schema import principals

PASSWORD = "correct horse"
# As slow as hashing can be made fast: what is slow about it is not under test.
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2025, 3, 1, 12, 0, 0)  # noqa: DTZ001 - naive UTC, as in SQL

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **how_far: float) -> None:
        self.now += timedelta(**how_far)


@pytest.fixture
def engine(tmp_path):
    engine = open_database(tmp_path / "assay.db")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def access(engine):
    return AccessList(engine)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def accounts(engine, access, clock):
    return Accounts(engine, now=clock, hasher=QUICK)


@pytest.fixture
def ada(access, accounts):
    ada = access.add_user("ada")
    accounts.set_password(ada, PASSWORD)
    return ada


def test_the_right_password_begins_a_session_of_that_user(accounts, ada):
    token = accounts.log_in("ada", PASSWORD)

    assert accounts.session(token) == ada
    assert accounts.session(token + "x") is None


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong horse"),
        ("ada", ""),
        ("nobody", PASSWORD),
        ("", ""),
        ("Ada", PASSWORD),
        ("ada", PASSWORD + " "),
        ("ada' OR '1'='1", PASSWORD),
        ("ada", "x" * 5000),
        ("a" * 5000, PASSWORD),
    ],
)
def test_every_other_pair_is_refused_in_the_same_words(accounts, ada, name, password):
    with pytest.raises(LogInRefused, match=r"^the name or the password is wrong"):
        accounts.log_in(name, password)


def test_a_user_without_a_password_cannot_log_in(accounts, access):
    access.add_user("bob")

    for password in ["", PASSWORD]:
        with pytest.raises(LogInRefused):
            accounts.log_in("bob", password)


def test_a_group_has_neither_password_nor_keys(accounts, access):
    staff = access.add_group("staff")

    with pytest.raises(NotAUser, match="'staff' is not a user"):
        accounts.set_password(staff, PASSWORD)
    with pytest.raises(NotAUser):
        accounts.keys.create(staff, "script")


@pytest.mark.parametrize("length", [0, 7, 1025])
def test_a_password_of_unusable_length_is_refused_with_the_limits(accounts, access, length):
    bob = access.add_user("bob")

    with pytest.raises(PasswordUnusable, match=f"has {length} characters; choose one with 8 to 10"):
        accounts.set_password(bob, "x" * length)


@pytest.mark.parametrize("length", [8, 1024])
def test_the_shortest_and_the_longest_password_work(accounts, access, length):
    accounts.set_password(access.add_user("bob"), "x" * length)

    assert accounts.log_in("bob", "x" * length)


def test_a_password_is_the_same_however_the_keyboard_composes_it(accounts, access):
    accounts.set_password(access.add_user("bob"), "caf\u00e9-cr\u00e8me")

    assert accounts.log_in("bob", "cafe\u0301-cre\u0300me")


def test_passwords_are_hashed_with_argon2id_unless_told_otherwise(engine, access):
    accounts = Accounts(engine)
    accounts.set_password(access.add_user("bob"), PASSWORD)

    assert accounts.log_in("bob", PASSWORD)
    with engine.connect() as sql:
        kept = sql.execute(text("SELECT password_hash FROM credentials")).scalar_one()
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_nothing_secret_is_kept_as_it_is(engine, accounts, ada):
    token = accounts.log_in("ada", PASSWORD)
    key = accounts.keys.create(ada, "script")

    with engine.connect() as sql:
        rows = [
            str(tuple(row))
            for table in ["credentials", "sessions", "api_keys"]
            for row in sql.execute(text(f"SELECT * FROM {table}"))
        ]
    assert len(rows) == 3
    for secret in [PASSWORD, token, key, key.removeprefix("assay_")]:
        assert not any(secret in row for row in rows)


def test_five_failures_within_a_minute_make_a_name_wait_even_with_the_right_password(
    accounts, ada, clock
):
    for _ in range(5):
        with pytest.raises(LogInRefused):
            accounts.log_in("ada", "wrong horse")
        clock.forward(seconds=5)

    with pytest.raises(TooManyAttempts, match=r"5 attempts .* have failed; wait 55 seconds"):
        accounts.log_in("ada", PASSWORD)
    clock.forward(seconds=54)
    with pytest.raises(TooManyAttempts, match="wait 1 seconds"):
        accounts.log_in("ada", PASSWORD)
    clock.forward(seconds=1)
    assert accounts.log_in("ada", PASSWORD)


def test_an_unknown_name_must_wait_like_a_known_one(accounts, ada):
    for _ in range(5):
        with pytest.raises(LogInRefused):
            accounts.log_in("nobody", PASSWORD)

    with pytest.raises(TooManyAttempts):
        accounts.log_in("nobody", PASSWORD)
    assert accounts.log_in("ada", PASSWORD)


def test_failures_over_a_longer_time_are_forgiven(accounts, ada, clock):
    for _ in range(12):
        with pytest.raises(LogInRefused):
            accounts.log_in("ada", "wrong horse")
        clock.forward(seconds=16)


def test_success_forgets_the_failures_before_it(accounts, ada):
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(LogInRefused):
                accounts.log_in("ada", "wrong horse")
        accounts.log_in("ada", PASSWORD)


def test_guesses_sent_all_at_once_get_no_further_than_five(accounts, ada):
    def guess(number: int) -> type[Exception] | None:
        try:
            accounts.log_in("ada", f"wrong horse {number}")
        except (LogInRefused, TooManyAttempts) as error:
            return type(error)
        return None

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(guess, range(16)))

    assert outcomes.count(LogInRefused) == 5
    assert outcomes.count(TooManyAttempts) == 11


def test_a_session_ends_twelve_hours_after_it_was_last_used(accounts, ada, clock):
    token = accounts.log_in("ada", PASSWORD)

    for _ in range(3):
        clock.forward(hours=11)
        assert accounts.session(token) == ada
    clock.forward(hours=12)
    assert accounts.session(token) is None


def test_a_session_ends_seven_days_after_it_began_however_much_it_is_used(accounts, ada, clock):
    token = accounts.log_in("ada", PASSWORD)

    for _ in range(7 * 4 - 1):
        clock.forward(hours=6)
        assert accounts.session(token) == ada
    clock.forward(hours=6)
    assert accounts.session(token) is None


def test_sessions_that_ended_are_swept_away_at_the_next_log_in(engine, accounts, ada, clock):
    accounts.log_in("ada", PASSWORD)
    clock.forward(days=8)
    accounts.log_in("ada", PASSWORD)

    with engine.connect() as sql:
        assert sql.execute(text("SELECT count(*) FROM sessions")).scalar() == 1


def test_logging_out_ends_that_session_and_no_other(accounts, ada):
    here, there = accounts.log_in("ada", PASSWORD), accounts.log_in("ada", PASSWORD)

    accounts.log_out(here)
    accounts.log_out(here)

    assert accounts.session(here) is None
    assert accounts.session(there) == ada


def test_a_new_password_ends_every_session_of_that_user_only(accounts, access, ada):
    bob = access.add_user("bob")
    accounts.set_password(bob, PASSWORD)
    old = [accounts.log_in("ada", PASSWORD), accounts.log_in("ada", PASSWORD)]
    bobs = accounts.log_in("bob", PASSWORD)

    accounts.set_password(ada, "battery staple")

    assert [accounts.session(token) for token in old] == [None, None]
    assert accounts.session(bobs) == bob
    with pytest.raises(LogInRefused):
        accounts.log_in("ada", PASSWORD)
    assert accounts.log_in("ada", "battery staple")


def test_a_session_knows_the_user_as_it_is_now(engine, accounts, ada):
    token, key = accounts.log_in("ada", PASSWORD), accounts.keys.create(ada, "script")
    with engine.begin() as sql:
        sql.execute(principals.update().values(is_administrator=1))

    assert accounts.session(token).is_administrator
    assert accounts.keys.holder(key).principal.is_administrator


def test_sessions_and_keys_go_with_their_user(engine, accounts, ada):
    token, key = accounts.log_in("ada", PASSWORD), accounts.keys.create(ada, "script")
    with engine.begin() as sql:
        sql.execute(principals.delete())

    assert accounts.session(token) is None
    assert accounts.keys.holder(key) is None


def test_a_key_speaks_for_its_user_until_it_is_revoked(accounts, ada, clock):
    key = accounts.keys.create(ada, "nightly report")
    (listed,) = accounts.keys.all(ada)

    assert key.startswith("assay_")
    assert len(key) > 40
    assert accounts.keys.holder(key).principal == ada
    assert key.startswith(listed.prefix)
    assert len(listed.prefix) == 12
    assert (listed.name, listed.owner, listed.last_used_at) == ("nightly report", "ada", None)

    accounts.keys.revoke(listed.id)
    clock.forward(hours=1)
    accounts.keys.revoke(listed.id)

    assert accounts.keys.holder(key) is None
    (revoked,) = accounts.keys.all()
    assert revoked.revoked_at == clock.now - timedelta(hours=1)
    assert revoked.last_used_at == clock.now - timedelta(hours=1)


def test_only_ones_own_keys_are_listed_when_a_user_is_given(accounts, access, ada):
    bob = access.add_user("bob")
    accounts.keys.create(ada, "a")
    accounts.keys.create(bob, "b")

    assert [key.name for key in accounts.keys.all(bob)] == ["b"]
    assert [key.name for key in accounts.keys.all()] == ["a", "b"]


@pytest.mark.parametrize("key", ["", "assay_", "assay_" + "x" * 43, "' OR 1=1 --"])
def test_a_guessed_key_speaks_for_nobody(accounts, ada, key):
    accounts.keys.create(ada, "script")

    assert accounts.keys.holder(key) is None


def test_revoking_a_key_that_is_not_there_says_so(accounts):
    with pytest.raises(UnknownKey, match="no API key number 7"):
        accounts.keys.revoke(7)


def test_a_generated_password_can_be_read_and_used(accounts, access):
    password = generate_password()
    accounts.set_password(access.add_user("bob"), password)

    assert re.fullmatch(r"([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}", password)
    assert password != generate_password()
    assert accounts.log_in("bob", password)
