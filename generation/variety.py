"""In which order the model reads statements, so that they speak of all that was asked. Pure."""

from collections import Counter
from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace

from generation.quoting import Quote, quote_score

# So much of a word of the question is still worth something each time it is there once more.
_ONCE_MORE = 0.5
# And so much less is a statement worth for each one of the same document before it.
_SAME_DOCUMENT = 0.1


def varied(quotes: Sequence[Quote], asked: frozenset[str], documents: Sequence[int]) -> list[Quote]:
    """The statements by what each of them adds to those before it.

    A question that takes two documents to answer names what stands in each. The statements that fit
    it best all speak of one of them; a word of the question that is there already counts half, and
    half again, and another document is preferred a little, so that others find room. What says the
    same once more comes late for the same reason. Both numbers were chosen on MuSiQue
    (docs/LOG.md).

    Args:
        quotes: best first, as `rank_quotes` gives them.
        asked: the words of the question, `Words.content`.
        documents: of each hit, which a quote names by its `index`.

    Returns:
        All of them, the best one first; ties as they were.
    """
    times: Counter[str] = Counter()
    taken: Counter[int] = Counter()
    order: list[Quote] = []
    # What a statement adds never grows, so only the first in the heap must be looked at again.
    heap = [(-quote.score, place, 0) for place, quote in enumerate(quotes)]
    heapify(heap)
    while heap:
        _, place, known = heap[0]
        quote = quotes[place]
        if known == len(order):
            heappop(heap)
            order.append(quote)
            times.update(quote.words)
            taken[documents[quote.index]] += 1
        else:
            added = _added(quote, times, asked) - _SAME_DOCUMENT * taken[documents[quote.index]]
            heapreplace(heap, (-added, place, len(order)))
    return order


def _added(quote: Quote, times: Counter[str], asked: frozenset[str]) -> float:
    # In order: a set's differs from process to process, and so would the last bit of its sum.
    worth = sum(_ONCE_MORE ** times[word] for word in sorted(quote.words))
    return quote_score(quote.similarity, worth / len(asked) if asked else 0.0)
