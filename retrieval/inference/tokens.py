"""What every packer asks of a tokenizer."""

import re

from tokenizers import Tokenizer

_SURROGATE = re.compile("[\ud800-\udfff]")


def encodable(text: str) -> str:
    """The text with a mark for each lone surrogate, which no tokenizer takes."""
    return _SURROGATE.sub("\ufffd", text)


def id_of(tokenizer: Tokenizer, mark: str) -> int:
    """The number of a token.

    Raises:
        ValueError: the tokenizer has no such token.
    """
    found: int | None = tokenizer.token_to_id(mark)
    if found is None:
        raise ValueError(f"the tokenizer has no {mark}")
    return found
