"""How much of a model's window OpenVINO can use, where not all of it is alike."""

from collections.abc import Iterator, Mapping
from typing import Any

from generation.errors import NotConvertible

# Not worth having with less: evidence and answer take this much.
LEAST_CONTEXT_TOKENS = 2000


def usable_context(config: Any, windows: list[int]) -> int | None:  # noqa: ANN401
    """The longest conversation for which full attention and one set of angles are right.

    A graph has no layers that see only the last tokens, and no angles that change with the length
    of what is read ("longrope"). Up to the narrowest window, or the length at which the angles
    change, it computes the same; beyond it does not.

    Args:
        config: the model's.
        windows: of the layers that see only so many of the last tokens.

    Returns:
        Tokens, fewer than the model itself can take; None when it is all of them.

    Raises:
        NotConvertible: it is fewer than `LEAST_CONTEXT_TOKENS`, and than the model can take.
    """
    text = config.get_text_config()
    longest = getattr(text, "max_position_embeddings", None)
    limits = {f"some of its layers see only the last {window} tokens": window for window in windows}
    for length in _lengths_of_angles(text):
        limits[f"its angles of position change at {length} tokens"] = length
    if not limits:
        return None
    reason, limit = min(limits.items(), key=lambda item: item[1])
    if longest is not None and limit >= longest:
        return None
    if limit < LEAST_CONTEXT_TOKENS:
        raise NotConvertible(f"{reason}, and its window is {longest or 'not limited'}")
    return limit


def _lengths_of_angles(text: Any) -> Iterator[int]:  # noqa: ANN401
    parameters = getattr(text, "rope_parameters", None) or {}
    each = [parameters, *(value for value in parameters.values() if isinstance(value, Mapping))]
    for one in each:
        if one.get("rope_type") == "longrope":
            length = one.get("original_max_position_embeddings") or getattr(
                text, "original_max_position_embeddings", None
            )
            if length:
                yield int(length)
