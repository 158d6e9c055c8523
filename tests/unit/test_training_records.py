import json
from collections import Counter
from dataclasses import asdict
from hashlib import sha256

import pytest

from generation.groundedness.context import evidence_of
from training.groundedness.records import KINDS, Drawn, draw, overviews

LEARNED_FROM = "26c7eb9813d6d385999189428dfcb56c15ff7ee60f64bde56232b514100f46ca"


@pytest.fixture(scope="module")
def drawn() -> list[Drawn]:
    return list(draw(600, seed=11))


def test_the_same_seed_draws_the_same_and_more_only_adds():
    assert list(overviews(20, seed=3)) == list(overviews(40, seed=3))[:20]
    assert list(overviews(20, seed=3)) != list(overviews(20, seed=4))
    assert list(overviews(0, seed=3)) == []


def test_what_the_shipped_weights_learned_from_is_still_drawn():
    told = json.dumps([asdict(d) for d in draw(300, seed=5)], ensure_ascii=False)
    assert sha256(told.encode()).hexdigest() == LEARNED_FROM


def test_spans_lie_in_the_text_and_mark_exactly_the_unsupported(drawn):
    for sentence in (s for d in drawn for s in d.overview.sentences):
        assert bool(sentence.unsupported) is not sentence.is_supported
        assert not (sentence.is_supported and sentence.contradicts)
        ends = [0, *(place for span in sentence.unsupported for place in span), len(sentence.text)]
        assert ends == sorted(ends)
        for start, end in sentence.unsupported:
            assert sentence.text[start:end].strip() == sentence.text[start:end] != ""


def test_a_sentence_is_wrong_exactly_where_a_fault_was_made(drawn):
    for d in drawn:
        assert [not s.is_supported for s in d.overview.sentences] == [bool(f) for f in d.faults]


def test_sentences_are_whole(drawn):
    for sentence in (s for d in drawn for s in d.overview.sentences):
        assert sentence.text[0] == sentence.text[0].upper()
        assert sentence.text.endswith((".", "?"))
        assert not set("‹›{}") & set(sentence.text)
        assert not any(slip in sentence.text for slip in ("  ", "..", " ,", "no a ", " a an "))


def test_overviews_have_four_to_ten_sentences_and_half_have_no_fault(drawn):
    assert all(4 <= len(d.overview.sentences) <= 10 for d in drawn)
    assert all(sum(map(bool, d.faults)) <= 3 for d in drawn)
    assert 0.4 < sum(not any(d.faults) for d in drawn) / len(drawn) < 0.6


def test_records_survive_json_and_are_evidence(drawn):
    for record in (d.overview.record for d in drawn[:100]):
        assert json.loads(json.dumps(record)) == record
        assert len(evidence_of(record)) == 1


def test_every_kind_and_every_fault_appears(drawn):
    assert {d.kind for d in drawn} == set(KINDS)
    faults = Counter(fault for d in drawn for fault in d.faults)
    assert set(faults) >= {
        "category", "closed_day", "date", "false_as_true", "hours_ampm", "hours_day", "hours_time",
        "inference", "invented", "known_denied", "null_denied", "null_stated", "number",
        "open_daily", "place", "rating", "review_attribution", "review_count", "review_detail",
        "review_invented", "review_stars", "sentiment", "sentiment_overall", "true_as_false",
        "unit", "value",
    }  # fmt: skip


def test_a_record_that_does_not_know_is_not_contradicted(drawn):
    pairs = [(f, s) for d in drawn for f, s in zip(d.faults, d.overview.sentences, strict=True)]
    assert not any(s.contradicts for f, s in pairs if f in {"null_denied", "null_stated"})
    assert all(s.contradicts for f, s in pairs if f in {"true_as_false", "false_as_true"})
