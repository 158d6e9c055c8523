"""Pages from the web: a real server on this machine, which is allowed for the test alone."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from app.bootstrap import Assay
from app.cli.documents import ingest as ingest_command
from app.cli.terminal import Terminal
from app.errors import UrlRefused
from app.fetching.fetch import Fetcher, Validators
from app.fetching.networks import Networks
from app.fetching.url_list import listed_urls, source_of, url_of
from app.job_worker import work_through
from app.settings import Settings
from ingestion.errors import FileRejected, FileTooLarge, NotFetched
from ingestion.jobs.types import JobState
from tests.fakes import WordEncoder

HERE = Networks.of(["127.0.0.0/8", "::1/128"])
PAGE = (
    "<html><head><title>Opening hours</title></head>"
    "<body><main><h1>Opening hours</h1><p>The library opens at nine.</p></main></body></html>"
)


class Site:
    """A web server that answers by path, and keeps what it was asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.page = PAGE


class Handler(BaseHTTPRequestHandler):
    """Answers as the first part of the path says."""

    def do_GET(self) -> None:
        self.server.site.asked.append((self.path, dict(self.headers)))
        first, *rest = self.path.strip("/").split("/")
        getattr(self, f"get_{first.partition('.')[0]}", self.get_status)(*rest)

    def get_page(self) -> None:
        page = self.server.site.page
        etag = f'"{hash(page)}"'
        is_known = self.headers.get("If-None-Match") == etag
        self.reply(304 if is_known else 200, b"" if is_known else page.encode(), ETag=etag)

    def get_dated(self) -> None:
        is_known = self.headers.get("If-Modified-Since") == "yesterday"
        content = b"" if is_known else b"Words."
        self.reply(304 if is_known else 200, content, **{"Last-Modified": "yesterday"})

    def get_status(self, code: str = "404") -> None:
        self.reply(int(code), b"Sorry." if code != "304" else b"")

    def get_to(self, *rest: str) -> None:
        self.reply(302, b"", Location="/".join(rest).replace("~", "//"))

    def get_loop(self) -> None:
        self.reply(307, b"", Location="/loop")

    def get_nowhere(self) -> None:
        self.reply(302, b"")

    def get_far(self, steps: str) -> None:
        self.reply(307, b"", Location=f"/far/{int(steps) + 1}")

    def get_short(self) -> None:
        self.reply(200, b"Only this.", **{"Content-Length": "500"})
        self.close_connection = True

    def get_chunks(self) -> None:
        self.reply(200, b"40\r\nOnly", **{"Transfer-Encoding": "chunked"})
        self.close_connection = True

    def get_announced(self) -> None:
        self.reply(200, b"x", **{"Content-Length": "1000000000"})

    def get_endless(self, pause: float = 0.0, piece: bytes = b"x" * 1000) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(piece)
            time.sleep(pause)

    def get_slow(self) -> None:
        self.get_endless(0.05, b"x")

    def get_packed(self, how: str = "gzip", cut: str = "0") -> None:
        packed = gzip.compress(b"x" * 1_000_000)
        self.reply(200, packed[: len(packed) - int(cut)], **{"Content-Encoding": how})

    def get_picture(self) -> None:
        self.reply(200, b"\xff\xd8\xff\xe0" + bytes(range(256)))

    def reply(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # who had enough has hung up
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served() -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = server.site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def shared_site():
    with served() as site:
        yield site


@pytest.fixture
def site(shared_site):
    shared_site.asked.clear()
    shared_site.page = PAGE
    return shared_site


def get(site: Site, path: str, known: Validators | None = None, **limits):
    url = url_of(path if "://" in path else site.address + path)
    return Fetcher(HERE, **limits).get(url, known or Validators())


def test_a_page_is_got_and_not_again_while_it_is_as_it_was(site):
    first = get(site, "/page")
    assert first.content == PAGE.encode()
    assert site.asked[0][1]["Accept-Encoding"] == "identity"
    assert get(site, "/page", first.validators).content is None
    site.page = PAGE.replace("nine", "ten")
    assert b"ten" in get(site, "/page", first.validators).content
    dated = get(site, "/dated")
    assert (dated.content, dated.validators.last_modified) == (b"Words.", "yesterday")
    assert get(site, "/dated", dated.validators).content is None


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::1]",
             "[::ffff:127.0.0.1]", "0.0.0.0"]
)  # fmt: skip
def test_nothing_is_sent_to_this_machine_in_whatever_form_it_is_written(site, host):
    port = site.address.rpartition(":")[2]
    with pytest.raises((FileRejected, NotFetched)) as refused:
        Fetcher(Networks()).get(url_of(f"http://{host}:{port}/page"), Validators())
    assert "not on the public internet" in str(refused.value)
    assert site.asked == []


def test_one_bad_address_among_good_ones_refuses_a_name_and_it_is_looked_up_once(site, monkeypatch):
    port = int(site.address.rpartition(":")[2])
    lookups = []

    def rebinding(host, port, **_):
        lookups.append(host)
        answers = [["1.1.1.1", "127.0.0.1"], ["127.0.0.1"], ["10.0.0.1"]][len(lookups) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in answers]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = url_of(f"http://rebinds.example:{port}/page")
    with pytest.raises(FileRejected, match=r"127\.0\.0\.1"):
        Fetcher(Networks()).get(url, Validators())
    # Allowed at the look-up; what a second one would give is never asked for.
    assert Fetcher(HERE).get(url, Validators()).content == PAGE.encode()
    assert lookups == ["rebinds.example"] * 2


def test_redirects_are_followed_a_few_times_and_looked_at_each_time(site):
    assert get(site, "/to//page").content == PAGE.encode()
    with pytest.raises(FileRejected, match="more than 5 times"):
        get(site, "/far/0")
    assert len(site.asked) <= 3 + 6
    with pytest.raises(FileRejected, match="it leads back to "):
        get(site, "/loop")
    with pytest.raises(FileRejected, match="does not say where"):
        get(site, "/nowhere")
    with pytest.raises(
        FileRejected,
        match=r"^it leads on to http://169\S+: \S+ is at 169\S+, which is not on the public",
    ):
        get(site, "/to/http:~169.254.169.254/latest/meta-data")
    for elsewhere in ("file:~/etc/passwd", "ftp:~a.org/x", "http:~ada:secret@a.org/"):
        with pytest.raises(FileRejected, match="which is no address"):
            get(site, f"/to/{elsewhere}")


def test_what_servers_pack_unasked_is_unpacked_within_the_limit(site):
    assert get(site, "/packed").content == b"x" * 1_000_000
    with pytest.raises(FileTooLarge):
        get(site, "/packed", limit_bytes=100_000)
    with pytest.raises(NotFetched, match="broke off before its end"):
        get(site, "/packed/gzip/9")


def test_what_is_too_large_or_too_slow_is_given_up(site):
    with pytest.raises(FileTooLarge):
        get(site, "/announced", limit_bytes=100_000)
    with pytest.raises(FileTooLarge):
        get(site, "/endless", limit_bytes=100_000)
    with pytest.raises(NotFetched, match=r"longer than the limit of 0\.5 seconds"):
        get(site, "/slow", limit_seconds=0.5)


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("/status/404", FileRejected, "answered 404; what was brought in from it before is kept"),
        ("/status/403", FileRejected, "answered 403; if it wants a log-in, download it"),
        ("/status/304", FileRejected, "answered 304"),
        ("/status/500", NotFetched, "answered 500"),
        ("/status/429", NotFetched, "answered 429"),
        ("/packed/br", FileRejected, "packed as 'br', which was not asked for"),
        ("/chunks", NotFetched, "it broke off before its end"),
        ("/short", NotFetched, "it broke off 490 bytes before its end"),
        ("http://127.0.0.1:1/", NotFetched, "refused"),
        ("http://no-such-host.invalid/", NotFetched, "no-such-host.invalid"),
    ],
)
def test_what_cannot_be_got_says_why_and_whether_to_try_again(site, path, error, words):
    with pytest.raises(error, match=words):
        get(site, path)


# As jobs


@pytest.fixture
def assay(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASSAY_URLS", "true")
    monkeypatch.setenv("ASSAY_URL_NETWORKS", '["127.0.0.0/8"]')
    assay = Assay(Settings(home=tmp_path / "home", urls=True, url_networks=("127.0.0.0/8",)))
    assay.__dict__["_encoder"] = WordEncoder()
    yield assay
    assay.close()


def bring(assay: Assay, *urls: str) -> dict[str, str]:
    source, items = source_of(listed_urls(urls))
    collection = assay.store.ensure_collection("web")
    job = assay.jobs.create(collection, source, items).job
    work_through(assay)
    assert assay.jobs.job(job.id).state is JobState.DONE
    return {item.name: item.change or item.state.value for item in assay.jobs.items(job.id).items}


def test_a_list_is_a_job_and_the_address_is_where_a_citation_leads(assay, site):
    names = [f"{site.address}/{path}" for path in ("page", "status/500", "picture.txt")]
    host = site.address.removeprefix("http://")
    assert bring(assay, *names) == {
        f"{host}/page": "added",
        f"{host}/status/500": "failed",
        f"{host}/picture.txt": "rejected",  # by what it is, not by what it is called
    }
    collection = assay.store.collection("web")
    [hit] = assay.searcher.search("library opens", readable=frozenset({collection.id}))
    assert (hit.document.path, hit.document.name) == (names[0], f"{host}/page")
    assert hit.document.title == "Opening hours"
    assert "opens at nine" in hit.passage.text
    site.asked.clear()
    assert bring(assay, names[0]) == {f"{host}/page": "unchanged"}
    assert "If-None-Match" in site.asked[0][1]
    site.page = PAGE.replace("nine", "ten")
    assert bring(assay, names[0]) == {f"{host}/page": "changed"}
    # What servers said may go: the page is got, and seen to be the same.
    assay.settings.url_versions.unlink()
    assert bring(assay, names[0]) == {f"{host}/page": "unchanged"}
    # A document that was deleted comes again, though the page is as it was.
    assay.store.remove([hit.document.id])
    assert bring(assay, names[0]) == {f"{host}/page": "added"}


def test_nothing_is_fetched_unless_the_operator_says_so(tmp_path, site):
    assay = Assay(Settings(home=tmp_path / "closed"))
    try:
        source, items = source_of(listed_urls([f"{site.address}/page"]))
        job = assay.jobs.create(assay.store.ensure_collection("web"), source, items).job
        assert [failed.id for failed in work_through(assay).failed] == [job.id]
        assert "ASSAY_URLS=true" in assay.jobs.job(job.id).reason
        with pytest.raises(UrlRefused):
            assay.url_ingester(job.collection)
    finally:
        assay.close()
    assert site.asked == []


def test_the_command_takes_a_list(assay, site, tmp_path, monkeypatch):
    listed = tmp_path / "pages.txt"
    listed.write_text(f"# ours\n{site.address}/status/404\n")
    options = ["--urls", str(listed), "--collection", "web", "--json"]
    run = CliRunner().invoke(ingest_command, options, obj=Terminal(), catch_exceptions=False)
    report = json.loads(run.output)
    assert (report["rejected"], report["added"]) == (1, 0)
    assert "answered 404" in report["reasons"][f"{site.address}/status/404"]
    monkeypatch.delenv("ASSAY_URLS")
    run = CliRunner().invoke(ingest_command, options, obj=Terminal())
    assert "ASSAY_URLS=true" in str(run.exception)
    run = CliRunner().invoke(ingest_command, [*options, "--sync"], obj=Terminal())
    assert run.exit_code == 2
