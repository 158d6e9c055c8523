"""Every error `generation` raises on purpose.

GenerationError
├── EngineMissing     the configured model is not on this machine or cannot be loaded
├── EngineUnavailable a model's server cannot be reached, or does not answer as it should
│   └── EngineRefused it works, but does not take this request
├── NotConvertible    OpenVINO cannot run the configured model, or computes something else
├── ModelUnusable     a file of a model that Assay brings is missing or was changed
├── QuestionTooLong   the question alone does not fit the model's window
└── BadDecoding       decoding settings that contradict each other or the engine
"""


class GenerationError(Exception):
    """Base of every error `generation` raises on purpose."""


class EngineMissing(GenerationError):
    """The configured model is not on this machine or cannot be loaded."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(
            f"the model {model!r} cannot be loaded: {reason}; set ASSAY_MODEL to a hub id, a "
            "folder or a GGUF file, or run `make clean install` for the bundled one"
        )


class EngineUnavailable(GenerationError):
    """A model's server cannot be reached, or does not answer as it should; it may do so later.

    `retry_seconds` from now it is worth another try; None when nobody knows.
    """

    def __init__(self, message: str, *, retry_seconds: float | None = None) -> None:
        self.retry_seconds = retry_seconds
        super().__init__(message)


class EngineRefused(EngineUnavailable):
    """A model's server works, but does not take this request: the same again would not help."""


class NotConvertible(GenerationError):
    """OpenVINO cannot run the configured model, or computes something else than torch."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"the model cannot be converted to OpenVINO: {reason}; it runs on torch "
            "(ASSAY_RUNTIME=auto or torch)"
        )


class ModelUnusable(GenerationError):
    """A file of a model that Assay brings is missing or was changed."""


class QuestionTooLong(GenerationError):
    """The question alone does not fit the model's window."""

    def __init__(self, tokens: int, limit: int) -> None:
        self.tokens, self.limit = tokens, limit
        super().__init__(f"the question takes {tokens} tokens and the limit is {limit}; shorten it")


class BadDecoding(GenerationError, ValueError):
    """Decoding settings that contradict each other or the engine."""
