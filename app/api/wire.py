"""The values of the product as JSON. No server paths, unless an administrator asks."""

import json
from dataclasses import asdict
from typing import TypedDict

from app.conversations.types import Facts, KeptSentence
from app.versions import encoder_pin
from evals.types import SeenCitation, SeenSentence
from generation.decoding import Decoding
from generation.groundedness.types import Claim, ResponseJudgement, SentenceJudgement
from generation.injection import commands_in
from generation.types import Answer, AssayedSentence, Citation, EngineInfo, LeftOut, Timings, Usage
from retrieval.types import Hit


class PassageJson(TypedDict):
    """A passage found for a question. `start` and `end` are code points of the document's text."""

    document: str
    page: int | None
    start: int
    end: int
    text: str
    score: float
    commands: list["CommandJson"]


class CommandJson(TypedDict):
    """Words that order a model to do something. Code points of the document's text."""

    start: int
    end: int


class LocatedPassageJson(PassageJson):
    """What an administrator sees: with where the file lies."""

    path: str


class CitationJson(TypedDict):
    """An exact span of a document."""

    document: str
    page: int | None
    start: int
    end: int
    quote: str
    commands: list[CommandJson]


class JudgedJson(TypedDict):
    """Who wrote a sentence, and what was found about it."""

    origin: str
    verdict: str
    score: float


class SentenceJson(JudgedJson):
    """A sentence with its verdict."""

    text: str
    citations: list[CitationJson]


class TimingsJson(TypedDict):
    """Seconds from the question's arrival."""

    retrieval: float
    first_token: float | None
    total: float


class UsageJson(TypedDict):
    """Tokens, as OpenAI names them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: "CachedTokensJson"


class CachedTokensJson(TypedDict):
    """How many of the prompt's tokens needed no work."""

    cached_tokens: int


class EngineJson(TypedDict):
    """What wrote the draft; see `EngineInfo`."""

    name: str
    runtime: str
    precision: str | None
    device: str | None
    weights: str | None


class TokenJson(TypedDict):
    """A token and its log-probability."""

    text: str
    logprob: float


class DraftJson(TypedDict):
    """A text of a beam search and its log-probability."""

    text: str
    logprob: float


class OpenAITokenJson(TypedDict):
    """A token as OpenAI has it. `top_logprobs` is always empty."""

    token: str
    logprob: float
    bytes: list[int] | None
    top_logprobs: list[object]


class LogprobsJson(TypedDict):
    """The log-probabilities of a choice, as OpenAI has them."""

    content: list[OpenAITokenJson]
    refusal: None


class EvidenceJson(TypedDict):
    """Words that stood in a prompt. `start` and `end` are code points of the document's text."""

    passage: int
    start: int
    end: int


class LeftOutJson(TypedDict):
    """How much did not fit into the prompt."""

    passages: int
    turns: int


class DecodingJson(TypedDict):
    """How the tokens were chosen."""

    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float
    num_beams: int
    length_penalty: float
    seed: int | None
    stop: list[str]
    logprobs: bool


class PinsJson(TypedDict):
    """What else decided an answer; null where it is not known.

    `answering` are the settings that counted, every field of `generation.answering_policy`.
    """

    encoder: str | None
    finder: str | None
    search: str | None
    code: str | None
    answering: dict[str, float | bool | str | None] | None


class AssayJson(TypedDict):
    """What Assay has to say about an answer, beside its text."""

    abstained: bool
    answerability: float
    sentences: list[SentenceJson]
    nearest: list[PassageJson]
    timings: TimingsJson
    engine_info: EngineJson
    decoding: DecodingJson
    prompt_version: str
    change_number: int
    finish_reason: str | None
    drafts: list[DraftJson]
    language: str
    evidence: list[EvidenceJson]
    left_out: LeftOutJson | None
    policy: str
    struck: int
    standalone_question: str
    small_talk: bool
    pins: PinsJson


class AnswerJson(AssayJson):
    """A whole answer."""

    question: str
    text: str
    usage: UsageJson
    engine: str
    tokens: list[TokenJson]


class SpanJson(TypedDict):
    """The words of a context that carry a sentence.

    `context` counts the texts that `evidence_of` makes of it, from 0; `start` and `end` are code
    points of that text.
    """

    context: int
    start: int
    end: int
    quote: str


class VerifiedSentenceJson(TypedDict):
    """A sentence of a response. `start` and `end` are code points of the response."""

    text: str
    start: int
    end: int
    verdict: str
    score: float
    spans: list[SpanJson]


class VerificationJson(TypedDict):
    """How a response stands to its context. `score` is P(everything in it is supported)."""

    score: float
    flagged: bool
    blocked: bool
    verifier: str
    sentences: list[VerifiedSentenceJson]


def encoded(value: object) -> bytes:
    """JSON in ASCII: what a damaged file or a model makes of Unicode cannot fail to be sent."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def passage_json(hit: Hit) -> PassageJson:
    """A hit without where its file lies."""
    return {
        "document": hit.document.name,
        "page": hit.passage.page,
        "start": hit.passage.start,
        "end": hit.passage.end,
        "text": hit.passage.text,
        "score": hit.score,
        "commands": commands_json(hit.passage.text, hit.passage.start),
    }


def located_passage_json(hit: Hit) -> LocatedPassageJson:
    """A hit with where its file lies."""
    return {**passage_json(hit), "path": hit.document.path}


def sentence_json(sentence: AssayedSentence | SeenSentence) -> SentenceJson:
    """A sentence with its verdict and citations."""
    return {
        "text": sentence.text,
        **judged_json(sentence),
        "citations": [citation_json(citation) for citation in sentence.citations],
    }


def judged_json(sentence: AssayedSentence | SeenSentence | KeptSentence) -> JudgedJson:
    """What was found about a sentence, wherever it is told."""
    return {
        "origin": sentence.origin.value,
        "verdict": sentence.verdict.value,
        "score": sentence.score,
    }


def assay_json(answer: Answer) -> AssayJson:
    """What the OpenAI-compatible routes add to their own fields."""
    return {
        "abstained": answer.abstained,
        "answerability": answer.answerability,
        "sentences": [sentence_json(sentence) for sentence in answer.sentences],
        "nearest": [passage_json(hit) for hit in answer.nearest],
        "timings": timings_json(answer.timings),
        "engine_info": engine_json(answer.engine),
        "decoding": decoding_json(answer.decoding),
        "prompt_version": answer.prompt_version,
        "change_number": answer.change_number,
        "finish_reason": answer.finish_reason,
        "drafts": [{"text": draft.text, "logprob": draft.logprob} for draft in answer.drafts],
        "language": answer.language,
        "evidence": [
            {"passage": part.passage_id, "start": part.start, "end": part.end}
            for part in answer.evidence
        ],
        "left_out": left_out_json(answer.left_out),
        "policy": answer.policy.value,
        "struck": answer.struck,
        "standalone_question": answer.standalone or answer.question,
        "small_talk": answer.is_small_talk,
        "pins": pins_json(answer),
    }


def pins_json(made: Answer | Facts) -> PinsJson:
    """What else decided an answer, as it was told or as it is kept."""
    return {
        "encoder": encoder_pin(made.encoder) or None,
        "finder": made.finder or None,
        "search": made.search or None,
        "code": made.code or None,
        "answering": None if made.answering is None else asdict(made.answering),
    }


def answer_json(answer: Answer) -> AnswerJson:
    """Everything about an answer."""
    return {
        **assay_json(answer),
        "question": answer.question,
        "text": answer.text,
        "usage": usage_json(answer.usage),
        "engine": answer.engine.name,
        "tokens": [{"text": token.text, "logprob": token.logprob} for token in answer.tokens],
    }


def logprobs_json(answer: Answer) -> LogprobsJson | None:
    """The tokens of the draft as OpenAI has them; None when they were not asked for."""
    if not answer.decoding.logprobs:
        return None
    return {
        "content": [
            {
                "token": token.text,
                "logprob": token.logprob,
                # Part of a character is no text, and its bytes are no longer known.
                "bytes": None if "\ufffd" in token.text else list(token.text.encode()),
                "top_logprobs": [],
            }
            for token in answer.tokens
        ],
        "refusal": None,
    }


def usage_json(usage: Usage) -> UsageJson:
    """Tokens read and written."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def verification_json(
    claim: Claim, judgement: ResponseJudgement, *, verifier: str
) -> VerificationJson:
    """What `verifier`, a version, found about a claim."""
    return {
        "score": judgement.score,
        "flagged": judgement.flagged,
        "blocked": judgement.blocked,
        "verifier": verifier,
        "sentences": [_verified_sentence_json(claim, one) for one in judgement.sentences],
    }


def _verified_sentence_json(claim: Claim, sentence: SentenceJudgement) -> VerifiedSentenceJson:
    return {
        "text": claim.response[sentence.start : sentence.end],
        "start": sentence.start,
        "end": sentence.end,
        "verdict": sentence.judgement.verdict.value,
        "score": sentence.judgement.score,
        "spans": [
            {
                "context": span.index,
                "start": span.start,
                "end": span.end,
                "quote": claim.evidence[span.index][span.start : span.end],
            }
            for span in sentence.judgement.spans
        ],
    }


def citation_json(citation: Citation | SeenCitation) -> CitationJson:
    """A citation, of an answer or of what is kept of one."""
    return {
        "document": citation.document,
        "page": citation.page,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "commands": commands_json(citation.quote, citation.start),
    }


def commands_json(text: str, start: int) -> list[CommandJson]:
    """Where a text that begins at `start` of its revision gives orders to a model."""
    return [{"start": start + one.start, "end": start + one.end} for one in commands_in(text)]


def timings_json(timings: Timings) -> TimingsJson:
    """Seconds from the question's arrival."""
    return {
        "retrieval": timings.retrieval,
        "first_token": timings.first_token,
        "total": timings.total,
    }


def left_out_json(left_out: LeftOut | None) -> LeftOutJson | None:
    """What found no room in the prompt."""
    if left_out is None:
        return None
    return {"passages": left_out.passages, "turns": left_out.turns}


def decoding_json(decoding: Decoding) -> DecodingJson:
    """How the tokens are chosen, every field."""
    return {
        "max_tokens": decoding.max_tokens,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "top_k": decoding.top_k,
        "min_p": decoding.min_p,
        "repetition_penalty": decoding.repetition_penalty,
        "presence_penalty": decoding.presence_penalty,
        "frequency_penalty": decoding.frequency_penalty,
        "num_beams": decoding.num_beams,
        "length_penalty": decoding.length_penalty,
        "seed": decoding.seed,
        "stop": list(decoding.stop),
        "logprobs": decoding.logprobs,
    }


def engine_json(engine: EngineInfo) -> EngineJson:
    """What wrote the draft."""
    return {
        "name": engine.name,
        "runtime": engine.runtime,
        "precision": engine.precision,
        "device": engine.device,
        "weights": engine.weights,
    }
