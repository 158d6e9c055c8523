"""A conversation as the tokens a model reads: its own template, or a plain text without one."""

from collections.abc import Sequence

from generation.conversation import alternating
from generation.engines.tokenizing import ChatTokenizer
from generation.errors import EngineMissing
from generation.types import Message

_NAMES = {"user": "User: ", "assistant": "Assistant: ", "system": ""}


def conversation_tokens(
    tokenizer: ChatTokenizer,
    messages: Sequence[Message],
    *,
    has_encoder: bool = False,
) -> list[int]:
    """Token ids of a conversation, ready to be answered.

    With a chat template the conversation is written by it. Where the template refuses instructions
    or turns that do not alternate (Gemma 2, the first Mistral), instructions go before the first
    question and turns of one role in a row become one. Models that can think aloud are told not
    to (`enable_thinking` of their templates). Without a template see `plain_text`.

    A marker of the model that stands in a message ("<|im_end|>") is broken up first: what is
    written in a document is never read as the end of a turn.

    Args:
        has_encoder: whether the model reads with an encoder.

    Raises:
        EngineMissing: the template cannot write the conversation at all.
    """
    harmless = _without_markers(messages, tokenizer.markers)
    if not tokenizer.has_template:
        return tokenizer.encoded(plain_text(harmless, has_encoder=has_encoder), has_markers=False)
    # The template has written the markers at the beginning itself.
    return tokenizer.encoded(_templated(tokenizer, harmless), has_markers=True)


def plain_text(messages: Sequence[Message], *, has_encoder: bool = False) -> str:
    """A conversation for a model without a chat template.

    Messages are kept apart by an empty line. Turns begin with "User: " and "Assistant: ", and the
    text ends in "Assistant:" for the model to go on. A single question to a model with an encoder
    has no names: such models were trained on a task and its text.
    """
    turns = [message for message in messages if message.role != "system"]
    if has_encoder and len(turns) == 1:
        return "\n\n".join(message.content for message in messages)
    return "\n\n".join(
        [*(_NAMES[message.role] + message.content for message in messages), "Assistant:"]
    )


def _templated(tokenizer: ChatTokenizer, messages: Sequence[Message]) -> str:
    from jinja2 import TemplateError

    try:
        return tokenizer.written(messages)
    except TemplateError:
        try:
            return tokenizer.written(_without_instructions(messages))
        except TemplateError as error:
            raise EngineMissing(
                tokenizer.name, f"its chat template cannot write a conversation ({error})"
            ) from error


def _without_instructions(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The same words as turns in alternation that a user begins."""
    return alternating(
        Message("user", message.content) if message.role == "system" else message
        for message in messages
    )


def _without_markers(messages: Sequence[Message], markers: Sequence[str]) -> list[Message]:
    return [Message(message.role, _broken_up(message.content, markers)) for message in messages]


def _broken_up(text: str, markers: Sequence[str]) -> str:
    for marker in markers:
        if len(marker) > 1 and marker in text:
            text = text.replace(marker, f"{marker[0]} {marker[1:]}")
    return text
