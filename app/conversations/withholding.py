"""What of a kept answer somebody may still see. Pure.

A right to read that was taken away counts for old answers, too: their words are the documents'.
"""

from dataclasses import replace

from app.conversations.types import Drafts, KeptAnswer, KeptSentence, Quote


def as_readable(answer: KeptAnswer, readable: frozenset[int]) -> KeptAnswer:
    """The answer without the words of collections that are not in `readable`.

    A sentence that rests on one of them goes with its quote. Where any source is not readable, so
    do sentences that rest on nothing, and the engine's drafts: they may repeat it all the same.
    """
    if answer.sources <= readable:
        return answer
    return replace(
        answer,
        sentences=tuple(_sentence(one, readable) for one in answer.sentences),
        nearest=tuple(_quote(one, readable) for one in answer.nearest),
        drafts=Drafts(),
    )


def _sentence(sentence: KeptSentence, readable: frozenset[int]) -> KeptSentence:
    rests_on = {quote.collection_id for quote in sentence.quotes}
    quotes = tuple(_quote(quote, readable) for quote in sentence.quotes)
    is_open = bool(rests_on) and rests_on <= readable
    return replace(sentence, text=sentence.text if is_open else None, quotes=quotes)


def _quote(quote: Quote, readable: frozenset[int]) -> Quote:
    if quote.collection_id in readable:
        return quote
    return replace(quote, document=None, quote=None)
