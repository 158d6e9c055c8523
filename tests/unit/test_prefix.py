"""The blocks of the key-value cache: who uses them, and what can be read again."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.engines.openvino.jobs import Track
from generation.engines.openvino.prefix import BlockPool, PoolCounts, chained


def written(pool: BlockPool, tokens: list[int]) -> list[int]:
    """Read a text as the engine does: what is kept is taken over, the rest is written and kept."""
    found = pool.matched(tokens)
    blocks = [block for block, _ in found]
    name = found[-1][1] if found else b""
    size = pool.block_tokens
    while len(blocks) < pool.blocks_for(len(tokens)):
        block = pool.taken()
        assert block is not None
        end = (len(blocks) + 1) * size
        blocks.append(block)
        if end <= len(tokens):
            name = chained(name, tokens[end - size : end])
            pool.keep(block, name)
    return blocks


def matched(pool: BlockPool, tokens: list[int]) -> int:
    """How many tokens of a text the pool holds."""
    found = [block for block, _ in pool.matched(tokens)]
    pool.give_back(found)
    return len(found) * pool.block_tokens


def test_full_blocks_of_a_text_are_found_again_once_it_is_done() -> None:
    pool = BlockPool(8, 2)
    pool.give_back(written(pool, [1, 2, 3, 4, 5]))
    # Blocks (1, 2) and (3, 4) are full; the one with 5 alone is free again.
    assert pool.counts == PoolCounts(free=6, kept=2, used=0)
    assert matched(pool, [1, 2, 3, 4, 9, 9]) == 4
    assert matched(pool, [1, 2, 9, 9, 9]) == 2
    assert matched(pool, [9, 2, 3, 4, 5]) == 0


def test_what_is_forgotten_is_found_by_nobody_and_texts_being_written_go_on() -> None:
    pool = BlockPool(8, 2)
    pool.give_back(written(pool, [1, 2, 3, 4, 5]))
    going_on = written(pool, [7, 7, 8, 8, 9])
    pool.forget()
    assert pool.counts == PoolCounts(free=5, kept=0, used=3)
    assert matched(pool, [1, 2, 3, 4, 9, 9]) == matched(pool, [7, 7, 8, 8, 9, 9]) == 0
    pool.give_back(going_on)
    assert pool.counts == PoolCounts(free=8, kept=0, used=0)
    pool.give_back(written(pool, [1, 2, 3, 4, 5]))
    assert matched(pool, [1, 2, 3, 4, 9, 9]) == 4


def test_at_least_two_tokens_are_left_to_be_read() -> None:
    pool = BlockPool(8, 2)
    pool.give_back(written(pool, [1, 2, 3, 4]))
    assert matched(pool, [1, 2, 3, 4, 5]) == 2
    assert matched(pool, [1, 2, 3, 4]) == 2
    assert matched(pool, [1, 2, 3]) == 0
    assert matched(pool, [1]) == 0
    assert matched(pool, []) == 0


def test_the_same_tokens_after_other_ones_are_another_block() -> None:
    pool = BlockPool(8, 2)
    pool.give_back(written(pool, [1, 2, 3, 4, 5]))
    assert matched(pool, [3, 4, 5]) == 0
    assert matched(pool, [7, 7, 3, 4, 5]) == 0


def test_a_text_in_use_is_shared_and_not_changed() -> None:
    pool = BlockPool(4, 2)
    first = written(pool, [1, 2, 3, 4])
    second = written(pool, [1, 2, 9, 9])
    assert first[0] == second[0]
    assert first[1] != second[1]
    assert pool.is_shared(first[0])
    pool.give_back(first)
    assert not pool.is_shared(second[0])
    # The first block is shared still; of the first text its own second one can be read again.
    assert pool.counts == PoolCounts(free=1, kept=1, used=2)


def test_when_blocks_run_short_the_one_unused_for_longest_goes_and_ends_before_beginnings() -> None:
    pool = BlockPool(4, 1)
    pool.give_back(written(pool, [1, 2]))
    pool.give_back(written(pool, [5, 6]))
    assert matched(pool, [1, 2, 0, 0]) == 2  # used again: now [5, 6] is the older
    assert pool.taken() is not None
    assert pool.taken() is not None
    assert matched(pool, [1, 2, 0, 0]) == 2
    assert matched(pool, [5, 6, 0, 0]) == 0
    pool = BlockPool(2, 1)
    pool.give_back(written(pool, [5, 6]))
    assert pool.taken() is not None
    assert matched(pool, [5, 6, 0, 0]) == 1


def test_none_is_left_when_all_are_used() -> None:
    pool = BlockPool(2, 4)
    assert {pool.taken(), pool.taken()} == {0, 1}
    assert pool.taken() is None
    assert pool.counts == PoolCounts(0, 0, 2)
    pool.give_back([0])
    assert pool.taken() == 0


def test_of_two_blocks_of_the_same_content_one_is_kept() -> None:
    pool = BlockPool(3, 1)
    first, second = pool.taken(), pool.taken()
    assert first is not None
    assert second is not None
    pool.keep(first, b"a")
    pool.keep(second, b"a")
    pool.give_back([first, second])
    assert pool.counts == PoolCounts(free=2, kept=1, used=0)


@pytest.mark.parametrize(("blocks", "size"), [(0, 4), (4, 0), (-1, 4)])
def test_a_pool_of_nothing_is_refused(blocks: int, size: int) -> None:
    with pytest.raises(ValueError, match="both must be at least 1"):
        BlockPool(blocks, size)


def test_how_many_blocks_hold_so_many_tokens() -> None:
    pool = BlockPool(9, 32)
    assert [pool.blocks_for(n) for n in (0, 1, 31, 32, 33, 64, 65)] == [0, 1, 1, 1, 2, 2, 3]


@given(
    st.integers(4, 12),
    st.lists(
        st.tuples(st.lists(st.integers(0, 1), min_size=1, max_size=6), st.booleans()), max_size=40
    ),
)
def test_no_block_is_lost_or_used_twice_and_what_is_found_is_right(
    size: int, asked: list[tuple[list[int], bool]]
) -> None:
    pool = BlockPool(size, 2)
    content: dict[int, tuple[int, ...]] = {}
    running: list[list[int]] = []
    for tokens, is_done in asked:
        if pool.blocks_for(len(tokens)) <= pool.counts.free + pool.counts.kept - 3:
            found = pool.matched(tokens)
            for place, (block, _) in enumerate(found):
                assert content[block] == tuple(tokens[: 2 * (place + 1)])
            pool.give_back([block for block, _ in found])
            blocks = written(pool, tokens)
            for place, block in enumerate(blocks):
                content[block] = tuple(tokens[: 2 * (place + 1)])
            running.append(blocks)
        if is_done and running:
            pool.give_back(running.pop(0))
        used = Counter(block for blocks in running for block in blocks)
        assert pool.counts.used == len(used)
        assert sum(pool.counts) == size
        assert all(pool.is_shared(block) == (count > 1) for block, count in used.items())


def test_texts_with_another_root_share_nothing():
    pool = BlockPool(8, 2)
    for root, expected in ((b"1", 0), (b"2", 0), (b"1", 2), (b"", 0)):
        track = Track([1, 2, 3, 4], root)
        assert track.find_kept(pool) == expected
        while len(track.blocks) * 2 < 4:
            track.blocks.append(pool.taken())
        track.was_read(4 - track.read, np.zeros((1, 1), np.float32), pool)
        track.release(pool)
