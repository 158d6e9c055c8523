"""How the next token is chosen. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from generation.errors import BadDecoding

MOST_BEAMS = 16


class Method(StrEnum):
    """The families of decoding."""

    GREEDY = "greedy"
    SAMPLING = "sampling"
    BEAM = "beam"


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are chosen. OpenAI's names where they exist, else those of transformers.

    Args:
        max_tokens: at most so many are written, at least 1.
        temperature: in [0, 2]; 0 is greedy: the most probable token each time, no randomness.
        top_p: in (0, 1]; only the most probable tokens that together have this probability.
        top_k: only so many of the most probable tokens; 0 is off.
        min_p: in [0, 1]; only tokens at least this times as probable as the most probable one.
        repetition_penalty: in [0.01, 2]; divides the logits of tokens that stand in the prompt or
            were written (Keskar et al. 2019); 1 is off.
        presence_penalty, frequency_penalty: in [-2, 2]; taken off the logits of written tokens,
            once or for each time they were (OpenAI's definition); 0 is off.
        num_beams: 2 to 16 is beam search over so many texts, 1 is off.
        length_penalty: in [-5, 5]; beams are ranked by log-probability / length ** this.
        seed: in [-2^63, 2^63); makes sampling repeat. Without one, one is drawn and told with
            the answer.
        stop: the text ends before the first of these, at most 4.
        logprobs: whether each token is given with the logarithm of its probability.

    Raises:
        BadDecoding: a value is out of range, or two contradict each other.
    """

    max_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    num_beams: int = 1
    length_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: bool = False

    def __post_init__(self) -> None:
        self._require("max_tokens", self.max_tokens >= 1, "at least 1")
        self._require("temperature", 0 <= self.temperature <= 2, "in [0, 2]")
        self._require("top_p", 0 < self.top_p <= 1, "in (0, 1]")
        self._require("top_k", self.top_k >= 0, "0 (off) or more")
        self._require("min_p", 0 <= self.min_p <= 1, "in [0, 1]")
        self._require("repetition_penalty", 0.01 <= self.repetition_penalty <= 2, "in [0.01, 2]")
        self._require("presence_penalty", -2 <= self.presence_penalty <= 2, "in [-2, 2]")
        self._require("frequency_penalty", -2 <= self.frequency_penalty <= 2, "in [-2, 2]")
        self._require("num_beams", 1 <= self.num_beams <= MOST_BEAMS, f"in 1 to {MOST_BEAMS}")
        self._require("length_penalty", -5 <= self.length_penalty <= 5, "in [-5, 5]")
        seed = self.seed
        self._require(
            "seed", seed is None or -(2**63) <= seed < 2**63, "a whole number in -2^63 to 2^63 - 1"
        )
        self._require("stop", len(self.stop) <= 4 and "" not in self.stop, "up to 4 texts, not ''")
        self._require_no_contradiction()

    @property
    def method(self) -> Method:
        """Which family of decoding this is."""
        if self.num_beams > 1:
            return Method.BEAM
        return Method.SAMPLING if self.temperature > 0 else Method.GREEDY

    def _require(self, name: str, is_met: bool, limit: str) -> None:  # noqa: FBT001
        if not is_met:
            raise BadDecoding(f"{name} is {getattr(self, name)}; it must be {limit}")

    def _require_no_contradiction(self) -> None:
        if self.num_beams > 1 and self.temperature > 0:
            raise BadDecoding(
                f"num_beams is {self.num_beams} and temperature {self.temperature}: beam search "
                "takes the most probable texts and draws nothing; set one of them back (num_beams "
                "1 or temperature 0)"
            )
        if self.num_beams > 1 and self.logprobs:
            raise BadDecoding(
                "logprobs are of the tokens of one text, and beam search gives several texts with "
                "the log-probability of each; leave logprobs out, or set num_beams to 1"
            )
        if self.num_beams == 1 and self.length_penalty != 1:
            raise BadDecoding(
                f"length_penalty is {self.length_penalty} and ranks the texts of a beam search; "
                "set num_beams to 2 or more, or leave it out"
            )
