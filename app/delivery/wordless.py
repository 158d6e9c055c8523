"""What went wrong, told without an error's words: they may repeat a text, an address, a secret."""

import traceback


def trace_of(error: BaseException) -> str:
    """The kinds of an error and of those it came of, each after its lines of code, newest first."""
    parts: list[str] = []
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        parts.append("".join(traceback.format_tb(one.__traceback__)) + type(one).__name__)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\ncame of\n".join(parts)
