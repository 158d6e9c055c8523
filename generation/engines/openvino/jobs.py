"""One request in a batch: its texts, how they go on, and who is told. Pure."""

from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from generation.decoding import Decoding
from generation.engines.beams import Beam, BeamSearch
from generation.engines.choosing import Chooser, logprob
from generation.engines.openvino.lookup import Lookup
from generation.engines.openvino.prefix import BlockPool, chained
from generation.types import FinishReason


class Written(NamedTuple):
    """Told to who waits: a token was chosen. `logprob` is None unless it was asked for."""

    token: int
    logprob: float | None


class Ended(NamedTuple):
    """Told last: why there are no more tokens. A beam search has its texts, best first."""

    reason: FinishReason
    beams: tuple[Beam, ...] = ()


class Failed(NamedTuple):
    """Told last: why there will be no more."""

    error: BaseException


Event: TypeAlias = Written | Ended | Failed


class Track:
    """One text and where its keys and values are.

    Of `tokens`, prompt and written, the first `read` are in `blocks`; whole blocks of them are
    findable under `names`. `logits` are those after the last token, once all are read. Texts with
    another `root` share no blocks.
    """

    def __init__(self, tokens: Sequence[int], root: bytes = b"") -> None:
        self.tokens = list(tokens)
        self._root = root
        self.read = 0
        self.blocks: list[int] = []
        self._names: list[bytes] = []
        self.logits: NDArray[np.float32] | None = None

    @property
    def unread(self) -> int:
        """How many tokens are still to be read."""
        return len(self.tokens) - self.read

    def find_kept(self, pool: BlockPool) -> int:
        """Take over what the cache already holds of the text; how many tokens that is.

        Looked for before anything is read, so never when something was.
        """
        if self.read or self.blocks:
            return 0
        for block, name in pool.matched(self.tokens, self._root):
            self.blocks.append(block)
            self._names.append(name)
        self.read = len(self.blocks) * pool.block_tokens
        return self.read

    def was_read(self, count: int, logits: NDArray[np.float32], pool: BlockPool) -> None:
        """So many tokens were read; guessed ones only count once they are accepted."""
        self.read = min(self.read + count, len(self.tokens))
        # A view would keep the logits of the whole batch alive, or see them overwritten.
        self.logits = logits.copy() if len(logits) else None
        self.keep_full(pool)

    def keep_full(self, pool: BlockPool) -> None:
        """Make blocks findable that have become full."""
        size = pool.block_tokens
        while (end := (len(self._names) + 1) * size) <= self.read:
            before = self._names[-1] if self._names else self._root
            self._names.append(chained(before, self.tokens[end - size : end]))
            pool.keep(self.blocks[len(self._names) - 1], self._names[-1])

    def forked(self, pool: BlockPool) -> "Track":
        """The same text once more, in the same blocks."""
        other = Track(self.tokens, self._root)
        other.read, other.blocks, other._names = self.read, list(self.blocks), list(self._names)
        for block in other.blocks:
            pool.share(block)
        return other

    def release(self, pool: BlockPool) -> None:
        """Give all blocks back. The text is read again when it goes on."""
        pool.give_back(self.blocks)
        self.read, self.blocks, self._names, self.logits = 0, [], [], None


class Job:
    """A request.

    Args:
        prompt: the tokens to be read, at least one.
        decoding: how to go on; `max_tokens` must fit the model's window.
        is_end: whether a token ends the text.
        is_stopped: whether a text of these tokens holds a stop string; asked by beam search only.
        is_cancelled: asked between steps.
        root: what was read is shared with requests of the same only.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        decoding: Decoding,
        *,
        is_end: Callable[[int], bool],
        is_stopped: Callable[[Sequence[int]], bool],
        is_cancelled: Callable[[], bool],
        root: bytes = b"",
    ) -> None:
        self.prompt_tokens = len(prompt)
        self.cached_tokens = 0
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.tracks = [Track(prompt, root)]
        self._decoding = decoding
        self._is_end, self._is_cancelled = is_end, is_cancelled
        self._is_over = self._is_abandoned = False
        self._is_first_look = True
        self._lookup: Lookup | None = None
        # How many tokens are worth guessing, by how many were right the last time.
        self._trusted = 1
        is_beam = decoding.num_beams > 1
        self._search = BeamSearch(decoding, prompt, is_end, is_stopped) if is_beam else None
        self._chooser = Chooser(decoding, prompt)
        # Greedy decoding's text may go on beside the beams.
        self.width = decoding.num_beams + 1 if is_beam else 1

    @property
    def longest(self) -> int:
        """Tokens of its longest text."""
        return max(len(track.tokens) for track in self.tracks)

    @property
    def is_ready(self) -> bool:
        """Whether all its texts are read and the next tokens can be chosen."""
        return all(track.logits is not None for track in self.tracks)

    @property
    def is_writing(self) -> bool:
        """Whether each of its texts has only its newest token to be read."""
        return all(track.unread == 1 and track.read > 0 for track in self.tracks)

    def is_over(self) -> bool:
        """Whether it has ended, was cancelled, or nobody reads it any more.

        A cancelled request is told that it ended. What the caller's own function raises is told to
        the caller.
        """
        if not self._is_over:
            try:
                if self._is_abandoned or self._is_cancelled():
                    self._finish(Ended("cancelled"))
            except Exception as error:  # noqa: BLE001 - it is the caller's, and goes to the caller
                self.fail(error)
        return self._is_over

    def abandon(self) -> None:
        """Say, from any thread, that nobody reads it any more."""
        self._is_abandoned = True

    def fail(self, error: BaseException) -> None:
        """End with an error."""
        self._finish(Failed(error))

    def to_read(self, pool: BlockPool) -> Track:
        """The next text that is not read yet, with what the cache holds of it taken over.

        One after the other, so that the second finds the blocks of the first.
        """
        track = next(track for track in self.tracks if track.unread)
        found = track.find_kept(pool)
        if self._is_first_look:
            self.cached_tokens, self._is_first_look = found, False
        return track

    def guess(self, most: int) -> list[int]:
        """Tokens that may come next, by what was read; none for beams and near the limit."""
        if self._search is not None:
            return []
        track = self.tracks[0]
        if self._lookup is None:
            self._lookup = Lookup()
        self._lookup.add(track.tokens[self._lookup.length :])
        written = len(track.tokens) - self.prompt_tokens
        return self._lookup.guess(min(most, self._trusted, self._decoding.max_tokens - written - 1))

    def go_on(self, pool: BlockPool, guessed: Sequence[int] = ()) -> None:
        """Choose the next tokens; `guessed` were read ahead and have logits too."""
        if self._search is None:
            self._write(self.tracks[0], guessed, pool)
        else:
            self._spread(self._search, pool)

    def release(self, pool: BlockPool) -> None:
        """Give all blocks back."""
        for track in self.tracks:
            track.release(pool)

    def _write(self, track: Track, guessed: Sequence[int], pool: BlockPool) -> None:
        logits, track.logits = track.logits, None
        if logits is None:
            raise ValueError("a text can go on only when all of it was read")
        right = 0
        for place, row in enumerate(logits):
            token = self._chooser.next(row)
            track.tokens.append(token)
            value = logprob(row, token) if self._decoding.logprobs else None
            self.events.put(Written(token, value))
            if self._is_end(token) or self._is_full(track):
                self._finish(Ended("stop" if self._is_end(token) else "length"))
                return
            if place >= len(guessed) or guessed[place] != token:
                break
            # The guess was right: what was read for it stays.
            right += 1
            track.read += 1
            track.keep_full(pool)
        if guessed:
            # A wrong guess costs time; where a text copies, the next ones are right too.
            self._trusted = 1 + 2 * right

    def _spread(self, search: BeamSearch, pool: BlockPool) -> None:
        rows = [track.logits[-1] for track in self.tracks if track.logits is not None]
        parents = search.go_on(rows)
        old = self.tracks
        tracks = []
        for beam, parent in zip(search.beams, parents, strict=False):
            track = old[parent].forked(pool)
            track.tokens.append(beam.tokens[-1])
            tracks.append(track)
        for track in old:
            track.release(pool)
        self.tracks = tracks
        if search.is_over or self._is_full(tracks[0]):
            best = tuple(search.best())
            self._finish(Ended("stop" if best[0].is_ended else "length", best))

    def _is_full(self, track: Track) -> bool:
        return len(track.tokens) - self.prompt_tokens >= self._decoding.max_tokens

    def _finish(self, event: Ended | Failed) -> None:
        if not self._is_over:
            self._is_over = True
            self.events.put(event)
