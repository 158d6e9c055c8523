"""What a model's files say of single tokens."""

import pytest

from generation.engines.special_tokens import forbidden_tokens, token_ids


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((), set()),
        ((None, None), set()),
        ((2, None), {2}),
        (([2, 7], None, 0), {0, 2, 7}),
        (((2,), 2, 2), {2}),
    ],
)
def test_tokens_of_all_places_count(said: tuple[object, ...], expected: set[int]) -> None:
    assert token_ids(*said) == expected


def test_words_of_several_tokens_forbid_none_of_them() -> None:
    assert forbidden_tokens([4], [[5], [6, 7], []]) == {4, 5}
    assert forbidden_tokens(None, None) == frozenset()
