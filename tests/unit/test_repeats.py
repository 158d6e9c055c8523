"""Evidence does not say the same thing twice."""

from hypothesis import given
from hypothesis import strategies as st

from retrieval.repeats import distinct
from retrieval.types import Document, Hit, Passage


def hit_of(number: int, text: str) -> Hit:
    passage = Passage(number, number, number, 1, 0, len(text), None, "", text)
    return Hit(passage, Document(number, 1, "p", "p", "", "text/plain", number), 1 / number, None)


def hits_of(*texts: str) -> list[Hit]:
    return [hit_of(number, text) for number, text in enumerate(texts, start=1)]


def numbers(hits: list[Hit]) -> list[int]:
    return [hit.passage.id for hit in hits]


def test_the_best_of_several_copies_stays():
    hits = hits_of("The rent is due.", "the  RENT\nis due", "The rent is due. Monthly.", "A cat.")
    assert numbers(distinct(hits, 10)) == [1, 3, 4]
    assert numbers(distinct(hits, 2)) == [1, 3]


def test_one_word_is_a_difference():
    long = "This agreement is made between the parties named below and the rent is {} pounds."
    assert len(distinct(hits_of(long.format(900), long.format(950)), 10)) == 2


def test_nothing_and_no_room():
    assert distinct([], 3) == []
    assert distinct(hits_of("a", "b"), 0) == []


@given(st.lists(st.sampled_from(["a b", "A, b!", "b a", "", "?"]), max_size=8), st.integers(0, 9))
def test_order_is_kept_and_nothing_is_twice(texts, k):
    kept = numbers(distinct(hits_of(*texts), k))
    assert kept == sorted(set(kept))
    assert len(kept) <= k
    assert numbers(distinct(distinct(hits_of(*texts), 9), k)) == kept
