"""Cut a document's text into passages. Pure: the tokenizer comes in as a function.

Passages tile the text: joined they are the text. Each fits the encoder together with its
context, lies on one page, and begins where a reader would begin: at a heading, else a
paragraph, else a sentence, else a word. Only words too long for a passage are cut.

Blocks become atoms (what is kept whole), atoms are packed into passages. Tokens are counted in a
few batches: a whole passage may count differently from the sum of its atoms, so passages are
counted once more at the end and those over the limit are halved.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from ingestion.contexts import CountTokens, Path, fitting_contexts, heading_paths
from ingestion.cutting import Span, halves, line_spans, word_spans
from ingestion.packing import Atom, Room, packed
from ingestion.types import Block, BlockKind, ParsedDocument
from retrieval.sentences import sentence_spans
from retrieval.types import PassageSpan

_CONTEXT_SHARE = 3  # a context takes at most one third of the limit
# Ordinary text has no longer tokens: longer stretches are cut without being counted first.
_LONGEST_TOKEN = 40


class _Piece(NamedTuple):
    """A stretch of a block. `tokens` is None before it is counted, or when it is too long to be."""

    block: int
    start: int
    end: int
    tokens: int | None


def split_into_passages(
    document: ParsedDocument, *, count_tokens: CountTokens, limit_tokens: int, target_tokens: int
) -> tuple[PassageSpan, ...]:
    """Cut a document into passages.

    Args:
        document: what a reader gave.
        count_tokens: the encoder's own count for each text; special tokens may be included.
        limit_tokens: most tokens of `context + "\\n" + text`, for every passage.
        target_tokens: tokens of text at which a passage is full; fewer where the context needs
            the room.

    Returns:
        Passages in order; the first starts at 0, each where the one before ends, the last ends at
        `len(document.text)`. Empty for an empty text.

    Raises:
        ValueError: a limit is not positive, or not even one character fits in `limit_tokens`.
    """
    if limit_tokens < 1 or target_tokens < 1:
        raise ValueError(
            f"limit_tokens {limit_tokens} and target_tokens {target_tokens} must be at least 1"
        )
    if not document.text:
        return ()
    paths = heading_paths(document)
    contexts = fitting_contexts(
        document.title,
        [(), *paths],
        count_tokens=count_tokens,
        limit_tokens=limit_tokens // _CONTEXT_SHARE,
    )
    rooms = _rooms(contexts, count_tokens, limit_tokens, target_tokens)
    atoms = _atoms(document, paths, rooms, count_tokens)
    passages = [group.passage(contexts) for group in packed(atoms, rooms)]
    if not passages:  # nothing but white space
        passages = [PassageSpan(0, len(document.text), None, contexts[()])]
    return _halved_to_limit(document.text, passages, count_tokens, limit_tokens)


def _rooms(
    contexts: dict[Path, str], count_tokens: CountTokens, limit: int, target: int
) -> dict[Path, Room]:
    counts = count_tokens([f"{context}\n" for context in contexts.values()])
    limits = [max(1, limit - count) for count in counts]
    return {
        path: Room(min(target, room), room) for path, room in zip(contexts, limits, strict=True)
    }


def _atoms(
    document: ParsedDocument,
    paths: Sequence[Path],
    rooms: dict[Path, Room],
    count_tokens: CountTokens,
) -> Iterator[Atom]:
    """Blocks that fit the target stay whole; larger ones are cut at sentences, lines, words."""
    text, blocks = document.text, document.blocks
    of_block = [rooms[path] for path in paths]
    pieces = [_Piece(i, start, end, None) for i, (start, end) in enumerate(_extents(document))]
    pieces = _counted(text, pieces, of_block, count_tokens)
    for stage in (0, 1):
        parts: list[_Piece] = []
        for piece in pieces:
            room = of_block[piece.block]
            if piece.tokens is not None and piece.tokens <= (room.limit if stage else room.target):
                parts.append(piece)
            else:
                spans = _spans(text, piece, blocks[piece.block].kind, stage)
                parts.extend(_Piece(piece.block, start, end, None) for start, end in spans)
        pieces = _counted(text, parts, of_block, count_tokens)
    for index, group in groupby(_cut_at_words(text, pieces, of_block, count_tokens), _block_of):
        yield from _block_atoms(blocks[index], paths[index], of_block[index], list(group))


def _block_of(piece: _Piece) -> int:
    return piece.block


def _extents(document: ParsedDocument) -> Iterable[Span]:
    """The blocks, each with the white space after it; the first begins at 0."""
    if not document.blocks:
        return ()
    starts = [0, *(block.start for block in document.blocks[1:]), len(document.text)]
    return pairwise(starts)


def _spans(text: str, piece: _Piece, kind: BlockKind, stage: int) -> list[Span]:
    """First cut prose at sentences and everything else at lines, then the other way round."""
    if (kind in (BlockKind.PARAGRAPH, BlockKind.HEADING)) == (stage == 0):
        found = sentence_spans(text[piece.start : piece.end])
        return [(piece.start + start, piece.start + end) for start, end in found]
    return line_spans(text, piece.start, piece.end)


def _counted(
    text: str, pieces: list[_Piece], of_block: Sequence[Room], count_tokens: CountTokens
) -> list[_Piece]:
    """Count what is not yet counted and not too long to fit anyway."""
    positions = [
        position
        for position, piece in enumerate(pieces)
        if piece.tokens is None
        and piece.end - piece.start <= _LONGEST_TOKEN * of_block[piece.block].limit
    ]
    texts = [text[pieces[p].start : pieces[p].end] for p in positions]
    for position, count in zip(positions, _net_counts(texts, count_tokens), strict=True):
        pieces[position] = pieces[position]._replace(tokens=count)
    return pieces


def _net_counts(texts: list[str], count_tokens: CountTokens) -> list[int]:
    """Tokens of each text without special ones, at least 1."""
    if not texts:
        return []
    *counts, special = count_tokens([*texts, ""])
    return [max(1, count - special) for count in counts]


def _cut_at_words(
    text: str, pieces: list[_Piece], of_block: Sequence[Room], count_tokens: CountTokens
) -> Iterator[_Piece]:
    """Cut what is still too long into runs of words, each as near to the target as it gets."""
    too_long = {
        piece
        for piece in pieces
        if piece.tokens is None or piece.tokens > of_block[piece.block].limit
    }
    words = sorted(
        {
            text[start:end].strip()
            for piece in too_long
            for start, end in word_spans(text, piece.start, piece.end)
        }
    )
    counts = dict(zip(words, _net_counts(words, count_tokens), strict=True))
    for piece in pieces:
        if piece in too_long:
            yield from _word_runs(text, piece, of_block[piece.block].target, counts)
        else:
            yield piece


def _word_runs(text: str, piece: _Piece, target: int, counts: dict[str, int]) -> Iterator[_Piece]:
    begin, tokens = piece.start, 0
    for start, end in word_spans(text, piece.start, piece.end):
        count = counts[text[start:end].strip()]
        if tokens and tokens + count > target:
            yield _Piece(piece.block, begin, start, tokens)
            begin, tokens = start, 0
        tokens += count
    yield _Piece(piece.block, begin, piece.end, tokens)


def _block_atoms(block: Block, path: Path, room: Room, pieces: list[_Piece]) -> Iterator[Atom]:
    """Atoms of one block; a block of several passages is cut into parts of even length."""
    total = sum(piece.tokens or 1 for piece in pieces)
    parts = -(-total // room.target)
    for piece in pieces:
        yield Atom(
            start=piece.start,
            end=piece.end,
            tokens=piece.tokens or 1,
            aim=-(-total // parts) if len(pieces) > 1 else room.target,
            is_heading=block.kind is BlockKind.HEADING,
            is_part=len(pieces) > 1,
            is_first=piece is pieces[0],
            page=block.page,
            path=path,
        )


def _halved_to_limit(
    text: str, passages: list[PassageSpan], count_tokens: CountTokens, limit: int
) -> tuple[PassageSpan, ...]:
    """Count passages as the encoder will see them and halve those over the limit until none is."""
    finished: list[PassageSpan] = []
    while passages:
        counts = count_tokens([f"{p.context}\n{text[p.start : p.end]}" for p in passages])
        counted = list(zip(passages, counts, strict=True))
        finished.extend(passage for passage, count in counted if count <= limit)
        passages = [
            half for passage, count in counted if count > limit for half in _halved(text, passage)
        ]
    return tuple(sorted(finished, key=lambda passage: passage.start))


def _halved(text: str, passage: PassageSpan) -> Iterator[PassageSpan]:
    spans = halves(text, passage.start, passage.end)
    if spans is None:
        raise ValueError(
            f"one character and its context {passage.context!r} are over the limit of tokens; "
            "raise the limit"
        )
    for start, end in spans:
        yield PassageSpan(start, end, passage.page, passage.context)
