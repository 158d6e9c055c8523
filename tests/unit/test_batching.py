"""Many requests in one batch: each is written as if it were alone.

The model here keeps the tokens themselves in its blocks and chooses by all tokens it finds there,
so that a wrong block, position or copy changes the text.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.decoding import Decoding
from generation.engines.beams import Beam
from generation.engines.choosing import Chooser, log_softmax
from generation.engines.openvino.batching import Batch, Row
from generation.engines.openvino.jobs import Ended, Event, Failed, Job, Written
from generation.engines.openvino.lookup import Lookup
from generation.engines.openvino.prefix import BlockPool

VOCABULARY = 12
END = 0
BLOCK = 4


def logits_after(tokens: Sequence[int]) -> np.ndarray:
    """Any function of all tokens; the end comes in one of ten texts."""
    digest = blake2b(bytes(tokens), digest_size=8).digest()
    row = np.random.default_rng(int.from_bytes(digest)).normal(0, 2, VOCABULARY)
    return row.astype(np.float32)


class KeepingModel:
    """Its blocks hold tokens; it counts what it reads."""

    def __init__(self, blocks: int) -> None:
        self.cache = np.full((blocks, BLOCK), -1)
        self.read = 0
        self.steps: list[list[int]] = []
        self.error: Exception | None = None

    def logits(self, rows: Sequence[Row]) -> np.ndarray:
        if self.error is not None:
            raise self.error
        found = []
        self.steps.append([len(row.tokens) for row in rows])
        for row in rows:
            end = row.past + len(row.tokens)
            assert len(row.blocks) == -(-end // BLOCK)
            for place, token in enumerate(row.tokens, row.past):
                self.cache[row.blocks[place // BLOCK], place % BLOCK] = token
                self.read += 1
        for row in rows:
            whole = self.cache[list(row.blocks)].ravel()[: row.past + len(row.tokens)].tolist()
            assert min(whole) >= 0
            ends = range(len(whole) - row.wanted + 1, len(whole) + 1)
            found += [logits_after(whole[:end]) for end in ends]
        return np.array(found).reshape(len(found), VOCABULARY)

    def copy_block(self, source: int, target: int) -> None:
        self.cache[target] = self.cache[source]


def job(
    prompt: Sequence[int],
    decoding: Decoding,
    *,
    is_cancelled: Callable[[], bool] = lambda: False,
    is_stopped: Callable[[Sequence[int]], bool] = lambda tokens: False,
    is_end: Callable[[int], bool] = END.__eq__,
) -> Job:
    return Job(
        prompt,
        decoding,
        is_end=is_end,
        is_stopped=is_stopped,
        is_cancelled=is_cancelled,
    )


def events(asked: Job) -> list[Event]:
    found = []
    while not asked.events.empty():
        found.append(asked.events.get())
    return found


def run(batch: Batch, *, steps: int = 5000) -> None:
    for _ in range(steps):
        if batch.is_idle:
            return
        batch.step()
    raise AssertionError(f"not done after {steps} steps: {batch.load}")


def alone(prompt: Sequence[int], decoding: Decoding) -> tuple[list[int], str]:
    """What a request comes to without a batch, a cache or guesses."""
    chooser, tokens = Chooser(decoding, prompt), list(prompt)
    while len(tokens) - len(prompt) < decoding.max_tokens:
        tokens.append(chooser.next(logits_after(tokens)))
        if tokens[-1] == END:
            return tokens[len(prompt) :], "stop"
    return tokens[len(prompt) :], "length"


def told(asked: Job) -> tuple[list[int], str]:
    found = events(asked)
    last = found.pop()
    assert isinstance(last, Ended)
    return [event.token for event in found if isinstance(event, Written)], last.reason


def probability(prompt: Sequence[int], tokens: Sequence[int]) -> float:
    whole, total = list(prompt), 0.0
    for token in tokens:
        total += float(log_softmax(logits_after(whole))[token])
        whole.append(token)
    return total


def new_batch(blocks: int = 64, *, most_guessed: int = 0) -> tuple[Batch, KeepingModel, BlockPool]:
    model, pool = KeepingModel(blocks), BlockPool(blocks, BLOCK)
    return Batch(model, pool, most_guessed=most_guessed), model, pool


@pytest.mark.parametrize("size", [1, 3, 4, 5, 8, 9, 700])
def test_a_request_alone_is_written_right_for_prompts_of_all_sizes(size: int) -> None:
    batch, _, pool = new_batch(200)
    prompt = [1 + i % 9 for i in range(size)]
    asked = job(prompt, Decoding(max_tokens=20))
    batch.add(asked)
    run(batch)
    assert told(asked) == alone(prompt, Decoding(max_tokens=20))
    assert pool.counts.used == 0


decodings = st.builds(
    lambda most, temperature, seed, frequency: Decoding(
        max_tokens=most, temperature=temperature, seed=seed, frequency_penalty=frequency
    ),
    st.integers(1, 20),
    st.sampled_from([0.0, 0.7, 1.5]),
    st.integers(0, 5),
    st.sampled_from([0.0, 1.0]),
)
prompts = st.lists(st.integers(1, 2), min_size=1, max_size=20)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(prompts, decodings, st.integers(0, 6)), min_size=1, max_size=12),
    st.sampled_from([11, 14, 40]),
    st.sampled_from([0, 3]),
)
def test_company_short_memory_and_guesses_change_no_text(
    asked: list[tuple[list[int], Decoding, int]], blocks: int, guessed: int
) -> None:
    # A text has 40 tokens at most: ten blocks. In 11 blocks hardly two texts have room.
    batch, _, pool = new_batch(blocks, most_guessed=guessed)
    jobs = []
    for prompt, decoding, pause in asked:
        jobs.append(job(prompt, decoding))
        batch.add(jobs[-1])
        for _ in range(pause):
            batch.step()
    run(batch)
    for each, (prompt, decoding, _) in zip(jobs, asked, strict=True):
        assert told(each) == alone(prompt, decoding)
    assert pool.counts.used == 0
    assert sum(pool.counts) == blocks


@settings(deadline=None, max_examples=40)
@given(prompts, st.integers(2, 4), st.integers(1, 8), st.sampled_from([0.0, 1.0, -1.0]))
def test_beams_in_a_batch_are_those_of_a_search_without_one(
    prompt: list[int], beams: int, most: int, length_penalty: float
) -> None:
    decoding = Decoding(max_tokens=most, num_beams=beams, length_penalty=length_penalty)
    found = []
    for blocks, others in ((400, 0), (48, 3)):
        batch, _, pool = new_batch(blocks)
        for other in range(others):
            batch.add(job([3, other + 1] * 8, Decoding(max_tokens=30)))
        asked = job(prompt, decoding)
        batch.add(asked)
        run(batch)
        ended = events(asked)[-1]
        assert isinstance(ended, Ended)
        found.append(ended.beams)
        assert pool.counts.used == 0
    assert [b.tokens for b in found[0]] == [b.tokens for b in found[1]]
    for beam in found[0]:
        assert beam.logprob == pytest.approx(probability(prompt, beam.tokens))
        assert beam.score == pytest.approx(beam.logprob)
    assert len({beam.tokens for beam in found[0]}) == len(found[0]) <= beams
    written, _ = alone(prompt, Decoding(max_tokens=most))
    greedy = Beam(tuple(written), probability(prompt, written))
    assert found[0][0].ranked(length_penalty) >= greedy.ranked(length_penalty) - 1e-9


def test_a_beginning_that_was_read_before_is_not_read_again() -> None:
    batch, model, _ = new_batch()
    prompt = [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    for expected in (0, 8):
        asked = job(prompt, Decoding(max_tokens=1))
        batch.add(asked)
        before = model.read
        run(batch)
        assert asked.cached_tokens == expected
        assert model.read - before == 10 - expected


def test_what_was_written_is_found_by_the_question_after_it() -> None:
    batch, _, _ = new_batch()
    prompt = [1] * 6
    first = job(prompt, Decoding(max_tokens=10, temperature=0))
    batch.add(first)
    run(batch)
    tokens, _ = told(first)
    follow_up = job([*prompt, *tokens, 3, 3, 3], Decoding(max_tokens=1))
    batch.add(follow_up)
    run(batch)
    # The last token written is never read.
    assert follow_up.cached_tokens == (6 + len(tokens) - 1) // BLOCK * BLOCK


def test_a_long_prompt_is_read_in_small_parts_while_somebody_is_written_to() -> None:
    batch, model, _ = new_batch(1000)
    batch.add(job([1], Decoding(max_tokens=60), is_end=lambda token: False))
    batch.step()
    batch.add(job([2] * 600, Decoding(max_tokens=1)))
    while len(model.steps) < 6:
        batch.step()
    assert model.steps == [[1], *[[1, 128]] * 4, [1, 88]]
    batch, model, _ = new_batch(1000)
    batch.add(job([2] * 600, Decoding(max_tokens=1)))
    run(batch)
    assert model.steps == [[512], [88]]


def test_requests_that_came_first_are_not_held_up_by_later_ones() -> None:
    batch, _, _ = new_batch(12)
    jobs = [job([1 + n] * 12, Decoding(max_tokens=30, frequency_penalty=2)) for n in range(6)]
    for asked in jobs:
        batch.add(asked)
    done: list[Job] = []
    while not batch.is_idle:
        batch.step()
        done += [asked for asked in jobs if asked.is_over() and asked not in done]
    assert done[0] is jobs[0]
    assert set(done) == set(jobs)


def test_cancelling_frees_everything_with_the_next_step_whether_waiting_or_written() -> None:
    batch, model, pool = new_batch(16)
    cancelled: set[int] = set()

    def asking(number: int) -> Job:
        decoding = Decoding(max_tokens=100)
        return job([number % 9 + 1] * 10, decoding, is_cancelled=lambda: number in cancelled)

    jobs = [asking(number) for number in range(1000)]
    for asked in jobs:
        batch.add(asked)
    for n in range(1000):
        batch.step()
        cancelled.add(n)
        batch.step()
        assert jobs[n].is_over()
    batch.step()
    assert batch.is_idle
    assert batch.load.running == batch.load.waiting == pool.counts.used == 0
    assert sum(pool.counts) == 16
    assert isinstance(events(jobs[999])[-1], Ended)
    read = model.read
    batch.step()
    assert model.read == read


def test_who_no_longer_reads_is_dropped() -> None:
    batch, _, pool = new_batch()
    asked = job([1], Decoding(max_tokens=50, frequency_penalty=2))
    batch.add(asked)
    batch.step()
    asked.abandon()
    batch.step()
    assert batch.is_idle
    assert pool.counts.used == 0


def test_an_error_of_the_callers_own_function_goes_to_that_caller_alone() -> None:
    def broken() -> bool:
        raise RuntimeError("mine")

    batch, _, _ = new_batch()
    bad, good = (
        job([1, 2], Decoding(max_tokens=3), is_cancelled=broken),
        job([1, 2], Decoding(max_tokens=3)),
    )
    batch.add(bad)
    batch.add(good)
    run(batch)
    (failed,) = events(bad)
    assert isinstance(failed, Failed)
    assert str(failed.error) == "mine"
    assert told(good) == alone([1, 2], Decoding(max_tokens=3))


def test_when_the_model_fails_all_are_told_and_no_block_is_lost() -> None:
    batch, model, pool = new_batch(8)
    jobs = [job([1 + n] * 8, Decoding(max_tokens=20)) for n in range(5)]
    for asked in jobs:
        batch.add(asked)
    batch.step()
    model.error = RuntimeError("broken")
    with pytest.raises(RuntimeError):
        batch.step()
    batch.drop_all(model.error)
    assert batch.is_idle
    assert pool.counts.used == 0
    assert all(isinstance(events(asked)[-1], Failed) for asked in jobs)


def test_log_probabilities_are_the_models_own() -> None:
    batch, _, _ = new_batch()
    decoding = Decoding(
        max_tokens=8, temperature=2.0, top_k=3, seed=1, frequency_penalty=1.0, logprobs=True
    )
    asked = job([1, 2], decoding)
    batch.add(asked)
    run(batch)
    found = [event for event in events(asked) if isinstance(event, Written)]
    whole = [1, 2]
    for event in found:
        assert event.logprob == pytest.approx(float(log_softmax(logits_after(whole))[event.token]))
        whole.append(event.token)


def test_what_is_no_number_fails_the_text_it_is_of_and_no_other() -> None:
    class Damaged(KeepingModel):
        def logits(self, rows: Sequence[Row]) -> np.ndarray:
            found = super().logits(rows)
            found[0] = np.nan
            return found

    pool = BlockPool(64, BLOCK)
    batch = Batch(Damaged(64), pool)
    bad, good = (job([n], Decoding(max_tokens=1)) for n in (1, 2))
    batch.add(bad)
    batch.add(good)
    run(batch)
    (failed,) = events(bad)
    assert isinstance(failed, Failed)
    assert "ASSAY_PRECISION" in str(failed.error)
    assert told(good) == alone([2], Decoding(max_tokens=1))
    assert pool.counts.used == 0


def test_wrong_guesses_are_few_and_right_ones_become_more() -> None:
    class Copying(KeepingModel):
        def logits(self, rows: Sequence[Row]) -> np.ndarray:
            super().logits(rows)
            found = []
            for row in rows:
                ends = row.tokens[len(row.tokens) - row.wanted :]
                found += [np.eye(VOCABULARY, dtype=np.float32)[1 + token % 9] for token in ends]
            return np.array(found).reshape(len(found), VOCABULARY)

    model = Copying(64)
    batch = Batch(model, BlockPool(64, BLOCK), most_guessed=5)
    prompt = [*range(1, 10), *range(1, 4)]
    asked = job(prompt, Decoding(max_tokens=16))
    batch.add(asked)
    run(batch)
    assert told(asked)[0] == [4, 5, 6, 7, 8, 9, *range(1, 10), 1]
    assert [length for (length,) in model.steps] == [12, 2, 4, 6, 3]


def test_a_beam_that_holds_a_stop_string_goes_no_further() -> None:
    batch, _, _ = new_batch()
    asked = job(
        [1, 2],
        Decoding(max_tokens=9, num_beams=3),
        is_stopped=lambda tokens: len(tokens) >= 4,
    )
    batch.add(asked)
    run(batch)
    ended = events(asked)[-1]
    assert isinstance(ended, Ended)
    assert ended.reason == "stop"
    assert max(len(beam.tokens) for beam in ended.beams) == 4


def test_what_followed_the_last_tokens_before_is_guessed() -> None:
    lookup = Lookup()
    lookup.add([1, 2, 3, 4, 5, 1, 2])
    assert lookup.guess(3) == [3, 4, 5]
    assert lookup.guess(1) == [3]
    assert lookup.guess(0) == []
    lookup.add([9])
    assert lookup.guess(3) == []
    # The longest match decides, and of equally long ones the latest.
    lookup.add([3, 1, 2, 7, 7, 1, 2])
    assert lookup.guess(2) == [7, 7]
    lookup.add([3])
    assert lookup.guess(2) == [4, 5]


@given(st.lists(st.integers(0, 2), max_size=40))
def test_guesses_are_what_a_search_of_the_text_finds(tokens: list[int]) -> None:
    lookup = Lookup()
    for token in tokens:
        lookup.add([token])
    expected: list[int] = []
    for size in (4, 3, 2):
        last = tokens[len(tokens) - size :]
        places = (
            [end for end in range(size, len(tokens)) if tokens[end - size : end] == last]
            if len(tokens) >= size
            else []
        )
        if places:
            expected = tokens[places[-1] : places[-1] + 3]
            break
    assert lookup.guess(3) == expected
