"""Hostile files cost only themselves; real child processes, no stand-ins."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import docx
import pytest

from ingestion.errors import (
    BreaksReader,
    FileRejected,
    FileTooLarge,
    NoText,
    ReaderCrashed,
    UnsupportedType,
)
from ingestion.sandbox import ReaderProcess, _parsed

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reader():
    with ReaderProcess(timeout_seconds=20) as process:
        yield process


def word_of(text_bytes: int) -> bytes:
    """A small Word file whose text unpacks to so many bytes."""
    out = io.BytesIO()
    docx.Document().save(out)
    with zipfile.ZipFile(out) as source:
        members = {name: source.read(name) for name in source.namelist()}
    body = b"<w:p><w:r><w:t>word</w:t></w:r></w:p>"
    members["word/document.xml"] = (
        b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        b"<w:body>" + body * (text_bytes // len(body)) + b"</w:body></w:document>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in members.items():
            target.writestr(name, data)
    return out.getvalue()


def slow_markdown() -> bytes:
    """Links that never close: minutes of work for a parser that looks ahead from each."""
    return b"[a](" * 300_000 + b"*a **b " * 300_000


def assert_still_reads(reader: ReaderProcess) -> None:
    assert reader.read("after.txt", b"The next file.").text == "The next file."


def test_a_file_is_read_as_without_the_sandbox(reader):
    document = reader.read("House_rules.md", "# Fees\n\nTen euro – “fixed”.\n\n- 𝒶\n- b".encode())
    assert document.title == "Fees"
    assert document.text == "Fees\n\nTen euro – “fixed”.\n\n- 𝒶\n- b"
    assert [(b.kind, b.level) for b in document.blocks] == [
        ("heading", 1),
        ("paragraph", 0),
        ("list", 0),
    ]


def test_one_child_reads_many_files(reader):
    assert_still_reads(reader)
    first = reader.pid
    assert [reader.read(f"{n}.txt", b"x" * n).text for n in (1, 2, 100_000)][-1] == "x" * 100_000
    assert reader.pid == first


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", NoText, "the file is empty"),
        (
            b"7z\xbc\xaf\x27\x1c",
            UnsupportedType,
            "files of type 7z archive are not read; Assay reads",
        ),
    ],
)
def test_a_rejection_keeps_its_kind_and_words(reader, data, error, message):
    with pytest.raises(error, match=message):
        reader.read("a.txt", data)
    assert_still_reads(reader)


def test_a_name_may_hold_anything(reader):
    assert reader.read("caf\udce9/a\nb.txt", b"text").title == "a b"


def test_a_file_over_the_limit_never_reaches_the_child():
    with ReaderProcess(limit_bytes=10) as small:
        with pytest.raises(FileTooLarge, match="11 bytes and the limit is 10"):
            small.read("a.txt", b"x" * 11)
        assert small.pid is None


def test_text_over_the_limit_is_refused():
    with ReaderProcess(limit_characters=10) as small:
        assert small.read("a.txt", b"x" * 10).text == "x" * 10
        with pytest.raises(FileTooLarge, match="11 characters of text and the limit is 10"):
            small.read("a.txt", b"x" * 11)


def test_a_file_that_takes_too_long_is_given_up():
    with ReaderProcess(timeout_seconds=1.5) as quick:
        assert_still_reads(quick)
        with pytest.raises(BreaksReader, match=r"longer than the limit of 1.5 seconds"):
            quick.read("slow.md", slow_markdown())
        assert_still_reads(quick)


def test_a_file_that_needs_too_much_memory_is_given_up():
    bomb = word_of(200_000_000)
    assert len(bomb) < 1_000_000
    with ReaderProcess(limit_memory_bytes=300 << 20) as small:
        with pytest.raises(FileRejected):
            small.read("bomb.docx", bomb)
        assert_still_reads(small)


def test_a_crash_of_its_own_is_the_files_fault_and_being_killed_is_not(reader):
    assert_still_reads(reader)
    crash = threading.Timer(0.3, os.kill, (reader.pid, signal.SIGSEGV))
    crash.start()
    with pytest.raises(BreaksReader, match="SIGSEGV"):
        reader.read("slow.md", slow_markdown())
    crash.join()
    assert_still_reads(reader)


def test_a_child_killed_while_it_reads_is_reported_and_replaced(reader):
    assert_still_reads(reader)
    killer = threading.Timer(0.3, os.kill, (reader.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(ReaderCrashed, match="brought the reader down"):
        reader.read("slow.md", slow_markdown())
    killer.join()
    assert_still_reads(reader)


def test_a_child_killed_between_files_is_replaced_silently(reader):
    assert_still_reads(reader)
    first = reader.pid
    os.kill(first, signal.SIGKILL)
    time.sleep(0.2)
    assert_still_reads(reader)
    assert reader.pid != first


def test_closing_ends_the_child():
    process = ReaderProcess()
    assert_still_reads(process)
    pid = process.pid
    process.close()
    process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_child_has_limits(reader):
    assert_still_reads(reader)
    limits = Path(f"/proc/{reader.pid}/limits").read_text()
    assert "Max file size             0 " in limits
    assert "Max core file size        0 " in limits
    assert "Max open files            32 " in limits
    assert f"Max address space         {2 << 30} " in limits
    assert Path(f"/proc/{reader.pid}/environ").read_bytes() == b"LC_ALL=C.UTF-8\0"


def test_the_child_loads_no_model_or_database():
    code = (
        "import sys, ingestion.reader_process\n"
        "heavy = ('torch', 'transformers', 'sqlalchemy', 'faiss', 'numpy', 'retrieval.types')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


GOOD_REPLY = {
    "title": "t",
    "media_type": "text/plain",
    "text": "abc",
    "blocks": [["paragraph", 0, 3, 0, None]],
    "hidden": [["size", "x", 2, 9]],
}


@pytest.mark.parametrize(
    "change",
    [
        {"title": 1},
        {"title": "t" * 2000},
        {"text": "abcd" * 10},
        {"text": "ab\ud800"},
        {"blocks": 7},
        {"blocks": [["paragraph", 0, 4, 0, None]]},
        {"blocks": [["paragraph", 0, 2, 0, None]]},
        {"blocks": [["shout", 0, 3, 0, None]]},
        {"blocks": [["paragraph", 0, 3, 9, None]]},
        {"blocks": [["paragraph", 0, 3, 0, 0]]},
        {"blocks": [["paragraph", 0, 3]]},
        {"hidden": 7},
        {"hidden": [["shout", "x", 2, 9]]},
        {"hidden": [["size", "x", 0, 9]]},
        {"hidden": [["size", "x" * 3_000, 2, 9_000]]},
        {"hidden": [["size", "x", 2, -1]]},
        {"hidden": [["size", "\ud800", 2, 9]]},
        {"hidden": [["size", "x", 2, 9]] * 300},
    ],
)
def test_a_reply_is_checked_before_it_is_believed(change):
    assert _parsed(GOOD_REPLY, 20).text == "abc"
    with pytest.raises((TypeError, ValueError)):
        _parsed(GOOD_REPLY | change, 20)


def test_a_sign_of_life_gives_a_file_more_time_but_not_for_ever(monkeypatch):
    replies = iter([{"alive": True}, {"alive": True}, {"document": GOOD_REPLY}])
    process = ReaderProcess()
    monkeypatch.setattr(process, "_running", lambda: None)
    monkeypatch.setattr(process, "_exchange", lambda *_, **__: next(replies))
    assert process.read("scan.pdf", b"x").text == "abc"
    monkeypatch.setattr(process, "_exchange", lambda *_, **__: {"alive": True})
    with pytest.raises(BreaksReader, match="more time 500 times"):
        process.read("endless.pdf", b"x")
