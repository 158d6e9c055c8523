"""An earlier answer, asked for again: what is otherwise now, and whether it came out the same."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from app.api.decoding import DecodingRequest
from app.decoding import decoding_over
from app.errors import CommandFailed
from generation.answering_policy import AnsweringPolicy
from generation.decoding import Decoding
from generation.errors import BadDecoding
from generation.types import EngineInfo

LARGEST_ANSWER = 5_000_000
_LONGEST_QUESTION = 4000
_SHOWN_CHARACTERS = 60
# What the fields of `AnsweringPolicy` are called to people.
_SETTINGS = MappingProxyType(
    {
        "evidence_passages": "passages looked through",
        "evidence_tokens": "tokens of evidence",
        "quotes": "quotations",
        "abstain_below": "abstention limit",
        "showing": "policy for every collection",
        "is_guarded": "guard against orders",
        "beyond_quotes": "going beyond the quotation",
    }
)


class _Engine(BaseModel):
    name: str
    runtime: str | None = None
    precision: str | None = None
    device: str | None = None
    weights: str | None = None


class _Usage(BaseModel):
    completion_tokens: int = 0


class _Sentence(BaseModel):
    text: str


class _Pins(BaseModel):
    encoder: str | None = None
    finder: str | None = None
    search: str | None = None
    code: str | None = None
    answering: dict[str, bool | float | str | None] | None = None


class EarlierAnswer(BaseModel):
    """What of an answer's JSON is needed to ask for it again; the rest is passed over."""

    question: str = Field(min_length=1, max_length=_LONGEST_QUESTION)
    text: str = Field(validation_alias=AliasChoices("answer", "text"))
    abstained: bool
    answerability: float
    engine: str = ""
    engine_info: _Engine | None = None
    decoding: DecodingRequest
    prompt_version: str
    change_number: int
    usage: _Usage = _Usage()
    sentences: list[_Sentence] | None = None
    policy: str | None = None
    verifier: str | None = None
    pins: _Pins = _Pins()

    @property
    def settings(self) -> Decoding:
        """The same decoding; a field that is not there had no effect when it was written."""
        return decoding_over(Decoding(), self.decoding.model_dump())


@dataclass(frozen=True, slots=True)
class Now:
    """What would make the answer today.

    What is None is not compared.
    """

    engine: EngineInfo
    prompt_version: str
    change_number: int
    answering: AnsweringPolicy
    verifier: str | None = None
    encoder: str | None = None
    finder: str | None = None
    search: str | None = None
    code: str | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is otherwise than it was; in words, None where it is not known."""

    what: str
    then: str | None
    now: str | None


def earlier_answer(text: str, source: str) -> EarlierAnswer:
    """Read the JSON of `assay ask --json`, or of the event `answer` of `/api/ask`.

    Args:
        source: names where it is from, in errors.

    Raises:
        CommandFailed: it is something else.
    """
    expected = "expected one answer, as `assay ask --json` prints it"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandFailed(f"{source} is not one JSON object ({error}); {expected}") from error
    try:
        earlier = EarlierAnswer.model_validate(value)
        _ = earlier.settings
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise CommandFailed(f"{source}: {place}: {first['msg']}; {expected}") from error
    except BadDecoding as error:
        raise CommandFailed(f"{source}: decoding: {error}") from error
    return earlier


def differences(earlier: EarlierAnswer, now: Now) -> list[Difference]:
    """What is known to be otherwise, in an order that puts the most telling first."""
    then = earlier.engine_info or _Engine(name=earlier.engine)
    pairs = [
        ("engine", then.name, now.engine.name),
        ("runtime", then.runtime, now.engine.runtime),
        ("precision", then.precision, now.engine.precision),
        ("device", then.device, now.engine.device),
        ("weights", then.weights, now.engine.weights),
        ("prompt", earlier.prompt_version, now.prompt_version),
        ("change number", str(earlier.change_number), str(now.change_number)),
    ]
    found = [Difference(what, before, after) for what, before, after in pairs if before != after]
    kept = [
        ("verifier", earlier.verifier, now.verifier),
        ("encoder", earlier.pins.encoder, now.encoder),
        ("answer gauge", earlier.pins.finder, now.finder),
        ("search", earlier.pins.search, now.search),
        ("program", earlier.pins.code, now.code),
        ("policy", earlier.policy, now.policy),
    ]
    # An answer that was printed does not hold all of these; what is not known is not otherwise.
    found += [
        Difference(what, before, after)
        for what, before, after in kept
        if before is not None and after is not None and before != after
    ]
    if earlier.pins.answering is None:
        return [*found, *_limit_difference(earlier, now.answering.abstain_below or 0.0)]
    return [*found, *_setting_differences(earlier.pins.answering, now.answering)]


def _setting_differences(
    then: Mapping[str, bool | float | str | None], now: AnsweringPolicy
) -> list[Difference]:
    """A setting that an earlier answer does not know is passed over, as is one that went."""
    return [
        Difference(_SETTINGS.get(name, name), _said(then[name]), _said(value))
        for name, value in asdict(now).items()
        if name in then and then[name] != value
    ]


def _said(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _limit_difference(earlier: EarlierAnswer, limit: float) -> list[Difference]:
    """An answer of before that held no limit shows on which side of it it was."""
    was_asked = not earlier.abstained or earlier.usage.completion_tokens > 0
    is_asked = earlier.answerability >= limit
    if was_asked == is_asked:
        return []
    side = "at most" if was_asked else "above"
    return [Difference("abstention limit", f"{side} {earlier.answerability:.3g}", f"{limit:.3g}")]


def differing_texts(earlier: EarlierAnswer, text: str, sentences: Sequence[str]) -> tuple[str, str]:
    """What is to be compared: the texts, or when they are the same, all sentences, said or not.

    The text of an answer is only what was supported, often a quote that no model wrote.
    """
    if earlier.text != text or earlier.sentences is None:
        return earlier.text, text
    return " ".join(one.text for one in earlier.sentences), " ".join(sentences)


def first_difference(then: str, now: str) -> int | None:
    """The first character, from 0, in which two texts differ; None when they are identical."""
    if then == now:
        return None
    shorter = min(len(then), len(now))
    return next((at for at in range(shorter) if then[at] != now[at]), shorter)


def around(text: str, at: int) -> str:
    """The words of a text from a little before a place on, on one line."""
    start = max(0, at - _SHOWN_CHARACTERS // 3)
    end = start + _SHOWN_CHARACTERS
    words = " ".join(text[start:end].split())
    return f"{'…' if start else ''}{words}{'…' if end < len(text) else ''}"
