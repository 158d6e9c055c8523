"""What a server says of a model beyond OpenAI's protocol: its window, and how it counts tokens.

Decisions only: `Ask` does the asking, and gives None where the server knows no such path.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from generation.engines.remote.openai_protocol import Family, OfferedModel, chat_messages, positive
from generation.types import Message


class Ask(Protocol):
    """Gets the JSON at a path of the server's root, or posts a body there."""

    def __call__(self, path: str, body: dict[str, object] | None = None) -> object: ...


def with_family(model: OfferedModel, ask: Ask) -> OfferedModel:
    """The model with what its server is. Ollama's list names whoever made a model."""
    if model.family is Family.OTHER and isinstance(_at(ask("/api/version"), "version"), str):
        return replace(model, family=Family.OLLAMA)
    return model


def window_of(model: OfferedModel, ask: Ask) -> int | None:
    """How many tokens prompt and answer may take together; None when the server does not say."""
    if model.context_tokens is not None:
        return model.context_tokens
    if model.family is Family.LLAMA_CPP:
        return positive(_at(ask("/props"), "default_generation_settings", "n_ctx"))
    if model.family is Family.OLLAMA:
        # Of a model that runs it says the window that is in force. For another the default
        # holds: what the model could take at most is not what it is given.
        running = _at(ask("/api/ps"), "models")
        for one in running if isinstance(running, list) else []:
            if model.id in {_at(one, "model"), _at(one, "name")}:
                return positive(_at(one, "context_length"))
    return None


def tokens_counted(model: OfferedModel, messages: Sequence[Message], ask: Ask) -> int | None:
    """Tokens of a conversation with the model's template; None when the server does not count."""
    conversation: dict[str, object] = {
        "messages": chat_messages(messages), "add_generation_prompt": True,
    }  # fmt: skip
    if model.family is Family.VLLM:
        return positive(_at(ask("/tokenize", {"model": model.id, **conversation}), "count"))
    if model.family is not Family.LLAMA_CPP:
        return None
    prompt = _at(ask("/apply-template", conversation), "prompt")
    if not isinstance(prompt, str):
        return None
    body: dict[str, object] = {"content": prompt, "add_special": True, "parse_special": True}
    tokens = _at(ask("/tokenize", body), "tokens")
    return len(tokens) if isinstance(tokens, list) else None


def _at(value: object, *names: str) -> object:
    """What lies in JSON under names, one in the other; None if nothing does."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if not isinstance(value, dict) else None
