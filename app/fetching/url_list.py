"""Addresses as people list them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from app.errors import UrlRefused
from ingestion.jobs.types import NewItem, Source, SourceKind

MOST_URLS = 10_000
_LONGEST = 2_000
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Url:
    """An address over http or https, without fragment; its host as a resolver wants it."""

    text: str
    host: str
    port: int
    is_https: bool
    target: str

    @property
    def name(self) -> str:
        """What readers see: the address without its scheme."""
        return self.text.partition("://")[2].rstrip("/")


def url_of(text: str) -> Url:
    """An address as somebody wrote it.

    Raises:
        UrlRefused: it is none over http or https, or holds a name and a password.
    """
    wanted = text.strip()
    try:
        parts = urlsplit(wanted)
        host = (parts.hostname or "").rstrip(".").encode("idna").decode()
        port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError as error:  # UnicodeError is one
        raise UrlRefused(text, "it is no address") from error
    if parts.scheme not in _PORTS or not host or not port:
        raise UrlRefused(text, "only addresses such as https://host/path are fetched")
    if parts.username is not None or parts.password is not None:
        raise UrlRefused(text, "it holds a name or a password; take them out")
    if len(wanted) > _LONGEST or not wanted.isascii() or not wanted.isprintable() or " " in wanted:
        raise UrlRefused(text, f"write it in at most {_LONGEST} ASCII characters, others as %XX")
    place = f"[{host}]" if ":" in host else host
    if port != _PORTS[parts.scheme]:
        place += f":{port}"
    path = parts.path or "/"
    whole = urlunsplit(SplitResult(parts.scheme, place, path, parts.query, ""))
    target = f"{path}?{parts.query}" if parts.query else path
    return Url(whole, host, port, parts.scheme == "https", target)


def source_of(urls: Sequence[Url]) -> tuple[Source, list[NewItem]]:
    """What a job that brings these in is made of."""
    source = Source(SourceKind.URLS, paths=tuple(url.text for url in urls))
    return source, [NewItem(url.text, url.name, 0) for url in urls]


def listed_urls(lines: Iterable[str]) -> Sequence[Url]:
    """The addresses of a list, one a line, each once; empty lines and those with `#` are none.

    Raises:
        UrlRefused: a line is no address, there are none, or more than `MOST_URLS`.
    """
    found: dict[str, Url] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            url = url_of(line)
        except UrlRefused as refusal:
            raise UrlRefused(line, f"line {number}: {refusal.reason}") from refusal
        found[url.text] = url
    if not found:
        raise UrlRefused("", "the list holds no address")
    if len(found) > MOST_URLS:
        raise UrlRefused("", f"{len(found):,} addresses and the limit is {MOST_URLS:,}; split it")
    return tuple(found.values())
