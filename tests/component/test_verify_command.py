"""`assay verify` over a stand-in for the model: whole lines, in order, whatever they hold."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import app.bootstrap
from app.cli import verify as command
from app.cli.terminal import Terminal, json_line
from app.cli.verify import BadLine, lines_of, outcomes
from tests.fakes import SubstringVerifier

ROOT = Path(__file__).resolve().parents[2]
GOOD = {"context": "Tea is at four. Cake is at five.", "response": "Tea is at four."}
BAD = {"context": "Tea is at four.", "response": "Tea is at four. Rum is at six. Gin too."}


@pytest.fixture
def verifier(monkeypatch) -> SubstringVerifier:
    stand_in = SubstringVerifier()
    monkeypatch.setattr(app.bootstrap, "load_response_verifier", lambda: stand_in)
    return stand_in


def file_of(path: Path, *rows: object) -> Path:
    """Rows as JSON lines; bytes as they are."""
    path.write_bytes(
        b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    )
    return path


def run(*arguments: object, stdin: bytes | None = None):
    return CliRunner().invoke(
        command.verify, [str(argument) for argument in arguments], input=stdin, obj=Terminal()
    )


def rows_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_line_has_its_line(tmp_path, verifier):
    file = file_of(tmp_path / "in.jsonl", {"id": 1, **GOOD}, {"id": "b", **BAD}, GOOD)
    done = run(file, "--json")
    first, second, third = rows_of(done.stdout)
    assert done.exit_code == 0
    assert done.stderr == ""
    assert [first["id"], second["id"], "id" in third] == [1, "b", False]
    assert list(first) == ["id", "score", "flagged", "blocked", "verifier", "sentences"]
    assert (first["score"], first["flagged"], first["blocked"]) == (1.0, False, False)
    assert (second["flagged"], second["blocked"]) == (True, True)
    assert [sentence["verdict"] for sentence in second["sentences"]] == [
        "supported", "unsupported", "unsupported",
    ]  # fmt: skip


def test_bad_lines_keep_their_place_and_lose_no_other(tmp_path, verifier):
    deep = b'{"response": "x", "context": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    bad = {
        b"nonsense": "it is not JSON",
        b"": "it is empty",
        b"[1]": "expected an object with a context and a response",
        b'"x"': "expected an object",
        b'{"context": "x"}': "response: Field required",
        b'{"response": "x"}': "context: Field required",
        b'{"context": 5, "response": "x"}': "context: expected text, a list of texts, or an object",
        b'{"context": "x", "response": 5}': "response: Input should be a valid string",
        b'{"context": "\xff", "response": "x"}': "it is not UTF-8 text",
        b'{"context": "x", "response": "\\ud800"}': "response: ",
        b'{"context": "x", "response": "y", "id": {}}': "id: expected text or a number",
        b'{"context": "x", "response": "y", "id": NaN}': "id: expected text or a number",
        b'{"context": ' + b"9" * 5000 + b', "response": "x"}': "it is not JSON",
        deep: "it is not JSON",
    }
    lines = [part for line in bad for part in (line, GOOD)]
    done = run(file_of(tmp_path / "in.jsonl", *lines), "--json")
    found = rows_of(done.stdout)
    assert done.exit_code == 1
    assert len(found) == len(lines)
    for place, expected in enumerate(bad.values()):
        assert found[2 * place].keys() == {"error"}
        assert found[2 * place]["error"].startswith(f"line {2 * place + 1}: {expected}")
        assert found[2 * place + 1]["score"] == 1.0
    assert done.stderr.splitlines() == [row["error"] for row in found if "error" in row]


def test_a_line_that_is_too_long_is_passed_over(monkeypatch):
    monkeypatch.setattr(command, "LONGEST_LINE_BYTES", 10)
    source = io.BytesIO(b"x" * 9 + b"\n" + b"y" * 35 + b"\n" + b"z" * 10 + b"\n" + b"w" * 11)
    first, second, third, fourth = lines_of(source)
    assert (first, third) == (
        b"x" * 9 + b"\n",
        BadLine("it is longer than 10 bytes; send the part that matters"),
    )
    assert second == third == fourth


@pytest.mark.parametrize("n", [0, 1, 16, 17, 33])
def test_responses_are_verified_sixteen_at_a_time(n):
    verifier = SubstringVerifier()
    found = list(outcomes([json.dumps(GOOD).encode()] * n, verifier))
    assert len(found) == n
    assert verifier.batches == [16] * (n // 16) + [n % 16] * (n % 16 > 0)


def test_no_more_than_a_batch_is_read_ahead():
    def endless():
        while True:
            yield json.dumps(GOOD).encode()

    found = outcomes(endless(), SubstringVerifier())
    assert [next(found)["score"] for _ in range(40)] == [1.0] * 40


def test_a_batch_of_bad_lines_asks_the_verifier_nothing():
    verifier = SubstringVerifier()
    assert all("error" in outcome for outcome in outcomes([b"x"] * 20, verifier))
    assert verifier.batches == []


def test_standard_input_and_windows_line_ends_and_a_byte_order_mark(verifier):
    stdin = (
        b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n" + json.dumps(BAD).encode() + b"\r\n"
    )
    done = run("-", "--json", stdin=stdin)
    assert [row["flagged"] for row in rows_of(done.stdout)] == [False, True]


def test_no_character_of_a_text_breaks_a_line(tmp_path, verifier):
    text = "a\u2028b\x85c\u2029d\x0be\r\nf"
    file = file_of(tmp_path / "in.jsonl", {"context": text, "response": text})
    done = run(file, "--json")
    [row] = rows_of(done.stdout)
    assert row["sentences"][0]["text"] == text
    assert json_line(text).isprintable()


def test_an_empty_file_is_no_response(tmp_path, verifier):
    done = run(file_of(tmp_path / "in.jsonl"), "--json")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "0 responses" in run(tmp_path / "in.jsonl").stdout


def test_people_see_sentences_with_marks_and_evidence_and_no_control_characters(tmp_path, verifier):
    hostile = {"context": "x", "response": "Red \x1b[31m alert.", "id": "\x1b]0;title"}
    file = file_of(tmp_path / "in.jsonl", {"id": "b", **BAD}, b"nonsense", GOOD, hostile)
    done = run(file)
    shown = done.stdout.splitlines()
    assert shown[:3] == [
        "1 (b): blocked, score 0.33",
        "  ✓ 1.00  Tea is at four.",
        "          text 0: “Tea is at four.”",
    ]
    assert "  ? 0.00  Rum is at six." in shown
    assert "3: passed, score 1.00" in shown
    assert shown[-1] == "3 responses: 2 flagged, 2 blocked; bad lines: 1"
    assert "\x1b" not in done.stdout
    assert done.stderr == "line 2: it is not JSON\n"
    assert done.exit_code == 1


def test_results_go_to_a_file(tmp_path, verifier):
    file, output = file_of(tmp_path / "in.jsonl", GOOD, b"x", BAD), tmp_path / "out.jsonl"
    output.write_text("what was there before, much longer than what comes now" * 100)
    done = run(file, "--output", output)
    assert done.stdout == "2 responses: 1 flagged, 1 blocked; bad lines: 1\n"
    assert output.read_text() == run(file, "--json").stdout
    assert run(file, "--json", "--output", output).stdout == ""


def test_the_input_is_never_overwritten(tmp_path, verifier):
    file = file_of(tmp_path / "in.jsonl", GOOD)
    link = tmp_path / "link.jsonl"
    link.symlink_to(file)
    for output in (file, link):
        error = run(file, "--output", output).exception
        assert "is the input; choose another file for --output" in str(error)
    assert rows_of(file.read_text()) == [GOOD]
    assert "there is no folder" in str(run(file, "--output", tmp_path / "no" / "x").exception)


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path, verifier):
    assert run(tmp_path / "nowhere.jsonl").exit_code == 2
    assert run(tmp_path).exit_code == 2
    assert run().exit_code == 2


# As a process of its own: signals, pipes and terminals

SLOW = """
import sys, time
import app.bootstrap
from app.cli.main import main
from tests.fakes import SubstringVerifier

class Slow(SubstringVerifier):
    def verify(self, claims):
        time.sleep({seconds})
        return super().verify(claims)

app.bootstrap.load_response_verifier = Slow
main()
"""


def start(*arguments: object, seconds: float = 0.05, **options) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SLOW.format(seconds=seconds), "verify", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        **{"stderr": subprocess.PIPE, **options},
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_ctrl_c_leaves_whole_lines_and_says_how_far_it_got(tmp_path, unbuffered):
    long = {"context": "Tea. " * 5000, "response": "Tea is at four. " * 500}
    file = file_of(tmp_path / "in.jsonl", *[long] * 100)
    process = start(file, "--json", env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    first = process.stdout.readline()
    # The pipe is full soon: the next line is half written when the signal comes.
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    with process.stdout as rest, process.stderr as notes:
        out, err = rest.read(), notes.read()
    assert process.wait(60) == 130
    rows = (first + out).decode().split("\n")
    assert rows.pop() == ""
    assert 1 <= len(rows) < 100
    assert all(len(json.loads(row)["sentences"]) == 500 for row in rows)
    assert err.decode() == f"stopped after {len(rows)} responses: {len(rows)} flagged, " + (
        f"{len(rows)} blocked\n"
    )


def test_a_reader_that_leaves_is_told_nothing(tmp_path):
    process = start(file_of(tmp_path / "in.jsonl", *[GOOD] * 2000), "--json")
    assert json.loads(process.stdout.readline())["score"] == 1.0
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 1
    assert err == b""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
def test_a_long_run_shows_its_rate_on_a_terminal_and_leaves_the_output_alone(tmp_path):
    ours, theirs = os.openpty()
    file = file_of(tmp_path / "in.jsonl", *[GOOD] * 48)
    process = start(file, "--json", seconds=1.1, stderr=theirs)
    os.close(theirs)
    out = process.stdout.read()
    process.stdout.close()
    assert process.wait(60) == 0
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert len(rows_of(out.decode())) == 48
    assert "Verifying" in shown
    assert "a second" in shown
