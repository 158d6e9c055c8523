"""What is told of a scheduled run, and to whom: a folder, a webhook, a mail address.

A result that leaves the machine holds names and numbers, never a question, an answer, or any other
words of documents. The HTML report does, so it goes to the folder only.
"""

import hashlib
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from app.delivery.mail import MailServer, send
from app.delivery.webhook import Webhook, post
from app.delivery.wordless import trace_of
from app.errors import DeliveryFailed
from evals.schedules import Delivery, TickState, shown
from evals.types import Json, Summary

# Seconds before the second, third and fourth attempt.
WAITS = (2.0, 10.0, 60.0)
_LONGEST_SLUG = 80
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One demand of a gate, in words and numbers."""

    name: str
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told of a tick. `leaks` is None when there was no probe; `url` is the run's page."""

    schedule: str
    suite: str
    suite_version: int | None
    tick: datetime
    timezone: str
    outcome: TickState
    detail: str = ""
    run_id: int | None = None
    cases: int = 0
    metrics: Summary | None = None
    checks: tuple[Check, ...] = ()
    leaks: int | None = None
    url: str | None = None

    @property
    def key(self) -> str:
        """The same for the same tick, in letters that any header and file name may have."""
        return f"{_slug(self.schedule)}-{self.tick:%Y%m%dT%H%M%SZ}"

    @property
    def title(self) -> str:
        """The result in one line."""
        return f"Assay: {self.schedule} {self.outcome}"


@dataclass(frozen=True, slots=True)
class Carriers:
    """What the operator has set up to carry results off this machine; None: nothing.

    `problem` is what is wrong with a setting, when neither can be used for it; folders can.
    """

    webhook: Webhook | None = None
    mail: MailServer | None = None
    problem: str | None = None


def deliver(
    notice: Notice,
    deliveries: Sequence[Delivery],
    carriers: Carriers,
    report: Callable[[], str | None],
    *,
    sleep: Callable[[float], object] = time.sleep,
) -> tuple[str, ...]:
    """Take a notice everywhere it should go.

    Args:
        report: makes the HTML report, when a folder wants it; None: there is none.

    Returns:
        What could not be delivered, in words. One that fails does not stop the others, however
        it fails.
    """
    failures = []
    for delivery in deliveries:
        try:
            _patiently(partial(_carry, notice, delivery, carriers, report), sleep)
        except DeliveryFailed as error:
            _logger.warning("schedule %s: not delivered: %s", notice.schedule, error)
            failures.append(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are told
            failures.append(f"{_name_of(delivery)}: {type(error).__name__}")
            trace = trace_of(error)
            _logger.error("schedule %s: not delivered:\n%s", notice.schedule, trace)
    return tuple(failures)


def notice_json(notice: Notice) -> dict[str, Json]:
    """A notice as JSON, for the folder and the webhook."""
    metrics: dict[str, Json] = {
        name: dict[str, Json](asdict(measured)) for name, measured in (notice.metrics or {}).items()
    }
    return {
        "schedule": notice.schedule,
        "suite": notice.suite,
        "suite_version": notice.suite_version,
        "tick": f"{notice.tick.isoformat()}Z",
        "outcome": notice.outcome,
        "detail": notice.detail,
        "run": notice.run_id,
        "cases": notice.cases,
        "metrics": metrics,
        "gate": [dict[str, Json](asdict(check)) for check in notice.checks],
        "leaks": notice.leaks,
        "url": notice.url,
    }


def notice_text(notice: Notice) -> str:
    """A notice as plain text, for a mail."""
    lines = [
        f"{notice.schedule}: {notice.outcome}",
        notice.detail,
        "",
        f"tick     {shown(notice.tick, notice.timezone)}",
        f"suite    {notice.suite}, version {notice.suite_version or '–'}, {notice.cases} cases",
        f"run      {notice.run_id or '–'}",
        f"leaks    {'–' if notice.leaks is None else notice.leaks}",
    ]
    if notice.checks:
        lines += ["", "Gate"]
        lines += [f"{'  ok  ' if one.passed else 'FAILED'}  {one.reason}" for one in notice.checks]
    if notice.metrics:
        lines += ["", "Metrics (95 % interval; scored + unscored cases)"]
        for name, one in sorted(notice.metrics.items()):
            numbers = " ".join(_number(value) for value in (one.value, one.low, one.high))
            lines.append(f"{name:32} {numbers}  {one.scored} + {one.unscored}")
    if notice.url:
        lines += ["", notice.url]
    return "\n".join(line for line in lines if line is not None) + "\n"


def write_file(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, for its owner only.

    Raises:
        DeliveryFailed: the folder cannot be made or written.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise DeliveryFailed(f"folder {path.parent}: {error.strerror or error}") from error


def _carry(
    notice: Notice, delivery: Delivery, carriers: Carriers, report: Callable[[], str | None]
) -> None:
    if delivery.way == "file":
        _file(notice, Path(delivery.target), report)
        return
    if carriers.problem is not None:
        raise DeliveryFailed(carriers.problem)
    if delivery.way == "webhook":
        if carriers.webhook is None:
            raise DeliveryFailed("no webhook is set up; set ASSAY_WEBHOOK_URL")
        post(carriers.webhook, _body(notice).encode(), delivery_id=notice.key)
    else:
        if carriers.mail is None:
            raise DeliveryFailed("no mail server is set up; set ASSAY_MAIL_HOST")
        text = notice_text(notice)
        send(
            carriers.mail, delivery.target, subject=notice.title, text=text, message_key=notice.key
        )


def _file(notice: Notice, folder: Path, report: Callable[[], str | None]) -> None:
    broken: Exception | None = None
    try:
        html = report()
    except Exception as error:  # noqa: BLE001 - said below: the numbers are no worse for it
        html, broken = None, error
    if html is not None:
        write_file(folder / f"{notice.key}.html", html)
    # Last: whoever waits for it finds the report there.
    write_file(folder / f"{notice.key}.json", f"{_body(notice)}\n")
    if broken is not None:
        _logger.error("schedule %s: no report:\n%s", notice.schedule, trace_of(broken))
        raise DeliveryFailed(
            f"folder {folder} has the numbers but no report: {type(broken).__name__}"
        )


def _body(notice: Notice) -> str:
    return json.dumps(notice_json(notice), ensure_ascii=False, allow_nan=False)


def _name_of(delivery: Delivery) -> str:
    if delivery.way == "webhook":
        return "webhook"
    return f"{'folder' if delivery.way == 'file' else 'mail for'} {delivery.target}"


def _patiently(attempt: Callable[[], None], sleep: Callable[[float], object]) -> None:
    """Try again, after longer and longer, as long as that may help."""
    for wait in WAITS:
        try:
            return attempt()
        except DeliveryFailed as error:
            if not error.is_transient:
                raise
            sleep(wait)
    return attempt()


def _slug(name: str) -> str:
    """A name as part of a file name; a few letters of its hash keep changed ones apart."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:_LONGEST_SLUG].strip("-")
    if plain == name:
        return plain
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".strip("-")


def _number(value: float | None) -> str:
    return "       –" if value is None else f"{value:8.3f}"
