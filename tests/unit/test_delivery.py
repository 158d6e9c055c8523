"""Results go where the operator said, whole, signed, without words of documents; or say why not."""

import base64
import hashlib
import hmac
import json
import socketserver
import stat
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from app.delivery.deliver import (
    WAITS,
    Carriers,
    Check,
    Notice,
    deliver,
    notice_json,
    notice_text,
    write_file,
)
from app.delivery.mail import MailServer, check_address, send
from app.delivery.webhook import Webhook, post, signature
from app.errors import BadSetting, DeliveryFailed
from evals.errors import BadSchedule
from evals.schedules import Delivery
from evals.types import Measured

NOTICE = Notice(
    schedule="nightly",
    suite="leases",
    suite_version=3,
    tick=datetime.fromisoformat("2026-11-21T01:00"),
    timezone="Europe/Paris",
    outcome="failed",
    detail="faithfulness at_least 0.9: the value, 0.812, is not at least 0.9",
    run_id=7,
    cases=300,
    metrics={
        "faithfulness": Measured(0.8125, 0.78, 0.84, 290, 10),
        "ragas_relevancy": Measured(None, None, None, 0, 300),
    },
    checks=(Check("faithfulness at_least", False, "faithfulness at_least 0.9: 0.812"),),
    leaks=0,
    url="https://assay.example.org/evals/runs/7",
)


# --- A small web server ---------------------------------------------------------------------


class Hook:
    """Takes posts, and answers each with the next status; the last one again and again."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""

    def answer(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@contextmanager
def listening(hook: Hook):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.taken.append((self.path, dict(self.headers), body))
            status = hook.answer()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{hook.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    hook.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def webhook_to(hook: Hook, path: str = "/hook?team=a", secret: bytes | None = b"s3cret") -> Webhook:
    return Webhook(hook.url + path, secret, allows_private=True)


def told(notice, deliveries, carriers, report=lambda: "<html>"):
    """What was not delivered, and how long was waited between attempts."""
    slept: list[float] = []
    return deliver(notice, deliveries, carriers, report, sleep=slept.append), slept


HOOKED = (Delivery("webhook"),)


def test_a_result_is_posted_once_signed_and_whole():
    with listening(Hook(200)) as hook:
        assert told(NOTICE, HOOKED, Carriers(webhook_to(hook))) == ((), [])
    [(path, headers, body)] = hook.taken
    assert path == "/hook?team=a"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Assay-Delivery"] == "nightly-20261121T010000Z"
    signed = headers["X-Assay-Timestamp"].encode() + b"." + body
    expected = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["X-Assay-Signature"] == f"sha256={expected}"
    assert json.loads(body) == notice_json(NOTICE)


def test_the_signature_is_that_of_a_known_example():
    # printf '1700000000.{}' | openssl dgst -sha256 -hmac key
    assert signature(b"key", "1700000000", b"{}") == (
        "sha256=" + hmac.new(b"key", b"1700000000.{}", "sha256").hexdigest()
    )
    assert signature(b"key", "1700000001", b"{}") != signature(b"key", "1700000000", b"{}")


def test_without_a_secret_nothing_is_signed():
    with listening(Hook(204)) as hook:
        post(webhook_to(hook, "", None), b"{}", delivery_id="x")
    [(path, headers, _)] = hook.taken
    assert path == "/"
    assert "X-Assay-Signature" not in headers


def test_what_fails_for_now_is_tried_again_with_growing_waits():
    with listening(Hook(503, 429, 200)) as hook:
        assert told(NOTICE, HOOKED, Carriers(webhook_to(hook))) == ((), list(WAITS[:2]))
    assert len(hook.taken) == 3
    assert len({headers["X-Assay-Delivery"] for _, headers, _ in hook.taken}) == 1


def test_what_goes_on_failing_is_given_up_and_said():
    with listening(Hook(500)) as hook:
        [failure], slept = told(NOTICE, HOOKED, Carriers(webhook_to(hook)))
    assert failure == "webhook 127.0.0.1 answered 500"
    assert (len(hook.taken), slept) == (1 + len(WAITS), list(WAITS))


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_a_refusal_is_not_repeated(status):
    with listening(Hook(status)) as hook:
        failures, slept = told(NOTICE, HOOKED, Carriers(webhook_to(hook)))
    assert failures == (f"webhook 127.0.0.1 answered {status}",)
    assert (len(hook.taken), slept) == (1, [])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status):
    with listening(Hook(status)) as hook:
        [failure], _ = told(NOTICE, HOOKED, Carriers(webhook_to(hook)))
    assert "redirects are not followed" in failure
    assert len(hook.taken) == 1


def test_nobody_there_is_tried_again_and_said():
    with listening(Hook(200)) as hook:
        pass
    [failure], slept = told(NOTICE, HOOKED, Carriers(webhook_to(hook)))
    assert "refused" in failure
    assert slept == list(WAITS)


def test_a_private_address_takes_nothing_unless_it_is_meant():
    """An https name that leads to this machine: seen once connected, before a byte is sent."""
    with listening(Hook(200)) as hook:
        meant = webhook_to(hook)
        unmeant = replace(meant)
        object.__setattr__(unmeant, "allows_private", False)  # as https to a private name would be
        with pytest.raises(DeliveryFailed, match="ASSAY_WEBHOOK_ALLOW_PRIVATE") as refused:
            post(unmeant, b"{}", delivery_id="x")
    assert not refused.value.is_transient
    assert hook.taken == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x", "ftp://example.org", "https://", "example.org", "", "https://a b/",
        "https://user:pw@example.org/", "https://example.org:99999/", "https://exämple.org/",
        "https://example.org/\r\nX: y", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_one_is_refused_without_repeating_it(url):
    with pytest.raises(BadSetting, match="ASSAY_WEBHOOK_URL") as refused:
        Webhook(url)
    assert "example.org" not in str(refused.value)


def test_no_message_repeats_the_address_or_the_secret():
    with listening(Hook(403)) as hook:
        [failure], _ = told(NOTICE, HOOKED, Carriers(webhook_to(hook, "/T0P/s3cr3t-token")))
    assert "s3cr3t" not in failure
    assert "s3cr3t" not in repr(webhook_to(hook, "/T0P/s3cr3t-token", b"s3cr3t"))


# --- A small mail server --------------------------------------------------------------------


class Post:
    """What a mail server was told. `refuses` has other replies to some commands."""

    def __init__(self, *, extensions=(), refuses=None) -> None:
        hello = "".join(f"250-{one}\r\n" for one in ("here", *extensions)) + "250 8BITMIME"
        usual = {"EHLO": hello, "AUTH": "235 welcome", "DATA": "354 go on", "QUIT": "221 bye"}
        self.replies = usual | dict(refuses or {})
        self.commands: list[str] = []
        self.mails: list[bytes] = []
        self.port = 0


@contextmanager
def taking_mail(box: Post):
    class Handler(socketserver.StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self) -> None:
            self.say("220 here")
            while line := self.rfile.readline().decode().strip():
                box.commands.append(line)
                verb = line.split()[0].upper()
                self.say(box.replies.get(verb, "250 yes"))
                if verb == "QUIT":
                    return
                if verb == "DATA" and box.replies[verb].startswith("354"):
                    self.take()
                    self.say("250 kept")

        def take(self) -> None:
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line)
            box.mails.append(b"".join(lines))

    server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def mail_through(box: Post, tls="none", **options) -> MailServer:
    return MailServer("127.0.0.1", box.port, tls, "assay@example.org", **options)


MAILED = (Delivery("mail", "ada@example.org"),)


def test_a_result_is_mailed_as_plain_text():
    notice = replace(NOTICE, schedule="nächtlich")
    with taking_mail(Post()) as box:
        assert told(notice, MAILED, Carriers(mail=mail_through(box))) == ((), [])
    [raw] = box.mails
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["To"] == "ada@example.org"
    assert mail["From"] == "assay@example.org"
    assert mail["Subject"] == "Assay: nächtlich failed"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("-20261121T010000Z@example.org>")
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == notice_text(notice)
    assert not any(line.startswith("AUTH") for line in box.commands)


def test_the_text_of_a_mail_is_this():
    assert notice_text(NOTICE) == (
        "nightly: failed\n"
        "faithfulness at_least 0.9: the value, 0.812, is not at least 0.9\n"
        "\n"
        "tick     2026-11-21 02:00 CET (Europe/Paris)\n"
        "suite    leases, version 3, 300 cases\n"
        "run      7\n"
        "leaks    0\n"
        "\n"
        "Gate\n"
        "FAILED  faithfulness at_least 0.9: 0.812\n"
        "\n"
        "Metrics (95 % interval; scored + unscored cases)\n"
        "faithfulness                        0.812    0.780    0.840  290 + 10\n"
        "ragas_relevancy                         –        –        –  0 + 300\n"
        "\n"
        "https://assay.example.org/evals/runs/7\n"
    )


def test_a_password_is_given_to_a_server_that_asks():
    with taking_mail(Post(extensions=("AUTH PLAIN",))) as box:
        server = mail_through(box, user="ada", password="pass word")
        send(server, "ada@example.org", subject="s", text="t\n", message_key="k")
    [login] = [line for line in box.commands if line.startswith("AUTH")]
    assert base64.b64decode(login.split()[-1]).decode() == "\0ada\0pass word"


def test_without_encryption_that_was_asked_for_nothing_is_sent():
    with taking_mail(Post(extensions=("AUTH PLAIN",))) as box:
        server = mail_through(box, "starttls", user="ada", password="pw")
        [failure], slept = told(NOTICE, MAILED, Carriers(mail=server))
    assert "STARTTLS" in failure
    assert "ASSAY_MAIL_TLS" in failure
    assert slept == []
    assert [line.split()[0].upper() for line in box.commands] == ["EHLO"]


@pytest.mark.parametrize(
    ("refuses", "said", "attempts"),
    [
        ({"MAIL": "550 no such sender pw"}, "550", 1),
        ({"RCPT": "550 no such user"}, "refused ada@example.org with 550", 1),
        ({"RCPT": "450 greylisted"}, "refused ada@example.org with 450", 1 + len(WAITS)),
        ({"DATA": "451 later"}, "451", 1 + len(WAITS)),
    ],
)
def test_a_refusal_of_mail_is_said_and_repeated_only_if_that_may_help(refuses, said, attempts):
    with taking_mail(Post(refuses=refuses)) as box:
        [failure], _ = told(NOTICE, MAILED, Carriers(mail=mail_through(box)))
    assert said in failure
    assert "pw" not in failure
    assert len([line for line in box.commands if line.upper().startswith("EHLO")]) == attempts


def test_a_password_never_crosses_a_network_unencrypted():
    with pytest.raises(BadSetting, match="ASSAY_MAIL_TLS"):
        MailServer("mail.example.org", 25, "none", "a@example.org", "ada", "secret")
    assert "secret" not in repr(
        MailServer("mail.example.org", 25, "tls", "a@b.org", "ada", "secret")
    )


def test_a_password_that_cannot_be_sent_is_refused():
    with pytest.raises(BadSetting, match="ASSAY_MAIL_PASSWORD") as refused:
        MailServer("mail.example.org", 587, "starttls", "a@example.org", "ada", "pässword")
    assert "pässword" not in str(refused.value)


@pytest.mark.parametrize("sender", ["", "assay", "a@b, c@d", "a@b\nBcc: c@d"])
def test_a_sender_that_is_no_address_is_refused(sender):
    with pytest.raises(BadSetting, match="ASSAY_MAIL_FROM"):
        MailServer("localhost", 25, "none", sender)


@pytest.mark.parametrize(
    "text", ["ada", "a@b,c@d", "a@b\r\nBcc: c@d", "<a@b>", "a b@c", "ä@b.org", "a" * 250 + "@b.org"]
)
def test_a_recipient_that_is_not_one_address_is_refused(text):
    with pytest.raises(BadSchedule):
        check_address(text)


# --- Folders --------------------------------------------------------------------------------


def test_a_folder_gets_the_numbers_and_the_report(tmp_path):
    folder = tmp_path / "new" / "reports"
    assert told(NOTICE, [Delivery("file", str(folder))], Carriers()) == ((), [])
    numbers, report = folder / f"{NOTICE.key}.json", folder / f"{NOTICE.key}.html"
    assert sorted(folder.iterdir()) == [report, numbers]
    assert json.loads(numbers.read_text()) == notice_json(NOTICE)
    assert report.read_text() == "<html>"
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_without_a_run_there_is_no_report(tmp_path):
    told(NOTICE, [Delivery("file", str(tmp_path))], Carriers(), report=lambda: None)
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "a.json"
    write_file(path, "one")
    write_file(path, "two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named_and_the_others_are_told(tmp_path):
    (tmp_path / "file").write_text("")
    bad, good = str(tmp_path / "file" / "below"), str(tmp_path / "good")
    failures, slept = told(NOTICE, [Delivery("file", bad), Delivery("file", good)], Carriers())
    [failure] = failures
    assert bad in failure
    assert slept == []
    assert len(list((tmp_path / "good").iterdir())) == 2


@pytest.mark.parametrize("name", ["../../etc/x", "a/b", "…", "n" * 200, "con\x00"])
def test_no_name_of_a_schedule_leads_out_of_the_folder(tmp_path, name):
    folder = tmp_path / "in"
    assert (
        told(replace(NOTICE, schedule=name), [Delivery("file", str(folder))], Carriers())[0] == ()
    )
    assert list(tmp_path.iterdir()) == [folder]
    assert len(list(folder.iterdir())) == 2


def test_names_that_look_alike_as_files_stay_apart():
    keys = {replace(NOTICE, schedule=name).key for name in ("a b", "a/b", "a-b", "…", "?")}
    assert len(keys) == 5


# --- Nothing set up, nothing sent -----------------------------------------------------------


@pytest.mark.parametrize(
    ("delivery", "setting"), [(HOOKED, "ASSAY_WEBHOOK_URL"), (MAILED, "ASSAY_MAIL_HOST")]
)
def test_what_is_not_set_up_is_named(delivery, setting):
    [failure], slept = told(NOTICE, delivery, Carriers())
    assert setting in failure
    assert slept == []


def test_undefined_is_null_and_never_a_number():
    body = notice_json(NOTICE)
    assert body["metrics"]["ragas_relevancy"] == {
        "value": None, "low": None, "high": None, "scored": 0, "unscored": 300,
    }  # fmt: skip
