"""Heading paths and the contexts made of them. Pure."""

from collections.abc import Callable, Sequence

from ingestion.types import Block, BlockKind, ParsedDocument
from retrieval.types import context_of

CountTokens = Callable[[Sequence[str]], list[int]]
Path = tuple[str, ...]

_LONGEST_HEADING = 200  # characters of a heading that a context repeats


def heading_paths(document: ParsedDocument) -> list[Path]:
    """For each block the headings above it, outermost first; a heading is not above itself."""
    paths: list[Path] = []
    stack: list[tuple[int, str]] = []
    for block in document.blocks:
        if block.kind is BlockKind.HEADING:
            while stack and stack[-1][0] >= block.level:
                stack.pop()
        paths.append(tuple(heading for _, heading in stack))
        if block.kind is BlockKind.HEADING:
            stack.append((block.level, _heading_text(document.text, block)))
    return paths


def fitting_contexts(
    title: str, paths: Sequence[Path], *, count_tokens: CountTokens, limit_tokens: int
) -> dict[Path, str]:
    """Give each heading path the longest context of at most `limit_tokens` tokens.

    Outer headings go first, for the innermost says most; then the words from the end; a context
    of which not even one character fits is empty.
    """
    unique = list(dict.fromkeys(paths))
    full = [context_of(title, path) for path in unique]
    contexts: dict[Path, str] = {}
    shortened: dict[Path, list[str]] = {}
    for path, context, count in zip(unique, full, count_tokens(full) if full else [], strict=True):
        if count <= limit_tokens:
            contexts[path] = context
        else:
            shortened[path] = _shorter(title, path)
    candidates = list(dict.fromkeys(text for texts in shortened.values() for text in texts))
    if candidates:
        counts = dict(zip(candidates, count_tokens(candidates), strict=True))
        for path, texts in shortened.items():
            contexts[path] = next((text for text in texts if counts[text] <= limit_tokens), "")
    return contexts


def _heading_text(text: str, block: Block) -> str:
    end = min(block.end, block.start + 2 * _LONGEST_HEADING)
    return " ".join(text[block.start : end].split())[:_LONGEST_HEADING].strip()


def _shorter(title: str, path: Path) -> list[str]:
    """Ever shorter contexts: without outer headings, then cut to three quarters again and again."""
    candidates = [context_of(title, path[first:]) for first in range(1, len(path))]
    text = context_of(title, path[-1:])
    while text:
        candidates.append(text)
        cut = text[: len(text) * 3 // 4]
        at_word = cut.rpartition(" ")[0]
        text = (at_word or cut).rstrip(" >")
    return candidates
