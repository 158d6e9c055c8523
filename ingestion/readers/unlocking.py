"""Files that are encrypted with a password, and the passwords that were given for this one file.

Nothing keeps a password: it comes with the request to read a file, and goes with the answer.
"""

from collections.abc import Sequence
from contextvars import ContextVar
from io import BytesIO
from types import SimpleNamespace
from typing import Final

from ingestion.errors import PasswordNeeded, UnreadableFile

# The passwords that may open the file that is being read.
passwords: ContextVar[Sequence[str]] = ContextVar("passwords", default=())
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# With this Excel locks workbooks whose sheets are protected, and opens them without asking.
_OFFICES_OWN: Final = "VelvetSweatshop"
_OLD_WORKBOOK: Final = "Workbook".encode("utf-16-le")
_OLE_PACKAGE: Final = "EncryptedPackage".encode("utf-16-le")


def needed() -> PasswordNeeded:
    """The rejection of a file that none of the given passwords opens."""
    return PasswordNeeded(is_wrong=bool(passwords.get()))


def unlocked(data: bytes) -> bytes:
    """An Office file without its encryption; other files, and ones without any, as they are.

    Raises:
        PasswordNeeded: no password was given, or none that opens it.
        UnreadableFile: it is encrypted in a way that is not known, or damaged.
    """
    if not data.startswith(_OLE):
        return data
    if not passwords.get() and not _looks_locked(data):
        return data  # what its reader finds encrypted it refuses
    import msoffcrypto
    from msoffcrypto.exceptions import DecryptionError, InvalidKeyError

    _need_no_disk()
    try:
        file = msoffcrypto.OfficeFile(BytesIO(data))
        if not file.is_encrypted():
            return data
    except Exception as error:  # the library's parsers raise what they happen to
        if _OLE_PACKAGE in data and not passwords.get():
            raise needed() from error
        return data  # an Outlook message, or a file whose own reader says what is wrong
    for password in (_OFFICES_OWN, *passwords.get()):
        out = BytesIO()
        try:
            file.load_key(password=password)
            file.decrypt(out)
        except (InvalidKeyError, DecryptionError):
            continue
        except Exception as error:  # the library's parsers raise what they happen to
            if "password" in str(error).lower() or "key" in str(error).lower():
                continue
            raise UnreadableFile(
                f"it is encrypted in a way that is not read ({type(error).__name__}); save a copy "
                "without a password"
            ) from error
        return out.getvalue()
    raise needed()


def _looks_locked(data: bytes) -> bool:
    """Whether it is worth looking closer at a file without having been given a password.

    False for some that are; their readers refuse them.
    """
    return _OLE_PACKAGE in data or _OLD_WORKBOOK in data


def _need_no_disk() -> None:
    """Old formats are put together in a temporary file, which this process may not have."""
    from msoffcrypto.format import doc97, ppt97, xls97

    for module in (doc97, ppt97, xls97):
        module.tempfile = SimpleNamespace(TemporaryFile=BytesIO)
