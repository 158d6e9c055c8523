"""Beam search: the most probable texts, not only the most probable next token. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from generation.decoding import Decoding
from generation.engines.choosing import Logits, log_softmax, penalized, require_numbers


@dataclass(frozen=True, slots=True)
class Beam:
    """A text that is being written.

    `score` is the sum of the log-probabilities of its tokens after penalties, which the search goes
    by; `logprob` the sum of the model's own. `is_greedy` is the text greedy decoding would write.
    """

    tokens: tuple[int, ...] = ()
    score: float = 0.0
    logprob: float = 0.0
    is_greedy: bool = True
    is_ended: bool = field(default=False)

    def ranked(self, length_penalty: float) -> float:
        """What finished texts are compared by: score / tokens ** length_penalty."""
        return self.score / float(max(len(self.tokens), 1) ** length_penalty)


class _Child(NamedTuple):
    parent: int
    beam: Beam


class BeamSearch:
    """Beam search as in transformers (`early_stopping=False`), and it never loses the greedy text.

    At each step every text is continued by every token and the best `num_beams` go on. One that
    ends is set aside; the search is over when `num_beams` are set aside and the best that goes on,
    ranked at its present length, is no better than the worst of them. Different from transformers,
    greedy decoding's text goes on beside the others when it falls behind, so that no text is
    returned that ranks below it. Beside them it takes nobody's place and has greedy children only,
    so that the others are those of transformers. Penalties are on logits, before the softmax.

    Args:
        decoding: with `num_beams` of 2 or more.
        prompt: the tokens read.
        is_end: whether a token ends the text.
        is_stopped: whether a text of these tokens holds a stop string.
    """

    def __init__(
        self,
        decoding: Decoding,
        prompt: Sequence[int],
        is_end: Callable[[int], bool],
        is_stopped: Callable[[Sequence[int]], bool],
    ) -> None:
        self._decoding = decoding
        self._prompt = dict.fromkeys(prompt)
        self._is_end, self._is_stopped = is_end, is_stopped
        self._ended: list[Beam] = []
        self._ended_beside: list[Beam] = []
        self.beams: list[Beam] = [Beam()]
        self.is_over = False

    def go_on(self, logits: Sequence[Logits]) -> list[int]:
        """Take one step.

        Args:
            logits: for each of `beams`, (vocabulary,).

        Returns:
            For each of the new `beams`, which of the old it continues. Empty when the search is
            over.
        """
        going_on: list[_Child] = []
        width = self._decoding.num_beams
        for place, child in enumerate(self._children(logits)):
            if self._ends(child.beam):
                ended = replace(child.beam, is_ended=True)
                # As in transformers: an end that is not among the best is not taken.
                if place < width and child.parent < width:
                    self._ended = self._in_order([*self._ended, ended])[:width]
                elif ended.is_greedy:
                    self._ended_beside.append(ended)
            elif len(going_on) < width or child.beam.is_greedy:
                going_on.append(child)
        self.beams = [child.beam for child in going_on]
        self.is_over = not self.beams or self._is_decided()
        return [] if self.is_over else [child.parent for child in going_on]

    def best(self) -> list[Beam]:
        """The texts found, best first, at most `num_beams`. Those cut off count as they are."""
        found = self._ended + self._ended_beside + ([] if self.is_over else self.beams)
        return self._in_order(found)[: self._decoding.num_beams]

    def _children(self, logits: Sequence[Logits]) -> list[_Child]:
        """The best two for each text that may go on, best first, and greedy decoding's."""
        children: list[_Child] = []
        beside: list[_Child] = []
        count = 2 * self._decoding.num_beams
        for parent, (beam, row) in enumerate(zip(self.beams, logits, strict=True)):
            require_numbers(row)
            seen = self._prompt | dict.fromkeys(beam.tokens)
            steered = penalized(row, self._decoding, seen, Counter(beam.tokens))
            scores = log_softmax(steered)
            own = scores if steered is row else log_softmax(row)
            ids = np.argpartition(-scores, min(count, len(scores)) - 1)[:count]
            greedy = int(steered.argmax())
            is_beside = parent >= self._decoding.num_beams
            for token in {greedy} if is_beside else {*ids.tolist(), greedy}:
                if scores[token] == -np.inf:
                    continue  # it is forbidden
                tokens = (*beam.tokens, token)
                score, logprob = beam.score + scores[token], beam.logprob + own[token]
                is_greedy = beam.is_greedy and token == greedy
                child = _Child(parent, Beam(tokens, float(score), float(logprob), is_greedy))
                (beside if is_beside else children).append(child)
        children.sort(key=lambda child: (-child.beam.score, child.beam.tokens))
        beyond = [child for child in children[count:] if child.beam.is_greedy]
        return children[:count] + beyond + beside

    def _ends(self, beam: Beam) -> bool:
        return self._is_end(beam.tokens[-1]) or self._is_stopped(beam.tokens)

    def _is_decided(self) -> bool:
        if len(self._ended) < self._decoding.num_beams:
            return False
        penalty = self._decoding.length_penalty
        best = max(beam.ranked(penalty) for beam in self.beams)
        return best <= self._ended[-1].ranked(penalty)

    def _in_order(self, beams: Sequence[Beam]) -> list[Beam]:
        penalty = self._decoding.length_penalty
        return sorted(beams, key=lambda beam: (-beam.ranked(penalty), beam.tokens))
