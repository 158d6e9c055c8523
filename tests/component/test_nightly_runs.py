"""What comes of a tick is told and kept; the commands; and what is counted of live answers."""

import json
import re
import signal
import socket
import threading
from contextlib import closing
from datetime import timedelta

import click
import pytest

from app.cli.evals.schedule import schedule as schedule_command
from app.cli.terminal import Terminal
from app.delivery.deliver import Carriers
from app.delivery.mail import MailServer
from app.delivery.webhook import Webhook
from app.errors import RunInUse
from app.live_counts import LiveCounter
from app.nightly.scheduled_run import ScheduledRuns
from app.nightly.worker import (
    utc_now,
)
from evals.errors import EvalsError
from evals.schedule_store import ScheduleStore
from evals.schedules import Delivery, TickOutcome, due_tick
from evals.types import RunState
from generation.types import Verdict
from retrieval.errors import RetrievalError
from tests.component.library import bytes_under
from tests.component.nights import (
    PASSED,
    PATIENCE_SECONDS,
    opened,
    run,
    scheduled,
    with_leases,
)


@pytest.fixture
def assay(tmp_path):
    with closing(with_leases(tmp_path / "home")) as opened:
        yield opened


# --- The run --------------------------------------------------------------------------------


def outcome_of(assay, now="2026-01-02T12:00") -> TickOutcome:
    runs = ScheduledRuns(assay)
    [ran] = run(assay, runs.work, now, cases_done=runs.cases_done).ran
    return ran.outcome


def test_a_tick_runs_its_suite_with_its_options(assay):
    scheduled(assay, options={"limit": 2, "seed": 5})
    assert outcome_of(assay) == PASSED
    [made] = assay.evals.runs()
    assert (made.state, made.origin, made.cases, made.pins["seed"]) == (
        RunState.FINISHED, "schedule", 2, 5,
    )  # fmt: skip
    [tick] = [one for one in assay.schedules.ticks("nightly") if one.run_id]
    assert tick.run_id == made.id


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


def killed_after(assay, cases: int) -> None:
    def die(progress):
        if progress.done == cases:
            raise Killed

    with pytest.raises(Killed):
        run(assay, ScheduledRuns(assay, on_progress=die).work)


def test_a_run_that_was_killed_is_gone_on_with(assay):
    scheduled(assay)
    killed_after(assay, 1)
    assert outcome_of(assay) == PASSED
    [made] = assay.evals.runs()
    assert (made.done, made.state) == (3, RunState.FINISHED)


def test_a_run_that_had_ended_before_the_kill_is_not_made_again(assay, monkeypatch):
    scheduled(assay)
    with pytest.raises(Killed):
        monkeypatch.setattr(assay.schedules, "finish", _killing)
        run(assay, ScheduledRuns(assay).work)
    monkeypatch.undo()
    assert outcome_of(assay) == PASSED
    assert len(assay.evals.runs()) == 1


def _killing(*_: object, **__: object) -> None:
    raise Killed


STRICT = "baseline: none\nmetrics:\n  answered_share:\n    at_least: 1.0\n"


def test_a_gate_that_fails_fails_the_tick_and_says_which_rule(assay, tmp_path):
    folder = tmp_path / "reports"
    assay.settings = assay.settings.model_copy(update={"abstain_below": 0.99})
    scheduled(assay, policy=STRICT, deliveries=(Delivery("file", str(folder)),))
    outcome = outcome_of(assay)
    assert outcome.state == "failed"
    assert "answered_share at_least 1" in outcome.detail
    [numbers] = folder.glob("*.json")
    told = json.loads(numbers.read_text())
    assert (told["outcome"], told["run"], told["cases"]) == ("failed", 1, 3)
    passed = {rule["name"]: rule["passed"] for rule in told["gate"]}
    assert passed == {"failed failed_at_most": True, "answered_share at_least": False}
    assert told["metrics"]["answered_share"]["scored"] > 0
    [report] = folder.glob("*.html")
    assert "leases" in report.read_text()


def test_numbers_that_are_told_hold_no_words_of_documents_or_questions(assay, tmp_path):
    scheduled(assay, policy="", deliveries=(Delivery("file", str(tmp_path / "out")),))
    outcome_of(assay)
    [numbers] = (tmp_path / "out").glob("*.json")
    told = numbers.read_text()
    assert not any(word in told for word in ("pounds", "dragon", "lease.txt", "How much"))


def test_a_run_that_cannot_be_made_is_an_error_that_is_told_and_the_next_schedule_runs(assay):
    scheduled(assay, "a", options={"as_user": "nobody"})
    scheduled(assay, "b")
    runs = ScheduledRuns(assay)
    first, second = run(assay, runs.work).ran
    assert (first.tick.schedule, first.outcome.state) == ("a", "error")
    assert "nobody" in first.outcome.detail
    assert (second.tick.schedule, second.outcome) == ("b", PASSED)


def test_an_error_of_sql_is_kept_and_logged_without_what_was_to_be_stored(assay, caplog):
    with assay.database.begin() as sql:
        sql.exec_driver_sql(
            "CREATE TRIGGER no BEFORE INSERT ON eval_results BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    scheduled(assay)
    assert outcome_of(assay) == TickOutcome("error", "IntegrityError; the log says where")
    assert "INSERT" not in caplog.text
    assert "900 pounds" not in caplog.text
    assert "in add_result" in caplog.text


def test_the_words_of_an_error_that_nobody_foresaw_are_kept_nowhere(assay, monkeypatch, caplog):
    words = "the rent is 900 pounds"

    def fail(*_, **__):
        raise ValueError(words)

    monkeypatch.setattr("app.evaluation.running.evaluate", fail)
    scheduled(assay)
    assert outcome_of(assay) == TickOutcome("error", "ValueError; the log says where")
    assert words not in caplog.text
    assert "in fail" in caplog.text


def test_what_cannot_be_delivered_is_kept_with_the_outcome(assay):
    scheduled(assay, deliveries=(Delivery("webhook"),))
    outcome = outcome_of(assay)
    assert outcome.state == "passed"
    assert outcome.undelivered == ("no webhook is set up; set ASSAY_WEBHOOK_URL",)


def test_what_is_badly_set_up_is_kept_with_the_outcome_and_no_secret(tmp_path, assay):
    settings = {"webhook_url": "http://hooks.example.org/T0P-s3cret", "mail_host": "localhost"}
    badly = opened(assay.settings.home, **settings)
    scheduled(badly, deliveries=(Delivery("webhook"),))
    outcome = outcome_of(badly)
    badly.close()
    [failure] = outcome.undelivered
    assert "ASSAY_WEBHOOK_URL" in failure
    assert "s3cret" not in failure
    assert "s3cret" not in repr(badly.settings)


def test_a_setting_that_is_wrong_does_not_keep_results_from_a_folder(tmp_path, assay):
    badly = opened(assay.settings.home, webhook_url="https://a..b/T0P-s3cret")
    folder = tmp_path / "out"
    scheduled(badly, deliveries=(Delivery("webhook"), Delivery("file", str(folder))))
    outcome = outcome_of(badly)
    badly.close()
    [failure] = outcome.undelivered
    assert "ASSAY_WEBHOOK_URL" in failure
    assert "s3cret" not in failure
    assert len(list(folder.iterdir())) == 2


def test_a_server_that_repeats_what_it_is_sent_brings_no_secret_anywhere(
    assay, monkeypatch, caplog
):
    monkeypatch.setattr("app.delivery.deliver.WAITS", ())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/T0P-s3cret"
        thread = threading.Thread(target=_echo, args=(listener,))
        thread.start()
        wired = opened(assay.settings.home, webhook_url=url, webhook_allow_private=True)
        scheduled(wired, deliveries=(Delivery("webhook"),))
        outcome = outcome_of(wired)
        wired.close()
        thread.join()
    assert outcome.undelivered == ("webhook 127.0.0.1: BadStatusLine",)
    assert "s3cret" not in caplog.text
    assert b"T0P-s3cret" not in bytes_under(assay.settings.home)


def _echo(listener: socket.socket) -> None:
    client, _ = listener.accept()
    with client:
        client.sendall(client.recv(65_536))


def test_carriers_are_what_the_settings_name(assay):
    assert assay.carriers() == Carriers()
    settings = {
        "webhook_url": "https://hooks.example.org/x", "webhook_secret": "k",
        "mail_host": "mail.example.org", "mail_from": "assay@example.org", "mail_port": 465,
        "mail_tls": "tls", "mail_user": "u", "mail_password": "p",
    }  # fmt: skip
    wired = opened(assay.settings.home, **settings)
    assert wired.carriers() == Carriers(
        Webhook("https://hooks.example.org/x", b"k"),
        MailServer("mail.example.org", 465, "tls", "assay@example.org", "u", "p"),
    )
    wired.close()


def test_a_gate_compares_with_the_schedules_own_run_before(assay, tmp_path):
    policy = "metrics:\n  answered_share:\n    may_drop: 0.1\n"
    scheduled(assay, policy=policy)
    outcome_of(assay, "2026-01-02T12:00")
    version = assay.evals.suite("leases")
    by_hand = assay.evals.start_run(version, cases=3, origin="command", pins={})
    assay.evals.finish_run(by_hand.id, {}, state=RunState.FINISHED)
    compared = []

    class Watching(ScheduledRuns):
        def _gated(self, *given):
            report = super()._gated(*given)
            compared.append(report.baseline)
            return report

    runs = Watching(assay)
    run(assay, runs.work, "2026-01-03T12:00")
    [first, _, second] = sorted(one.id for one in assay.evals.runs())
    assert compared == [first]
    assert second != by_hand.id


@pytest.mark.parametrize("options", [{"probes_leaks": True}, {"policy": "leaks: 0\n"}])
def test_leaks_are_looked_for_after_the_run(assay, options):
    scheduled(assay, **options)
    before = assay.store.change_number()
    assert outcome_of(assay).state in {"passed", "failed"}
    [made] = assay.evals.runs()
    assert made.pins["change_number"] == before
    assert assay.store.change_number() > before  # canaries came and went


def test_a_run_that_somebody_makes_by_hand_counts_for_the_tick(assay, monkeypatch):
    scheduled(assay)
    version = assay.evals.suite("leases")
    by_hand = assay.evals.start_run(version, cases=3, origin="command", pins={})

    def taken(*_, **__):
        assay.evals.finish_run(by_hand.id, {}, state=RunState.FINISHED)
        raise RunInUse(by_hand.id, 2, 3)

    monkeypatch.setattr("app.evaluation.running.evaluate", taken)
    assert outcome_of(assay) == PASSED
    [tick] = [one for one in assay.schedules.ticks("nightly") if one.run_id]
    assert tick.run_id == by_hand.id


# --- The commands ---------------------------------------------------------------------------


@pytest.fixture
def command(assay, monkeypatch, capsys):
    """Runs `assay eval schedule …` over the home; gives exit code and standard output."""
    monkeypatch.setenv("ASSAY_HOME", str(assay.settings.home))

    def call(*arguments: str) -> tuple[int, str]:
        code = schedule_command.main(list(arguments), obj=Terminal(), standalone_mode=False)
        return code or 0, capsys.readouterr().out

    return call


def test_a_schedule_is_added_listed_switched_and_removed(command, assay, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(STRICT)
    code, said = command(
        "add", "nightly", "leases", "0 2 * * *", "--timezone", "Europe/London",
        "--policy", str(policy), "--limit", "2", "--to", f"file:{tmp_path}/a b", "--to", "webhook",
        "--json",
    )  # fmt: skip
    made = json.loads(said)
    assert (code, made["options"], made["gated"], made["last"]) == (0, {"limit": 2}, True, None)
    assert made["to"] == [f"file:{tmp_path}/a b", "webhook"]
    assert made["next"].endswith(":00:00Z")
    policy.unlink()  # the schedule keeps its text
    assert assay.schedules.schedule("nightly").policy == STRICT

    _, said = command("list")
    assert re.search(r"next  \d{4}-\d\d-\d\d 02:00 (GMT|BST) \(Europe/London\)", said)
    assert "last  not yet" in said
    command("disable", "nightly")
    assert "next  off" in command("list")[1]
    assert re.search(r"nightly: next at .* 02:00", command("enable", "nightly")[1])
    command("remove", "nightly")
    assert json.loads(command("list", "--json")[1]) == {"schedules": []}


def test_without_a_zone_it_is_the_machines_and_that_is_said(command, assay):
    _, said = command("add", "nightly", "leases", "@daily")
    zone = assay.schedules.schedule("nightly").timezone
    assert re.search(rf"nightly: next at .* 00:00 \S+ \({zone}\)", said)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("61 2 * * *",), "the minute is '61'"),
        (("0 2 * * *", "--timezone", "Europe/Londn"), "did you mean 'Europe/London'"),
        (("0 2 * * *", "--to", "fax:1"), "no way to deliver"),
        (("0 2 * * *", "--to", "mail:ada"), "no mail address"),
        (("0 2 * * *", "--to", "webhook:https://h.example.org/x"), "ASSAY_WEBHOOK_URL"),
        (("0 2 * * *", "--policy", "/nowhere.yaml"), "nowhere.yaml"),
        (("0 2 * * *", "--as", "nobody"), "nobody"),
        (("0 2 * * *", "--collection", "nothing"), "nothing"),
    ],
)
def test_what_cannot_be_scheduled_is_refused_before_anything_is_kept(
    command, assay, arguments, message
):
    with pytest.raises((EvalsError, RetrievalError), match=message):
        command("add", "nightly", "leases", *arguments)
    assert assay.schedules.schedules() == []


def test_due_says_what_failed_and_exits_with_1(command, assay, monkeypatch):
    monkeypatch.setattr("app.cli.evals.schedule.open_assay", lambda: assay)
    assert command("due") == (0, "Nothing is due.\n")
    assay.settings = assay.settings.model_copy(update={"abstain_below": 0.99})
    scheduled(assay, policy=STRICT)
    code, said = command("due")
    assert (code, said.startswith("nightly: failed: answered_share at_least 1")) == (1, True)
    assert "last  " in command("list")[1]
    assert ": failed, run 1: answered_share" in command("list")[1]
    assert json.loads(command("due", "--json")[1]) == {"ran": [], "busy": False}


def test_due_is_stopped_after_the_case_in_hand_and_gone_on_with(command, assay, monkeypatch):
    monkeypatch.setattr("app.cli.evals.schedule.open_assay", lambda: assay)
    before = signal.getsignal(signal.SIGINT)
    engine = assay.engine
    monkeypatch.setattr(engine, "stream", _pressing(engine.stream))
    scheduled(assay)
    with pytest.raises(click.Abort):  # exit code 130
        command("due")
    assert signal.getsignal(signal.SIGINT) is before
    assert len(assay.schedules.unfinished()) == 1
    assert assay.evals.run(1).done == 1
    assert command("due") == (0, "nightly: passed\n")
    [made] = assay.evals.runs()
    assert (made.state, made.done) == (RunState.FINISHED, 3)


def _pressing(stream):
    """The same, with Ctrl-C pressed while the first answer is said."""
    presses = iter([signal.SIGINT])

    def pressed(*given, **named):
        for one in presses:
            signal.raise_signal(one)
        return stream(*given, **named)

    return pressed


def test_the_list_tells_a_killed_tick_from_a_running_one(command, assay):
    made = scheduled(assay, cron="0 2 1 1 *", now=utc_now() - timedelta(days=800))
    assert assay.schedules.take(made, due_tick(made, None, utc_now()))
    assert "killed; it is gone on with" in command("list")[1]
    seen = []
    run(assay, lambda *_: seen.append(command("list")[1]) or PASSED, utc_now().isoformat())
    assert ": running" in seen[0]


# --- Live answers ---------------------------------------------------------------------------


def asked(assay, question, **options):
    answer = assay.services().answer
    return list(answer(question, readable=assay.access.everything(), **options))


def test_what_readers_are_told_is_counted_and_what_runs_ask_is_not(assay):
    asked(assay, "How much is the rent?")
    asked(assay, "Which dragon guards zebras?")
    scheduled(assay)
    outcome_of(assay)
    assert assay.live_counter.flush(PATIENCE_SECONDS)
    [day] = assay.evals.live_days()
    assert (day.answers + day.abstentions, day.engine, day.verifier) == (2, "scripted", "substring")
    assert day.abstentions == 1
    assert day.verdicts[Verdict.SUPPORTED] >= 1


def test_an_answer_that_was_broken_off_is_not_counted(assay):
    asked(assay, "How much is the rent?", is_cancelled=lambda: True)
    assert assay.live_counter.flush(PATIENCE_SECONDS)
    assert assay.evals.live_days() == []


def test_counting_neither_delays_nor_fails_an_answer(assay, caplog):
    waiting = threading.Event()

    def count(_):
        waiting.wait(PATIENCE_SECONDS)
        raise OSError("disk full")

    assay.live_counter = LiveCounter(count)
    events = asked(assay, "How much is the rent?")  # ends while the count has not begun
    assert type(events[-1]).__name__ == "Finished"
    assert not assay.live_counter.flush(0.01)
    waiting.set()
    assert assay.live_counter.flush(PATIENCE_SECONDS)
    assert "an answer was not counted: OSError: disk full" in caplog.text


def test_a_schedule_store_needs_nothing_but_the_database(assay):
    assert ScheduleStore(assay.database).schedules() == []
