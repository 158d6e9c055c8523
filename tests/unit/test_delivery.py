"""Results go where the operator said, whole, signed, without words of documents; or say why not."""

import base64
import hashlib
import hmac
import json
import socket
import socketserver
import stat
import threading
import traceback
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address

import pytest

from app.delivery.addresses import is_public
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
from app.delivery.wordless import trace_of
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
        "https://example.org/\r\nX: y", "file:///etc/passwd", "https://example..org/x",
        f"https://{'a' * 64}.example.org/x",
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


@contextmanager
def serving(handle):
    """A server that does with one connection whatever it likes. Gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):  # the client has gone
            handle(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join()
        listener.close()


def webhook_at(port: int, path: str = "/hook") -> Webhook:
    return Webhook(f"http://127.0.0.1:{port}{path}", b"s3cr3t", allows_private=True)


def echo(client: socket.socket) -> None:
    client.sendall(client.recv(65_536))


def test_an_answer_that_repeats_the_request_is_not_repeated():
    path = "/T0P/s3cr3t-token"
    with serving(echo) as port, pytest.raises(DeliveryFailed) as failed:
        post(webhook_at(port, path), b"{}", delivery_id="x")
    assert str(failed.value) == "webhook 127.0.0.1: BadStatusLine"
    assert failed.value.is_transient
    assert path not in "".join(traceback.format_exception(failed.value))


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n"])
def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(begin):
    """Each byte comes within the time limit, the whole of the head does not."""
    gone = threading.Event()

    def drip(client) -> None:
        client.sendall(begin + b"X: ")
        for _ in range(100):
            if gone.wait(0.05):
                return
            client.sendall(b"a")
        client.sendall(b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")

    with serving(drip) as port:
        with pytest.raises(DeliveryFailed, match="timed out") as failed:
            post(webhook_at(port), b"{}", delivery_id="x", timeout_seconds=0.3)
        gone.set()
    assert failed.value.is_transient


def test_what_an_answer_says_besides_its_head_is_not_waited_for():
    is_done = threading.Event()

    def answer(client) -> None:
        client.recv(65_536)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        is_done.wait(30)

    with serving(answer) as port:
        post(webhook_at(port), b"{}", delivery_id="x", timeout_seconds=10)
        is_done.set()


def test_a_server_that_does_not_take_the_body_is_not_waited_for():
    is_done = threading.Event()
    with serving(lambda _: is_done.wait(30)) as port:
        with pytest.raises(DeliveryFailed, match="timed out"):
            post(webhook_at(port), b"x" * 50_000_000, delivery_id="x", timeout_seconds=0.3)
        is_done.set()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True), ("10.0.0.1", False), ("127.0.0.1", False), ("100.64.0.1", False),
        ("169.254.169.254", False), ("224.0.0.1", False),
        ("2001:4860:4860::8888", True), ("::1", False), ("fe80::1", False), ("fd00::1", False),
        ("2001:db8::1", False), ("fec0::1", False), ("ff0e::1", False), ("4000::1", False),
        ("::ffff:8.8.8.8", True), ("::ffff:10.0.0.1", False), ("::10.0.0.1", False),
        ("64:ff9b::8.8.8.8", True), ("64:ff9b::10.0.0.1", False), ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::8.8.8.8", False), ("64:ff9b:1::a00:1", False),
        ("2002:808:808::1", True), ("2002:a00:1::1", False), ("2002:7f00:1::", False),
        ("2001:0:a00:1::1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address, expected):
    assert is_public(ip_address(address)) is expected


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


@pytest.mark.parametrize(
    "end", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c", "\r\nBcc: x@y.org\r\n"]
)
def test_a_subject_is_one_line_whatever_the_name(end):
    notice = replace(NOTICE, schedule=f"night{end}ly", suite=f"lea{end}ses")
    with taking_mail(Post()) as box:
        assert told(notice, MAILED, Carriers(mail=mail_through(box))) == ((), [])
    mail = message_from_bytes(box.mails[0], policy=policy.default)
    assert mail["Subject"] == f"Assay: {' '.join(f'night{end}ly'.split())} failed"
    assert mail["Bcc"] is None


def test_a_mail_server_whose_name_is_none_is_said():
    server = MailServer("mail..example.org", 25, "none", "assay@example.org")
    [failure], slept = told(NOTICE, MAILED, Carriers(mail=server))
    assert "ASSAY_MAIL_HOST" in failure
    assert slept == []


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


def test_a_report_that_breaks_costs_the_report_only(tmp_path, caplog):
    words = "the rent is 900 pounds"

    def report():
        raise ValueError(words)

    folders = [Delivery("file", str(tmp_path / name)) for name in "ab"]
    failures, _ = told(NOTICE, folders, Carriers(), report)
    assert failures == tuple(
        f"folder {folder.target} has the numbers but no report: ValueError" for folder in folders
    )
    assert [path.name for path in tmp_path.glob("*/*")] == [f"{NOTICE.key}.json"] * 2
    assert words not in caplog.text
    assert "in report" in caplog.text


def test_what_fails_as_nobody_foresaw_does_not_stop_the_others(tmp_path, caplog):
    """A number that JSON does not have, and a folder whose name no system takes."""
    notice = replace(NOTICE, metrics={"x": Measured(float("nan"), None, None, 1, 0)})
    ways = [Delivery("webhook"), Delivery("file", f"{tmp_path}/a\0b"), *MAILED]
    with listening(Hook(200)) as hook, taking_mail(Post()) as box:
        carriers = Carriers(webhook_to(hook), mail_through(box))
        failures, _ = told(notice, ways, carriers)
    assert failures == ("webhook: ValueError", f"folder {tmp_path}/a\0b: ValueError")
    assert (len(hook.taken), len(box.mails)) == (0, 1)
    assert "JSON compliant" not in caplog.text  # the error's words


def test_what_is_wrong_with_a_setting_does_not_keep_results_from_a_folder(tmp_path):
    ways = [Delivery("webhook"), Delivery("file", str(tmp_path))]
    failures, _ = told(NOTICE, ways, Carriers(problem="ASSAY_X: it is wrong"))
    assert failures == ("ASSAY_X: it is wrong",)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_trace_has_kinds_and_lines_and_no_words():
    words = "the rent is 900 pounds"

    def inner():
        raise KeyError(words)

    try:
        try:
            inner()
        except KeyError as error:
            raise ValueError(words) from error
    except ValueError as error:
        error.__cause__.__cause__ = error  # it may even come of itself
        trace = trace_of(error)
    kinds = [line for line in trace.splitlines() if not line.startswith(" ")]
    assert kinds == ["ValueError", "came of", "KeyError"]
    assert "in inner" in trace
    assert words not in trace


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
