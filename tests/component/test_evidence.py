"""Sources of answers: on the page, in the text, and for nobody who may not read them."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from app.evidence.cache import PageCache
from app.evidence.context import lines_around
from generation.citations import citation
from generation.types import AssayedSentence, Finished, Origin, Retrieved, Verdict
from ingestion.errors import ReaderCrashed, UnreadableFile
from ingestion.pages import PageProcess
from retrieval.types import Access, Hit
from tests.component.published import SAMPLES, publish_file
from tests.component.site import answer_of, site
from tests.component.test_conversations import ask

__all__ = ["site"]  # a fixture

WORDS = "90 days"


def answering(hits: list[Hit], words: str) -> Any:
    """Cites exactly these words of the first passage that has them; the rest came near."""

    def answer(question, /, **_: Any) -> Iterator[Any]:
        yield Retrieved(tuple(hits))
        hit = next(hit for hit in hits if words in hit.passage.text)
        start = hit.passage.text.index(words)
        cited = citation(hit, start, start + len(words))
        said = AssayedSentence(words, Origin.QUOTED, Verdict.SUPPORTED, 1.0, (cited,))
        yield Finished(answer_of(question, [said]))

    return answer


@pytest.fixture
def contract(site):
    """The sample contract, in the collection that ada reads."""
    store = site.services.store
    data = (SAMPLES / "service-contract.pdf").read_bytes()
    return publish_file(store, store.collection("open"), "service-contract.pdf", data)


def cited(site, hits: list[Hit], words: str, name: str = "ada") -> tuple[Any, str]:
    """A client with an answer that cites these words, and where its source is."""
    client = site.client(name, answer=answering(hits, words))
    return client, f"/api/answers/{ask(client)['id']}/sources/0/0"


def test_the_words_of_a_quote_are_marked_on_the_page_and_in_the_text(site, contract):
    client, source = cited(site, contract, WORDS)

    found = client.get(source).json()

    assert (found["document"], found["quote"]) == ("service-contract.pdf", WORDS)
    printed = found["printed"]
    assert printed["found"] == 1.0
    [box] = printed["rectangles"]
    # Seven characters of about a hundred in a line, on one line of a page of A4.
    assert 0.03 < box["width"] < 0.12
    assert 0.005 < box["height"] < 0.03
    assert 590 < printed["width"] < 600 and 840 < printed["height"] < 845
    runs = [run for line in found["lines"] for cell in line["cells"] for run in cell]
    assert "".join(run["text"] for run in runs if run["is_quoted"]) == WORDS
    assert len("".join(run["text"] for run in runs)) > 200

    image = client.get(f"{source}/page?scale=1")
    assert image.headers["content-type"] == "image/png"
    assert image.headers["cache-control"] == "no-store"
    assert image.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert client.get(f"{source}/page?scale=9").status_code == 422
    again = client.get(f"{source}/page?scale=1").content
    assert again == image.content


def test_more_pages_at_once_than_there_are_places_are_refused_and_later_taken(site, contract):
    client, source = cited(site, contract, WORDS)
    places = site.services.evidence._places
    while places.acquire(blocking=False):
        pass
    refused = client.get(source)
    assert refused.status_code == 503
    assert "12 pages are being opened" in refused.json()["detail"]
    places.release()
    assert client.get(source).json()["printed"]["found"] == 1.0
    assert places.acquire(blocking=False)  # it was given back


def test_the_original_is_a_download_that_can_do_nothing(site, contract):
    client, source = cited(site, contract, WORDS)

    reply = client.get(f"{source}/original")

    assert reply.content == (SAMPLES / "service-contract.pdf").read_bytes()
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-disposition"] == (
        "attachment; filename=\"service-contract.pdf\"; filename*=UTF-8''service-contract.pdf"
    )


def test_a_hostile_name_stays_within_its_header(site):
    store = site.services.store
    name = 'a"\r\nX-Bad: 1\u202e<b>ü.txt'
    hits = publish_file(store, store.collection("open"), name, b"The rent is 900 pounds a month.")
    client, source = cited(site, hits, "900 pounds")

    reply = client.get(f"{source}/original")

    assert "x-bad" not in reply.headers
    assert re.fullmatch(r"attachment; filename=\"[\w. -]+\"; filename\*=UTF-8''[\w.%-]+",
                        reply.headers["content-disposition"])  # fmt: skip


@pytest.mark.parametrize("part", ["", "/page", "/original"])
def test_nobody_else_reaches_a_source_and_nobody_keeps_reaching_it(site, contract, part):
    client, source = cited(site, contract, WORDS)
    store = site.services.store
    assert client.get(source + part).status_code == 200
    assert site.client("bob").get(source + part).status_code == 404
    assert site.client("root").get(source + part).status_code == 404
    for absent in ["0/1", "7/0", "-1/0"]:
        assert client.get(source.replace("0/0", absent) + part).status_code == 404

    ada, open_ = site.people["ada"], store.collection("open")
    site.services.access.revoke(ada, open_)
    assert client.get(source + part).status_code == 404
    site.services.access.grant(ada, open_, Access.READ)
    assert client.get(source + part).status_code == 200
    store.remove([contract[0].document.id])
    refused = client.get(source + part)
    assert refused.status_code == 404
    assert WORDS not in refused.text


def test_an_old_answer_opens_its_own_revision_of_a_document_that_changed(site):
    store = site.services.store
    open_ = store.collection("open")
    hits = publish_file(store, open_, "lease.txt", "The rent is 900 pounds. 😀 It is due.".encode())
    client, source = cited(site, hits, "900 pounds. 😀 It")
    publish_file(store, open_, "lease.txt", b"Nothing of it is left.")

    found = client.get(source).json()

    assert (found["quote"], found["is_changed"]) == ("900 pounds. 😀 It", True)
    assert "Nothing" not in json.dumps(found)
    assert client.get(f"{source}/original").content.startswith(b"The rent is 900")
    assert client.get(f"{source}/page").status_code == 404


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("😀 The café is open. 👩\u200d🔬 works.", "café is open. 👩\u200d🔬"),
        ("e\u0301te\u0301 and été", "e\u0301te\u0301"),
        ("one\ntwo\nthree", "wo\nth"),
        ("x" * 5000 + " quoted words " + "y" * 5000, "quoted words"),
        ("word " * 500 + "here it is" + " word" * 500, "here it is"),
    ],
)
def test_a_quote_is_cut_out_of_its_text_to_the_character(text, quote):
    start = text.index(quote)
    lines = lines_around(text, start, start + len(quote))
    marked = "\n".join(
        "".join(run.text for run in line.cells[0] if run.is_quoted)
        for line in lines
        if line.is_quoted
    )
    assert marked == quote
    whole = "\n".join("".join(run.text for run in line.cells[0]) for line in lines)
    assert whole.removeprefix("… ").removesuffix(" …") in text
    assert len(whole) < 1600
    with pytest.raises(ValueError, match="leaves a text"):
        lines_around(text, len(text), len(text) + 1)


def test_a_row_of_a_table_keeps_its_cells():
    text = "Prices\nRow 2: Item: Bed | Price: 10\nRow 3: Item: Sofa | Price: 20\nEnd"
    start = text.index("Price: 20")
    lines = lines_around(text, start, start + 9)
    assert [line.is_row for line in lines] == [False, True, True, False]
    assert [line.is_quoted for line in lines] == [False, False, True, False]
    sofa = lines[2]
    assert [[run.text for run in cell] for cell in sofa.cells] == [
        ["Row 3: Item: Sofa"],
        ["Price: 20"],
    ]
    assert [cell[0].is_quoted for cell in sofa.cells] == [False, True]


# The process that renders


@pytest.fixture(scope="module")
def pages():
    with PageProcess() as process:
        yield process


def turned_page(angle: int) -> bytes:
    out = io.BytesIO()
    made = canvas.Canvas(out, pagesize=A4)
    made.setPageRotation(angle)
    made.drawString(100, 400, "turned words")
    made.showPage()
    made.save()
    return out.getvalue()


@pytest.mark.parametrize(
    ("angle", "left", "top"),
    # The words begin at 100 from the left and 400 from the bottom of A4, 595 by 842; for a quarter
    # turn the sheet lies on its side first. Turned clockwise, what was left is up.
    [(0, 100 / 595, 1 - 400 / 842), (90, 400 / 595, 100 / 842), (180, 1 - 100 / 595, 400 / 842)],
)
def test_boxes_are_where_the_page_shows_them_however_it_is_turned(pages, angle, left, top):
    printed = pages.glyphs(turned_page(angle), 1)
    first = printed.glyphs[0]
    assert first.text == "t"
    near = {
        0: (first.left, first.bottom),
        90: (first.left, first.top),
        180: (first.right, first.top),
    }
    assert near[angle] == pytest.approx((left, top), abs=0.02)
    assert (round(printed.width), round(printed.height)) == (595, 842)


def test_what_is_no_pdf_or_has_no_such_page_is_refused_and_the_next_one_is_not(pages):
    data = (SAMPLES / "price-list.pdf").read_bytes()
    for bad, page in [(b"no pdf", 1), (data, 99), (data, 0), (b"", 1)]:
        with pytest.raises(UnreadableFile):
            pages.glyphs(bad, page)
    assert len(pages.glyphs(data, 1).glyphs) > 100
    image = pages.image(data, 1, scale=1)
    assert int.from_bytes(image[16:20]) == pytest.approx(595, abs=2)
    # A page is never rendered with more than twelve million points.
    large = pages.image(data, 1, scale=50)
    assert int.from_bytes(large[16:20]) * int.from_bytes(large[20:24]) <= 12_100_000


def test_a_page_that_takes_too_much_memory_costs_only_itself():
    data = (SAMPLES / "price-list.pdf").read_bytes()
    with PageProcess(timeout_seconds=0.000001) as hurried, pytest.raises(ReaderCrashed):
        hurried.image(data, 1, scale=3)


# The cache


def test_the_cache_drops_what_was_not_used_and_everything_when_the_store_changes():
    cache: PageCache[str] = PageCache(10)
    assert cache.get("a", 1) is None
    cache.put("a", "A", 4, 1)
    cache.put("b", "B", 4, 1)
    assert cache.get("a", 1) == "A"
    cache.put("c", "C", 4, 1)  # 12 bytes: b was not used for longest
    assert [cache.get(key, 1) for key in "abc"] == ["A", None, "C"]
    cache.put("huge", "H", 11, 1)
    assert cache.get("huge", 1) is None
    cache.put("a", "AA", 5, 1)
    assert (cache.get("a", 1), cache.bytes) == ("AA", 9)
    assert cache.get("a", 2) is None
    cache.put("late", "L", 1, 1)  # made before the change
    assert (cache.get("late", 2), cache.bytes) == (None, 0)
