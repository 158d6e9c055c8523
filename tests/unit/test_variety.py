"""What a statement adds to those before it decides when it is read."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from generation.quoting import Quote, quote_score
from generation.variety import varied

ASKED = frozenset({"founder", "fair", "born", "where"})


def quote(index: int, similarity: float, words: set[str]) -> Quote:
    coverage = len(words) / len(ASKED)
    score = quote_score(similarity, coverage)
    return Quote(index, 0, 9, similarity, coverage, score, frozenset(words))


def ranked(*quotes: Quote) -> list[Quote]:
    return sorted(quotes, key=lambda one: (-one.score, one.index))


def order(quotes) -> list[int]:
    """Each statement of a document of its own, unless it has a number of ten or more."""
    return [one.index for one in varied(quotes, ASKED, [n % 10 for n in range(20)])]


def test_worked_by_hand():
    # 0: .6 + .8 * 2/4 = 1.0          first
    # 1: .5 + .4 = .9, then .5 + .2 = .7: its two words are there already
    # 2: .4 + .8 * 2/4 = .8, and both of its words are new
    found = ranked(
        quote(0, 0.6, {"founder", "fair"}),
        quote(1, 0.5, {"founder", "fair"}),
        quote(2, 0.4, {"born", "where"}),
    )
    assert [one.index for one in found] == [0, 1, 2]
    assert order(found) == [0, 2, 1]


def test_without_words_of_the_question_meaning_decides():
    found = ranked(quote(0, 0.1, set()), quote(1, 0.9, set()), quote(2, 0.9, set()))
    assert order(found) == [1, 2, 0]
    assert [one.index for one in varied(found, frozenset(), [1, 2, 3])] == [1, 2, 0]
    assert varied([], ASKED, []) == []


def test_another_document_is_preferred_a_little():
    found = ranked(quote(1, 0.9, set()), quote(11, 0.8, set()), quote(2, 0.75, set()))
    assert order(found) == [1, 2, 11]  # .8 - .1 < .75
    found = ranked(quote(1, 0.9, set()), quote(11, 0.8, set()), quote(2, 0.65, set()))
    assert order(found) == [1, 11, 2]


statements = st.lists(
    st.tuples(st.floats(-1, 1).map(lambda x: round(x, 2)), st.sets(st.sampled_from(sorted(ASKED)))),
    max_size=12,
)


@given(statements)
def test_it_is_the_greedy_order_over_all_of_them(made):
    found = ranked(*(quote(i, similarity, words) for i, (similarity, words) in enumerate(made)))
    times: Counter[str] = Counter()
    seen: Counter[int] = Counter()
    left, expected = list(found), []
    while left:
        best = max(
            left,
            key=lambda one: (
                quote_score(one.similarity, sum(0.5 ** times[w] for w in sorted(one.words)) / 4)
                - 0.1 * seen[one.index % 10],
                -found.index(one),
            ),
        )
        left.remove(best)
        times.update(best.words)
        seen[best.index % 10] += 1
        expected.append(best.index)
    assert order(found) == expected
    assert expected[:1] == [one.index for one in found[:1]]
