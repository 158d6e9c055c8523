"""The leak probe over a real store and real indexes: what leaks is seen, and nothing is left."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.errors import NothingToProbe
from evals.probing.canaries import CANARY_NAME, CANARY_PATHS, planted, sweep
from evals.probing.granted import read_granted
from evals.probing.probe import (
    NOBODY,
    OPERATOR,
    SAMPLED_ANSWERS,
    BlindSpot,
    Door,
    ProbeReport,
    probe,
)
from generation.answering import Answerer
from generation.decoding import Decoding
from generation.types import Drafted
from retrieval.types import Access, Mode, Principal
from tests.component.library import Library, bytes_under, opened
from tests.fakes import ScriptedEngine, SubstringVerifier, shared_words

ROOT = Path(__file__).resolve().parents[2]
SEARCHES = {Door.DENSE, Door.LEXICAL, Door.HYBRID}


@pytest.fixture
def library(tmp_path) -> Iterator[Library]:
    """Ada reads contracts, the group sales (with Bob) reads prices, Root all, Eve nothing."""
    with opened(tmp_path) as made:
        made.publish("contracts", "/lease.txt", "The lease ends in May. Rent is due monthly.")
        made.publish("prices", "/prices.txt", "A bolt costs two crowns. A nut costs one.")
        made.publish("secrets", "/secret.txt", "The merger is called Heron.")
        ada, bob, _ = (made.access.add_user(name) for name in ("ada", "bob", "eve"))
        made.access.add_user("root", is_administrator=True)
        sales = made.access.add_group("sales")
        made.access.join(bob, sales)
        made.access.grant(ada, made.store.collection("contracts"), Access.READ)
        made.access.grant(sales, made.store.collection("prices"), Access.MANAGE)
        yield made


def probed(library: Library, **replaced) -> ProbeReport:
    """A probe, of which a test may replace parts."""
    search = replaced.pop("search", library.searcher.search)
    engine = ScriptedEngine(["I cannot say."] * 1000)
    answerer = Answerer(
        search,
        library.encoder,
        engine,
        SubstringVerifier(),
        shared_words(),
        library.store.change_number,
    )
    answer = replaced.pop("answer", answerer.answer)
    return probe(
        library.store,
        library.encoder,
        replaced.pop("access", library.access),
        replaced.pop("granted", lambda: read_granted(library.engine)),
        search,
        lambda: answer,
        **replaced,
    )


def leaked(report: ProbeReport) -> set[tuple[str, str]]:
    return {(leak.asker, leak.collection) for leak in report.leaks}


# --- A product without leaks -------------------------------------------------------------------


def test_nothing_leaks_and_everybody_finds_what_is_theirs(library):
    report = probed(library, answers="all")
    assert report.passed
    assert (report.leaks, report.blind_spots, report.swept) == ((), (), 0)
    # ada, bob, eve, root, sales, the operator, nobody; three collections each, at each door.
    assert (report.askers, report.collections) == (7, 3)
    assert report.asked == dict.fromkeys((*SEARCHES, Door.ANSWER), 21)


def test_nothing_is_left_behind(library, tmp_path):
    before = library.rows("SELECT path FROM documents ORDER BY id")
    probed(library)
    assert library.rows("SELECT path FROM documents ORDER BY id") == before
    assert b"leak probe codeword" not in bytes_under(tmp_path)
    assert library.vectors.problem() is None
    assert library.lexical.problem() is None


@pytest.mark.parametrize(("answers", "asked"), [("none", 0), ("sample", SAMPLED_ANSWERS)])
def test_answers_are_sampled_as_told(library, answers, asked):
    report = probed(library, answers=answers)
    assert report.asked.get(Door.ANSWER, 0) == asked
    assert report.passed


def test_without_collections_there_is_nothing_to_probe(tmp_path):
    with opened(tmp_path) as empty, pytest.raises(NothingToProbe, match="assay ingest"):
        probed(empty)


def test_one_collection_without_users_is_probed_by_the_operator_and_nobody(tmp_path):
    with opened(tmp_path) as small:
        small.store.ensure_collection("empty")
        report = probed(small)
        assert report.passed
        assert report.askers == 2


def test_progress_goes_up_to_the_end(library):
    told = []
    probed(library, on_progress=lambda done, whole, remark: told.append((done, whole, remark)))
    done = [one[0] for one in told]
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] < told[-1][1]
    assert {one[2] for one in told} >= {f"eve, {Door.DENSE}", f"{NOBODY}, {Door.LEXICAL}"}


# --- Planted leaks ------------------------------------------------------------------------------


def test_a_search_that_ignores_what_may_be_read_is_caught(library):
    everything = library.everything()

    def leaky(question, *, readable, k=10, mode=Mode.HYBRID, **_):
        return library.searcher.search(question, readable=everything, k=k, mode=mode)

    report = probed(library, search=leaky, answers="all")
    assert not report.passed
    assert {"contracts", "prices", "secrets"} <= {leak.collection for leak in report.leaks}
    # Everybody but those who may read all sees all that is not theirs.
    assert {asker for asker, _ in leaked(report)} == {"ada", "bob", "eve", "sales", NOBODY}
    assert ("ada", "contracts") not in leaked(report)
    assert {leak.door for leak in report.leaks} == {*SEARCHES, Door.ANSWER}
    seen = {leak.where for leak in report.leaks if leak.door is Door.ANSWER}
    assert {"evidence", "sentence", "citation", "text", "nearest"} & seen


@pytest.mark.parametrize("mode", list(Mode))
def test_a_leak_of_one_index_alone_is_caught_at_its_door(library, mode):
    def leaky(question, *, readable, k=10, **options):
        wanted = options.get("mode", Mode.HYBRID)
        read = library.everything() if wanted is mode else readable
        return library.searcher.search(question, readable=read, k=k, mode=wanted)

    report = probed(library, search=leaky, answers="none")
    assert [*{leak.door for leak in report.leaks}] == [Door(f"{mode} search")]


def test_a_cache_that_does_not_know_who_asked_is_caught(library):
    kept = {}

    def caching(question, *, readable, k=10, mode=Mode.HYBRID):
        if (question, mode) not in kept:
            kept[question, mode] = library.searcher.search(question, readable=readable, k=k)
        return kept[question, mode]

    report = probed(library, search=caching, answers="none")
    # The operator asks first, and sees all.
    assert {("bob", "contracts"), ("eve", "secrets"), (NOBODY, "prices")} <= leaked(report)


def test_rights_that_are_wider_than_the_tables_are_caught(library):
    class Generous:
        """Mistakes a member of one group for a member of all."""

        everything = staticmethod(library.everything)

        def readable(self, principal: Principal) -> frozenset[int]:
            found = library.access.readable(principal)
            return found | library.access.readable(library.access.principal("sales"))

    report = probed(library, access=Generous())
    assert {("ada", "prices"), ("eve", "prices")} <= leaked(report)
    assert ("bob", "prices") not in leaked(report)
    assert Door.GRANTS in {leak.door for leak in report.leaks}


def test_an_answer_that_tells_what_it_was_not_shown_is_caught(library):
    real = Answerer(
        library.searcher.search, library.encoder, ScriptedEngine([""] * 100),
        SubstringVerifier(), shared_words(), library.store.change_number,
    )  # fmt: skip

    def telling(question, *, readable, decoding: Decoding):
        [line] = library.rows(
            "SELECT text FROM passages WHERE text LIKE ?", f"%{question.split()[-1][:-1]}%"
        )
        yield Drafted(line[0][:-4])
        yield Drafted(line[0][-4:])
        yield from real.answer(question, readable=readable, decoding=decoding)

    report = probed(library, answer=telling, answers="all")
    assert {leak.where for leak in report.leaks} == {"draft"}
    assert ("eve", "secrets") in leaked(report)


# --- Blind spots ---------------------------------------------------------------------------------


def test_a_probe_that_finds_nothing_proves_nothing(library):
    report = probed(library, search=lambda *_, **__: [], answers="none")
    assert report.leaks == ()
    assert not report.passed
    assert BlindSpot("ada", "contracts", Door.DENSE) in report.blind_spots
    assert BlindSpot(OPERATOR, "secrets", Door.LEXICAL) in report.blind_spots
    assert not any(spot.asker == "eve" for spot in report.blind_spots)


def test_finding_other_passages_of_a_collection_is_not_finding_the_canary(library):
    def stale(question, **options):
        hits = library.searcher.search(question, **options)
        return [hit for hit in hits if hit.document.name != CANARY_NAME]

    assert not probed(library, search=stale, answers="none").passed


def test_what_is_granted_meanwhile_is_no_leak(library):
    before = read_granted(library.engine)
    granted = iter([before])
    library.access.grant(
        library.access.principal("eve"), library.store.collection("secrets"), Access.READ
    )
    report = probed(library, granted=lambda: next(granted, read_granted(library.engine)))
    assert report.passed
    # The other way round: what was taken away meanwhile was seen rightly.
    assert probed(library).passed


# --- Who may read what, from the tables alone ---------------------------------------------------


def test_the_yardstick_agrees_with_the_product_on_every_kind_of_right(library):
    access, store = library.access, library.store
    outer = access.add_group("outer")
    access.join(access.principal("sales"), outer)
    access.grant(outer, store.collection("secrets"), Access.READ)
    access.grant(access.principal("bob"), store.collection("contracts"), Access.WRITE)
    granted = read_granted(library.engine)
    for principal in access.principals():
        assert granted.expected(principal.id) == access.readable(principal), principal.name
    # A group in a group hands nothing on: deny by default.
    bob = access.principal("bob").id
    names = {granted.collections[one] for one in granted.expected(bob)}
    assert names == {"contracts", "prices"}
    assert granted.expected(10_000) == frozenset()


# --- Whatever happens, nothing is left ------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_was_planted_goes_when_the_probe_is_stopped(library, error):
    def failing(*_, **__):
        raise error

    with pytest.raises(error):
        probed(library, search=failing)
    assert canaries_in(library) == 0


def test_ctrl_c_while_removing_does_not_stop_the_removing(library, monkeypatch):
    real, calls = library.store.remove, []

    def interrupted(ids):
        calls.append(ids)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return real(ids)

    monkeypatch.setattr(library.store, "remove", interrupted)
    with (
        pytest.raises(KeyboardInterrupt),
        planted(library.store, library.encoder, library.store.collections()),
    ):
        assert canaries_in(library) == 3
    assert canaries_in(library) == 0


def test_a_killed_probe_is_swept_by_the_next(library, tmp_path):
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from evals.probing.canaries import planted
        from tests.component.library import opened
        with opened(Path(sys.argv[1])) as library:
            with planted(library.store, library.encoder, library.store.collections()):
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert canaries_in(library) == 3
    report = probed(library)
    assert report.swept == 3
    assert report.passed
    assert canaries_in(library) == 0
    assert sweep(library.store) == 0


def canaries_in(library: Library) -> int:
    [(count,)] = library.rows(
        "SELECT count(*) FROM documents WHERE path LIKE ?", f"{CANARY_PATHS}%"
    )
    return int(str(count))
