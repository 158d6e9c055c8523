"""What the groundedness model learns from: labels, edits, and folds that do not leak."""

import random

import numpy as np
import pytest

from generation.groundedness.words import words_of
from training.groundedness.edits import EDITS, RARE, synthetic
from training.groundedness.limits import best_f1, precise, recalling, to_prior
from training.groundedness.rows import Example, capped, changed, examples_of, overlaps

CONTEXT = (
    "Anna Berg opened the Lido on Monday, 3 May 1998. It has 12 cabins, a sauna, and a café. "
    "Tickets cost 7 euros. Carl Stein was not allowed to run the larger pool in Oslo."
)


def row(claim, label, ds="ragtruth_trainsplit", **more):
    return {"ds": ds, "context": CONTEXT, "question": "", "claim": claim, "label": label, **more}


def test_a_marked_response_is_cut_into_labelled_sentences():
    claim = "Anna Berg opened it. It has 12 cabins and a cinema. Tickets cost 7 euros."
    at = claim.index("and a cinema")
    found = list(examples_of([row(claim, 0, unsup_spans=[[at, at + 12]], src="s1")]))
    assert [e.is_supported for e in found] == [True, False, True]
    assert [e.before for e in found] == ["", found[0].sentence, found[1].sentence]
    [(start, end)] = found[1].unsupported
    assert found[1].sentence[start:end] == "and a cinema"
    assert {e.group for e in found} == {"ragtruth_trainsplit:s1"}


def test_an_unmarked_wrong_response_stays_whole():
    [only] = examples_of([row("It has a cinema. It is nice.", 0, ds="factcheck_bench")])
    assert (only.is_supported, only.contradicts, only.unsupported) == (False, None, None)
    [refuted] = examples_of([row("It never opened.", 0, ds="fever_symmetric")])
    assert refuted.contradicts is True
    [unsaid] = examples_of([row("I like it.", 0, ds="begin_wow")])
    assert unsaid.contradicts is False


def test_an_altered_summary_is_marked_by_its_nearest_correct_version():
    rows = [
        row("The Lido has 12 cabins.", 1, ds="summedits_news"),
        row("The Lido has 13 cabins.", 0, ds="summedits_news"),
    ]
    _, wrong = examples_of(rows)
    [(start, end)] = wrong.unsupported
    assert wrong.sentence[start:end] == "13"


@pytest.mark.parametrize(
    ("original", "altered", "marked"),
    [
        ("a b c", "a b c", []),
        ("a b c", "a x c", ["x"]),
        ("a b c", "a c", ["c"]),
        ("a b", "a b c d", ["c d"]),
        ("was not open", "was open", ["open"]),
    ],
)
def test_changed_words(original, altered, marked):
    assert [altered[a:b] for a, b in changed(original, altered)] == marked


def test_one_digit_makes_a_sentence_wrong():
    rows = [
        row("It costs 7 euros.", 1, ds="summedits_news"),
        row("It costs 8 euros.", 0, ds="summedits_news"),
    ]
    _, wrong = examples_of(rows)
    assert not wrong.is_supported


@pytest.mark.parametrize("sentence", ["Dogs can't enter.", "It can’t be new.", "He isn't here."])
def test_no_edit_makes_a_word_that_is_none(sentence):
    for name in ("negation", "flip"):
        for seed in range(20):
            edited = EDITS[name][0](random.Random(seed), sentence, "")
            assert edited is None or "'t't" not in edited[0].replace("not't", "'t't")


def test_stray_letters_do_not_make_a_sentence_wrong():
    assert overlaps("One. Two.", [[0, 4], [4, 6]], 5, 9) == []
    assert overlaps("One. Two.", [[0, 7]], 5, 9) == [(5, 7)]
    assert overlaps("It is 7.", [[6, 7]], 0, 8) == [(6, 7)]


@pytest.mark.parametrize("name", EDITS)
def test_every_edit_applies_somewhere_and_marks_what_it_changed(name):
    sentences = [
        "Anna Berg opened the Lido on Monday, 3 May 1998.",
        "It has 12 cabins, a sauna, and a café.",
        "Tickets cost 7 euros.",
        "Carl Stein was not allowed to run the larger pool in Oslo.",
    ]
    made = [
        (sentence, edited)
        for seed in range(30)
        for sentence in sentences
        if (edited := EDITS[name][0](random.Random(seed), sentence, CONTEXT))
    ]
    assert made
    for sentence, (text, spans) in made:
        assert text != sentence
        assert spans
        assert all(0 <= a < b <= len(text) for a, b in spans)


def example(text=CONTEXT, source="a", group="g", *, is_supported=True):
    spans = () if is_supported else None
    return Example(source, group, "", "", (text,), "It has 12 cabins.", is_supported, None, spans)


def test_made_examples_are_repeatable_balanced_and_marked():
    others = (
        "Mira Vale owns 40 goats in Bergen. They graze on Tuesday, 5 June 2001, near the fjord."
    )
    pool = [example(), example(others, group="h")]
    made = list(synthetic(pool, 300, 5))
    assert made == list(synthetic(pool, 300, 5))
    assert 0.3 < np.mean([one.is_supported for one in made]) < 0.7
    for one in made:
        assert one.is_supported == (not one.unsupported)
        assert all(0 <= a < b <= len(one.sentence) for a, b in one.unsupported)
        assert not (one.is_supported and one.contradicts)
    rare = {f"made:edit_{name}" for name in RARE} | {"made:edit_twin"}
    edits = {one.source for one in synthetic(pool, 300, 5, RARE) if "edit" in one.source}
    assert edits <= rare


def test_a_close_edit_is_shown_only_the_sentences_around_it():
    long = " ".join(f"Pier {n} was built by Anna Berg {n} in {1900 + n}." for n in range(60))
    far = list(synthetic([example(long)], 200, 5))
    close = list(synthetic([example(long)], 200, 5, closely=1.0))
    edits = [one for one in close if one.source.startswith("made:edit_")]
    assert edits
    for one in edits:
        assert one.evidence[0] in long
        assert len(one.evidence[0]) < 500
    assert any(one.evidence[0] == long for one in far)


def test_what_is_left_of_removed_evidence_does_not_carry_the_sentence():
    long = (
        CONTEXT + " The river is cold in winter. Boats may moor along the southern quay all year."
    )
    removed = [e for e in synthetic([example(long)], 400, 1) if e.source == "made:evidence_removed"]
    assert removed
    for one in removed:
        left = words_of(" ".join(one.evidence)).content
        claim = words_of(one.sentence).content
        assert len(claim & left) < len(claim)


def test_caps_keep_both_labels():
    pool = [example(is_supported=n % 4 == 0) for n in range(100)]
    kept = capped(pool, {"a": 20}, 1)
    assert sum(one.is_supported for one in kept) == 10
    assert len(kept) == 20
    assert len(capped(pool, {}, 1)) == 100


def test_limits_worked_by_hand():
    wrong = np.array([True, True, False, True, False, False])
    supported = np.array([0.1, 0.2, 0.3, 0.4, 0.8, 0.9])
    assert to_prior(wrong, 0.2) == pytest.approx([0.4, 0.4, 1.6, 0.4, 1.6, 1.6])
    # Expected F1 flagging the first 1 to 5, at half wrong: .42, .64, .76, .82, .77.
    assert 0.4 < best_f1(wrong, supported, 0.5) < 0.41
    # .75, then .76: what is wrong more often than half the best F1 is worth flagging.
    few = np.array([True, False, False]), np.array([0.1, 0.6, 0.9])
    assert 0.6 < best_f1(*few, 1 / 3) < 0.61
    assert precise(wrong, supported, 0.5, 0.5) == 0.0  # six cases prove nothing
    many = np.repeat(wrong, 10), np.repeat(supported, 10)
    assert 0.2 < precise(*many, 0.5, 0.9) < 0.31
    assert precise(~many[0], many[1], 0.5, 0.9) == 0.0
    assert recalling(wrong, supported, 0.5) == pytest.approx(0.2)
