"""ZIP files that are one document (Office, OpenDocument, EPUB), and XML that nobody vouches for."""

import posixpath
import zipfile
import zlib
from io import BytesIO
from typing import Final
from urllib.parse import unquote

from lxml import etree

from ingestion.errors import FileTooLarge, UnreadableFile

LIMIT_UNPACKED_BYTES: Final = 500_000_000
ENCRYPTED: Final = "it is encrypted; save a copy without a password"
_ENCRYPTED_MEMBER = 0x1
# What zipfile and its decompressors raise on a damaged file; RuntimeError is a wrong password.
ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    KeyError,
)


class Package:
    """The members of a ZIP file by name.

    `zipfile` never unpacks more of a member than its header says, so the sum of the headers is a
    limit that holds.
    """

    def __init__(self, data: bytes, what: str) -> None:
        """Open it.

        Args:
            what: its kind, for people: "Word document".

        Raises:
            UnreadableFile: damaged or encrypted.
            FileTooLarge: it unpacks to more than the limit.
        """
        self._what = what
        try:
            self._archive = zipfile.ZipFile(BytesIO(data))
            members = self._archive.infolist()
        except ZIP_DAMAGE as error:
            raise damaged(what, error) from error
        size = sum(member.file_size for member in members)
        if size > LIMIT_UNPACKED_BYTES:
            hint = "split the document or drop images"
            raise FileTooLarge("bytes once unpacked", size, LIMIT_UNPACKED_BYTES, hint)
        if any(member.flag_bits & _ENCRYPTED_MEMBER for member in members):
            raise UnreadableFile(ENCRYPTED)
        self.names = frozenset(member.filename for member in members)

    def read(self, name: str) -> bytes:
        """A member's bytes.

        Raises:
            UnreadableFile: it is not there, or damaged.
        """
        try:
            return self._archive.read(name)
        except ZIP_DAMAGE as error:
            raise damaged(self._what, error) from error

    def xml(self, name: str) -> etree._Element:
        """A member as XML.

        Raises:
            UnreadableFile: it is not there, damaged, or no XML.
        """
        return parsed_xml(self.read(name), self._what)

    def start(self, kind: str, usual: str) -> str:
        """The member that the package names as its main part of this kind, else the usual one."""
        return dict(self.related("").values()).get(kind, usual)

    def title(self) -> str | None:
        """The title in the properties of an Office document."""
        member = self.start("core-properties", "docProps/core.xml")
        if member not in self.names:
            return None
        element = self.xml(member).find("{*}title")
        return element.text if element is not None else None

    def related(self, part: str) -> dict[str, tuple[str, str]]:
        """The relationships of an Office part: id -> (last word of its type, member)."""
        folder, name = posixpath.split(part)
        rels = f"{folder}/_rels/{name}.rels".lstrip("/")
        if rels not in self.names:
            return {}
        found = {}
        for element in self.xml(rels):
            target = resolved(folder, element.get("Target", ""))
            kind = element.get("Type", "").rpartition("/")[2]
            if target in self.names and element.get("TargetMode") != "External":
                found[element.get("Id", "")] = (kind, target)
        return found


def damaged(what: str, error: Exception) -> UnreadableFile:
    """The rejection of a file whose parts do not hold together."""
    article = "an" if what[0] in "AEIOae" else "a"
    reason = str(error) or type(error).__name__
    return UnreadableFile(
        f"it is {article} {what} but damaged ({reason}); open it in its program and save it again"
    )


def resolved(folder: str, target: str) -> str:
    """The member a reference leads to; a name for looking up, never a path on any disk."""
    path = unquote(target.partition("#")[0])
    return posixpath.normpath(posixpath.join("/", folder, path)).lstrip("/")


def parsed_xml(data: bytes, what: str) -> etree._Element:
    """Parse XML from a stranger.

    Entities are not expanded and nothing is fetched. libxml2's own limits stay on: 256 levels, ten
    million characters in a row, and entities in attributes that multiply.

    Raises:
        UnreadableFile: it is not well-formed, or over those limits.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True,
        remove_pis=True,
    )  # fmt: skip
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise damaged(what, error) from error


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace; empty for an entity reference."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: etree._Element, name: str) -> str:
    """An attribute by its name without namespace, "" where it is missing."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return ""
