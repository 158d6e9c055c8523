"""Encrypted files: opened with what was given, refused in words without, and nothing is kept."""

import hashlib
import io
import struct

import olefile
import pytest
from msoffcrypto.format.ooxml import OOXMLFile
from msoffcrypto.method.rc4 import DocumentRC4
from msoffcrypto.method.rc4_cryptoapi import DocumentRC4CryptoAPI
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from ingestion.errors import PasswordNeeded, UnreadableFile
from ingestion.readers import read_document
from ingestion.readers.unlocking import passwords
from ingestion.sandbox import ReaderProcess
from tests.compound import compound
from tests.made_files import message, old_slides, old_word, old_workbook, slides, word, workbook

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


SALT = bytes(range(16))


def rc4(password: str, data: bytes, block: int) -> bytes:
    """RC4 is its own inverse: what decrypts also encrypts."""
    return DocumentRC4.decrypt(password, SALT, io.BytesIO(data), blocksize=block).read()


def lock(password: str) -> bytes:
    """[MS-OFFCRYPTO] 2.3.6.1: version, salt, and a secret by which the password is known."""
    proof = bytes(range(16, 32))
    secret = rc4(password, proof + hashlib.md5(proof).digest(), 512)
    return struct.pack("<HH", 1, 1) + SALT + secret


def stream_of(data: bytes, name: str) -> bytes:
    with olefile.OleFileIO(io.BytesIO(data)) as file:
        return file.openstream(name).read()


def locked_old_word(text: str, password: str) -> bytes:
    """Everything but the first 68 bytes, and the lock before the table."""
    plain, head = old_word(text), lock(password)
    body = bytearray(stream_of(plain, "WordDocument"))
    struct.pack_into("<H", body, 0x0A, 0x0300)
    struct.pack_into("<I", body, 0x0E, len(head))
    struct.pack_into("<I", body, 0x1A2, len(head))
    table = rc4(password, head + stream_of(plain, "1Table"), 512)
    return compound(
        {
            "WordDocument": bytes(body[:0x44]) + rc4(password, bytes(body), 512)[0x44:],
            "1Table": head + table[len(head) :],
        }
    )


def locked_old_workbook(rows, password: str) -> bytes:
    """The contents of all records but the first, the lock, and where a sheet begins."""
    plain = stream_of(old_workbook(rows), "Workbook")
    asks = struct.pack("<H", 1) + lock(password)
    asks = struct.pack("<HH", 0x2F, len(asks)) + asks
    first = 4 + struct.unpack_from("<H", plain, 2)[0]
    plain = plain[:first] + asks + plain[first:]
    secret, out, at = rc4(password, plain, 1024), bytearray(), 0
    while at + 4 <= len(plain):
        kind, size = struct.unpack_from("<HH", plain, at)
        end = at + 4 + size
        clear = end if kind in {0x0809, 0x2F} else at + 8 if kind == 0x85 else at + 4
        out += plain[at:clear] + secret[clear:end]
        if kind == 0x85:
            begin = struct.unpack_from("<I", out, at + 4)[0] + len(asks)
            struct.pack_into("<I", out, at + 4, begin)
        at = end
    return compound({"Workbook": bytes(out)})


def locked_old_slides(text: str, password: str) -> bytes:
    """[MS-PPT] 2.3: each object as a whole by a key of its own, and a container with the lock."""
    plain = stream_of(old_slides([text]), "PowerPoint Document")

    def secret(data: bytes, number: int) -> bytes:
        size = 2 * len(data) + 100  # never a second key
        return DocumentRC4CryptoAPI.decrypt(
            password, SALT, 128, io.BytesIO(data), blocksize=size, block=number
        ).read()

    def record(kind: int, data: bytes, head: int = 0) -> bytes:
        return struct.pack("<HHI", head, kind, len(data)) + data

    proof = bytes(range(16, 32))
    proven = secret(proof + hashlib.sha1(proof).digest(), 0)
    about = struct.pack("<IIIIIIII", 4, 0, 0x6801, 0x8004, 128, 1, 0, 0) + b"R\0C\0\0\0"
    verifier = struct.pack("<I", 16) + SALT + proven[:16] + struct.pack("<I", 20) + proven[16:]
    lock = record(0x2F14, struct.pack("<HHII", 2, 2, 4, len(about)) + about + verifier, 0xF)
    objects = secret(plain, 1) + lock
    places = record(0x1772, struct.pack("<III", 2 << 20 | 1, 0, len(plain)))
    last = struct.pack("<IHBBIIIIHHI", 0, 0, 0, 3, 0, len(objects), 1, 2, 1, 0, 2)
    # A name as long as fills the stream: it is written anew with exactly the length it had.
    letters = 1355
    user = struct.pack(
        "<IIIHHBBH", 0x14, 0xF3D1C4DF, len(objects) + len(places), letters, 0x3F4, 3, 0, 0
    )
    name = b"a" * letters + struct.pack("<I", 8) + b"a\0" * (letters - 1) + b"a"
    return compound(
        {
            "PowerPoint Document": objects + places + record(0x0FF5, last),
            "Current User": record(0x0FF6, user + name),
        }
    )


FILES = {
    "a.pdf": locked_pdf("käse 1"),
    "a.docx": locked_office(word([TEXT]), "käse 1"),
    "a.pptx": locked_office(slides([TEXT]), "käse 1"),
    "a.xlsx": locked_office(workbook([(TEXT,)]), "käse 1"),
    "a.doc": locked_old_word(TEXT, "käse 1"),
    "a.ppt": locked_old_slides(TEXT, "käse 1"),
    "a.xls": locked_old_workbook([(TEXT,)], "käse 1"),
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


def test_what_excel_locks_with_a_password_of_its_own_opens_without_one():
    """As it does for workbooks whose sheets are protected; Excel asks for none."""
    for name, data in {
        "a.xlsx": locked_office(workbook([(TEXT,)]), "VelvetSweatshop"),
        "a.xls": locked_old_workbook([(TEXT,)], "VelvetSweatshop"),
    }.items():
        assert TEXT in read_document(name, data).text
        assert TEXT in read_document(name, data, passwords=["any"]).text


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
