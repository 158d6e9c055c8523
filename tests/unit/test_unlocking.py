"""Encrypted files: opened with what was given, refused in words without, and nothing is kept."""

import io

import pytest
from msoffcrypto.format.ooxml import OOXMLFile
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from ingestion.errors import PasswordNeeded, UnreadableFile
from ingestion.readers import read_document
from ingestion.readers.unlocking import passwords
from ingestion.sandbox import ReaderProcess
from tests.compound import compound
from tests.made_files import message, slides, word, workbook

TEXT = "The lease ends in May."


def locked_pdf(user: str, owner: str = "owner") -> bytes:
    """A PDF; with an empty user password anybody may open it."""
    out = io.BytesIO()
    canvas = Canvas(out, encrypt=StandardEncryption(user, ownerPassword=owner, strength=128))
    canvas.drawString(60, 700, TEXT)
    canvas.save()
    return out.getvalue()


def locked_office(data: bytes, password: str) -> bytes:
    out = io.BytesIO()
    OOXMLFile(io.BytesIO(data)).encrypt(password, out)
    return out.getvalue()


FILES = {
    "a.pdf": locked_pdf("käse 1"),
    "a.docx": locked_office(word([TEXT]), "käse 1"),
    "a.pptx": locked_office(slides([TEXT]), "käse 1"),
    "a.xlsx": locked_office(workbook([(TEXT,)]), "käse 1"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_opens_with_its_password_and_with_no_other(name):
    with pytest.raises(PasswordNeeded, match=r"^it is encrypted and needs .*assay ingest"):
        read_document(name, FILES[name])
    with pytest.raises(PasswordNeeded, match="what was given does not open it") as refused:
        read_document(name, FILES[name], passwords=["wrong", ""])
    assert "wrong" not in str(refused.value)
    assert TEXT in read_document(name, FILES[name], passwords=["wrong", "käse 1"]).text
    assert passwords.get() == ()


def test_what_only_its_owner_may_change_opens_without_a_password():
    assert TEXT in read_document("a.pdf", locked_pdf("")).text
    assert TEXT in read_document("a.pdf", locked_pdf(""), passwords=["any"]).text


def test_files_without_encryption_are_as_they_were_whatever_is_given():
    assert read_document("a.docx", word([TEXT]), passwords=["x"]).text == TEXT
    with pytest.raises(UnreadableFile) as refused:
        read_document("a.doc", compound({"WordDocument": b"x"}), passwords=["x"])
    assert not isinstance(refused.value, PasswordNeeded)


def test_an_attachment_opens_too_and_is_named_without():
    mail = message(["Hello."], {"lease.pdf": FILES["a.pdf"]})
    assert TEXT in read_document("a.eml", mail, passwords=["käse 1"]).text
    assert "lease.pdf: it is encrypted and needs a password" in read_document("a.eml", mail).text


def test_damaged_encryption_is_refused_and_breaks_nothing():
    data = FILES["a.docx"]
    for cut in (len(data) // 2, len(data) - 600):
        with pytest.raises(UnreadableFile):
            read_document("a.docx", data[:cut], passwords=["käse 1"])


def test_the_process_with_limits_opens_them_and_says_why_not():
    with ReaderProcess(passwords=["käse 1"], timeout_seconds=60) as reader:
        for name, data in FILES.items():
            assert TEXT in reader.read(name, data).text
        with pytest.raises(PasswordNeeded, match="needs a password"):
            reader.read("b.pdf", locked_pdf("other"))
