"""Guessing passwords: what it costs a guesser, and what it must not cost anybody else."""

import pytest

from app import throttle
from app.accounts import Accounts
from app.errors import LogInRefused, TooManyAttempts
from app.throttle import Caller, network_of
from tests.component.test_accounts import PASSWORD, QUICK, access, accounts, ada, clock, engine

__all__ = ["access", "accounts", "ada", "clock", "engine"]
STRANGER, HOME = Caller("203.0.113.9"), Caller("198.51.100.7")


def fail(accounts, name: str, caller: Caller, times: int) -> None:
    for _ in range(times):
        with pytest.raises(LogInRefused):
            accounts.log_in(name, "wrong horse", caller=caller)


def test_another_process_and_a_restart_forget_nothing(accounts, engine, ada, clock):
    fail(accounts, "ada", STRANGER, 3)
    other = Accounts(engine, now=clock, hasher=QUICK)
    fail(other, "ada", STRANGER, 2)
    for one in (accounts, other, Accounts(engine, now=clock, hasher=QUICK)):
        with pytest.raises(TooManyAttempts, match="5 attempts to log in with this name"):
            one.log_in("ada", PASSWORD, caller=STRANGER)


def test_a_guesser_elsewhere_keeps_nobody_out(accounts, ada):
    fail(accounts, "ada", STRANGER, 5)
    with pytest.raises(TooManyAttempts):
        accounts.log_in("ada", PASSWORD, caller=STRANGER)
    assert accounts.log_in("ada", PASSWORD, caller=HOME)


def test_not_even_with_a_thousand_addresses_where_the_browser_is_known(accounts, ada, clock):
    known = HOME._replace(browser="a browser of hers", knows=ada.id)
    for number in range(100):
        fail(accounts, "ada", Caller(f"203.0.113.{number}"), 1)
    with pytest.raises(TooManyAttempts, match="100 attempts"):
        accounts.log_in("ada", PASSWORD, caller=HOME)
    assert accounts.log_in("ada", PASSWORD, caller=known)
    # One a minute is left to the rest, and a browser is good for its own user only.
    clock.forward(seconds=61)
    assert accounts.log_in("ada", PASSWORD, caller=HOME)
    fail(accounts, "ada", known, 5)
    with pytest.raises(TooManyAttempts):
        accounts.log_in("ada", PASSWORD, caller=known)
    fail(accounts, "bob", known, 5)
    with pytest.raises(TooManyAttempts):
        accounts.log_in("bob", PASSWORD, caller=known)


def test_trying_many_names_from_one_network_is_slowed_down(accounts, ada, clock):
    for number in range(30):
        fail(accounts, f"name {number}", Caller(f"2001:db8::{number:x}"), 1)
        if number % 10 == 5:  # an account of one's own does not wipe the slate
            accounts.log_in("ada", PASSWORD, caller=Caller("2001:db8::1"))
    with pytest.raises(TooManyAttempts, match="30 attempts to log in from your network"):
        accounts.log_in("another name", "wrong horse", caller=Caller("2001:db8::ffff"))
    assert accounts.log_in("ada", PASSWORD, caller=Caller("2001:db8:0:1::1"))
    clock.forward(minutes=1)
    fail(accounts, "another name", Caller("2001:db8::ffff"), 1)
    with pytest.raises(TooManyAttempts):
        accounts.log_in("ada", PASSWORD, caller=Caller("2001:db8::1"))
    clock.forward(minutes=10)
    assert accounts.log_in("ada", PASSWORD, caller=Caller("2001:db8::1"))


def test_guesses_at_the_door_keep_nobody_from_changing_the_password(accounts, ada):
    fail(accounts, "ada", Caller(), 5)
    accounts.change_password(ada, PASSWORD, "another horse")


def test_the_table_is_bounded_and_names_nobody(accounts, engine, ada, clock, monkeypatch):
    monkeypatch.setattr(throttle, "_MOST_ROWS", 30)
    for number in range(20):
        fail(accounts, f"my password {number}", Caller(f"192.0.2.{number}"), 1)

    def rows() -> list[tuple]:
        with engine.begin() as sql:
            return sql.exec_driver_sql("SELECT * FROM login_attempts").all()

    assert len(rows()) <= 33
    assert "password" not in str(rows()) and "192.0.2" not in str(rows())
    clock.forward(minutes=61)
    accounts.log_in("ada", PASSWORD)
    assert rows() == []


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:0:7:1:2:3:4", "2001:db8:0:7::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("testclient", ""),
        ("", ""),
    ],
)
def test_a_network_is_what_one_subscriber_has(address, network):
    assert network_of(address) == network
