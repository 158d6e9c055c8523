"""Turns that alternate, and which of them go when there is no room."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.conversation import alternating, conversation_of, left_out
from generation.types import Message

USER, ASSISTANT, SYSTEM = "user", "assistant", "system"
sizes = st.lists(st.integers(1, 200), max_size=30)


@pytest.mark.parametrize(
    ("given_sizes", "room", "expected"),
    [
        ([], 10, 0),
        ([10], 10, 0),
        ([11], 10, 1),
        ([4, 4], 10, 0),
        ([4, 4, 4], 10, 2),  # 12 are too many: down to 5
        ([4, 4, 4, 4], 10, 2),
        ([4, 4, 4, 4, 4], 10, 4),
        ([9, 8], 10, 1),  # the newest stays, though it takes more than half
        ([1, 50, 1], 10, 2),
    ],
)
def test_what_goes_is_worked_by_hand(given_sizes, room, expected):
    assert left_out(given_sizes, room) == expected


@given(sizes, st.integers(0, 300))
def test_what_is_left_fits_and_the_newest_stays_if_it_can(given_sizes, room):
    dropped = left_out(given_sizes, room)
    assert 0 <= dropped <= len(given_sizes)
    assert sum(given_sizes[dropped:]) <= room
    if given_sizes and given_sizes[-1] <= room:
        assert dropped < len(given_sizes)


@given(sizes, st.integers(0, 300))
def test_no_turn_comes_back(given_sizes, room):
    cuts = [left_out(given_sizes[:n], room) for n in range(len(given_sizes) + 1)]
    assert cuts == sorted(cuts)


def test_questions_stay_with_their_answers():
    found = conversation_of(
        [
            Message(SYSTEM, "Be brief."),
            Message(ASSISTANT, "Hello, how can I help?"),
            Message(USER, "One?"),
            Message(ASSISTANT, "1."),
            Message(USER, "Two?"),
            Message(USER, "I mean: three?"),
            Message(ASSISTANT, " "),
            Message(SYSTEM, "Be kind."),
            Message(ASSISTANT, "3."),
        ]
    )
    assert found.instructions == "Be brief.\n\nBe kind."
    assert [[turn.content for turn in one] for one in found.exchanges] == [
        ["One?", "1."],
        ["Two?", "I mean: three?", "3."],
    ]


@given(
    st.lists(
        st.builds(
            Message, st.sampled_from(get_args(Message.__annotations__["role"])), st.text("a ")
        )
    )
)
def test_whatever_is_said_alternates(history):
    conversation = conversation_of(history)
    said = alternating(turn for exchange in conversation.exchanges for turn in exchange)
    assert [turn.role for turn in said] == [USER, ASSISTANT] * (len(said) // 2) + [USER] * (
        len(said) % 2
    )
    words = "".join(turn.content for turn in [*said, Message(USER, conversation.instructions)])
    assert words.count("a") <= sum(turn.content.count("a") for turn in history)
