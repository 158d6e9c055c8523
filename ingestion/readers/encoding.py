"""Bytes to text, whatever they were written in.

Order of trust: a byte order mark, valid UTF-8, what the file declares, almost valid UTF-8, a
guess. Valid UTF-8 comes before the declaration because text that is not UTF-8 almost never
happens to be valid UTF-8, while wrong declarations are common.
"""

import codecs
import re
from unicodedata import category

from charset_normalizer import from_bytes

from ingestion.errors import UnreadableFile
from ingestion.readers.alphabets import european_encoding

# UTF-32 first: its little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_SAMPLE_BYTES = 65_536
_MOSTLY_NULS = 0.7
_SEPARATORS = frozenset(" \n.,。、，．")
_FEWEST_UNITS = 16  # bytes; two of any are letters of some alphabet
_MOST_BLOCKS = 0.4  # of the bytes, that is, of half as many units: chance has nearly all differ
_MOSTLY_SOUND = 4  # good characters beyond ASCII for each broken one: damaged UTF-8
_WESTERN = "cp1252"  # what a Western Windows, and every browser, means by Latin-1
_MOST_ACCENTS = 0.35  # share of non-ASCII bytes of a text in Latin letters; Greek has twice as many
_MADE_OF_LETTERS = 0.8  # of the letters that a language of Europe must explain
_FEW_ACCENTS = 0.1  # share of non-ASCII bytes below which a guess is no better than Western


def looks_binary(data: bytes) -> bool:
    """Whether these bytes are no text in any encoding: NULs without a mark, control codes."""
    if any(data.startswith(mark) for mark, _ in _MARKS) or _unmarked_utf_16(data):
        return False
    sample = data[:_SAMPLE_BYTES]
    return b"\0" in data or len(_CONTROL.findall(sample)) > len(sample) // 100


def _unmarked_utf_16(data: bytes) -> str | None:
    """UTF-16 without a mark: Western by its NULs, other text by being nothing but known letters."""
    sample = data[:4096]
    for encoding, nuls, letters in (
        ("utf-16-le", sample[1::2], sample[::2]),
        ("utf-16-be", sample[::2], sample[1::2]),
    ):
        is_text = nuls.count(0) > _MOSTLY_NULS * len(nuls) and 0 not in letters
        if nuls and is_text and not _CONTROL.search(letters):
            return encoding
    if len(data) % 2 or len(sample) < _FEWEST_UNITS or not _is_unlike_bytes(sample):
        return None
    # Of the two orders of bytes, the right one has its letters in few blocks of 256.
    sound = [
        (len(set(high)), encoding)
        for encoding, high in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2]))
        if _is_written(sample, encoding)
    ]
    if not sound or min(sound)[0] > _MOST_BLOCKS * len(sample):
        return None
    return min(sound)[1]


def _is_unlike_bytes(sample: bytes) -> bool:
    """Whether this is no text of one byte a character, and no UTF-8."""
    if b"\0" not in sample and not _CONTROL.search(sample):
        return False
    return _attempt(sample, "utf-8") is None or b"\0" in sample


def _is_written(sample: bytes, encoding: str) -> bool:
    """Whether these units are letters, signs and spaces that exist, and some part sentences."""
    text = _attempt(sample, encoding)
    if text is None and len(sample) > _FEWEST_UNITS:
        text = _attempt(sample[:-2], encoding)  # it may end between two halves of a character
    if text is None or _SEPARATORS.isdisjoint(text):
        return False
    kinds = {category(character) for character in text if character not in "\t\r\n\f"}
    return not kinds & {"Cc", "Cn", "Co", "Cs"}


def decoded(data: bytes, *, declared: str | None = None) -> str:
    """Decode text and drop its byte order mark; line endings stay as they are.

    Raises:
        UnreadableFile: the bytes contradict their own mark, or no encoding fits.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded_as(data[len(mark) :], encoding)
    if unmarked := _unmarked_utf_16(data):
        return _decoded_as(data, unmarked)
    if declared and data.isascii():
        return _attempt(data, declared) or data.decode("ascii")
    for encoding in filter(None, ("utf-8", declared)):
        text = _attempt(data, encoding)
        if text is not None:
            return text
    return _guessed(data)


def _decoded_as(data: bytes, encoding: str) -> str:
    # A file cut in the middle of a character is still worth reading.
    text = data.decode(encoding, errors="replace")
    if text.count("\ufffd") > 1 + len(text) // 100:
        raise UnreadableFile(
            f"the file says that it is {encoding.upper()} but its bytes are not; save it as UTF-8"
        )
    return text


def _attempt(data: bytes, encoding: str) -> str | None:
    try:
        # Python's latin-1 turns bytes 0x80-0x9f into control codes where writers meant quotes.
        name = codecs.lookup(encoding).name
        return data.decode(_WESTERN if name in {"iso8859-1", "ascii"} else name)
    except (LookupError, ValueError):  # UnicodeDecodeError is a ValueError
        return None


def _guessed(data: bytes) -> str:
    almost = data.decode("utf-8", errors="replace")
    damaged = almost.count("\ufffd")
    sound = len(almost) - len(almost.encode("ascii", errors="ignore")) - damaged
    if sound > _MOSTLY_SOUND * damaged:
        return almost
    sample = data[:_SAMPLE_BYTES]
    for encoding in (_guessed_encoding(sample), _WESTERN):
        text = _attempt(data, encoding)
        if text is not None:
            return text
    raise UnreadableFile("the file's character encoding could not be found; save it as UTF-8")


def _guessed_encoding(sample: bytes) -> str:
    accents = sum(byte > 127 for byte in sample)
    if accents <= _MOST_ACCENTS * len(sample):
        european = european_encoding(sample)
        if european.share >= _MADE_OF_LETTERS:
            return european.encoding
    guess = from_bytes(sample).best() if accents > _FEW_ACCENTS * len(sample) else None
    return guess.encoding if guess else _WESTERN
