"""The tokenizer and the chat template of a model, with transformers or without.

Importing transformers takes seconds, and all it does for a converted model is to hand texts to the
tokenizers library and conversations to a template. So conversion writes down what that takes, makes
sure that both ways give the same tokens, and a converted model is loaded without it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from generation.engines.templates import ChatTemplate
from generation.types import Message

TOKENIZER_FILE, CHAT_FILE = "assay_tokenizer.json", "assay_chat.json"


class ChatTokenizer(Protocol):
    """Texts to tokens and back, and conversations to text."""

    @property
    def name(self) -> str:
        """Of the model, for messages to people."""

    @property
    def has_template(self) -> bool:
        """Whether the model brings a chat template."""

    @property
    def markers(self) -> Sequence[str]:
        """The model's special tokens as they are written, longest first."""

    @property
    def end(self) -> int | None:
        """The token that ends a text."""

    def encoded(self, text: str, *, has_markers: bool) -> list[int]:
        """Tokens of a text.

        Args:
            has_markers: the template wrote those at the beginning and the end; none is added.
        """

    def decoded(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without special ones."""

    def written(self, messages: Sequence[Message]) -> str:
        """A conversation as the template writes it, ready to be answered.

        Raises:
            jinja2.TemplateError: the template refuses it.
        """


class TransformersTokenizer:
    """A tokenizer of transformers; see `ChatTokenizer`."""

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - transformers has many kinds
        self._tokenizer = tokenizer
        self.name = str(getattr(tokenizer, "name_or_path", "")).rstrip("/").rpartition("/")[2]
        self.has_template = bool(tokenizer.chat_template)
        special = {
            str(token.content) for token in tokenizer.added_tokens_decoder.values() if token.special
        }
        self.markers = sorted(special, key=lambda marker: (-len(marker), marker))
        self.end = tokenizer.eos_token_id

    def encoded(self, text: str, *, has_markers: bool) -> list[int]:
        """Tokens of a text; see `ChatTokenizer.encoded`."""
        found = self._tokenizer(text, add_special_tokens=not has_markers)["input_ids"]
        return [int(token) for token in found]

    def decoded(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without special ones."""
        return str(
            self._tokenizer.decode(
                list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def written(self, messages: Sequence[Message]) -> str:
        """A conversation as the template writes it; see `ChatTokenizer.written`."""
        return str(
            self._tokenizer.apply_chat_template(
                [{"role": message.role, "content": message.content} for message in messages],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,
            )
        )


class PreparedTokenizer:
    """What `write_tokenizer` wrote into a folder; see `ChatTokenizer`. Imports no transformers."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        said = json.loads((folder / CHAT_FILE).read_text(encoding="utf-8"))
        self.name = str(said["name"])
        self.markers: Sequence[str] = list(said["markers"])
        self.end: int | None = said["end"]
        template = said["template"]
        self.has_template = template is not None
        self._template = ChatTemplate(template, said["special_tokens"]) if template else None

    def encoded(self, text: str, *, has_markers: bool) -> list[int]:
        """Tokens of a text; see `ChatTokenizer.encoded`."""
        found = self._tokenizer.encode(text, add_special_tokens=not has_markers).ids
        return [int(token) for token in found]

    def decoded(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without special ones."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def written(self, messages: Sequence[Message]) -> str:
        """A conversation as the template writes it; see `ChatTokenizer.written`."""
        if self._template is None:
            raise ValueError(f"{self.name} has no chat template")
        return self._template.written(messages)


def write_tokenizer(tokenizer: Any, folder: Path) -> None:  # noqa: ANN401
    """Write what `PreparedTokenizer` reads.

    Args:
        tokenizer: of transformers.

    Raises:
        AttributeError, TypeError, ValueError: it is none of the tokenizers library.
    """
    known = TransformersTokenizer(tokenizer)
    tokenizer.backend_tokenizer.save(str(folder / TOKENIZER_FILE))
    said = {
        "name": known.name,
        "markers": known.markers,
        "end": known.end,
        "template": tokenizer.get_chat_template() if known.has_template else None,
        "special_tokens": dict(tokenizer.special_tokens_map),
    }
    (folder / CHAT_FILE).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def load_tokenizer(folder: Path) -> ChatTokenizer:
    """The tokenizer of a model's folder; with transformers where it was not prepared.

    Raises:
        OSError, ValueError: transformers cannot load it.
    """
    if (folder / CHAT_FILE).is_file():
        return PreparedTokenizer(folder)
    from transformers import AutoTokenizer

    return TransformersTokenizer(AutoTokenizer.from_pretrained(str(folder), local_files_only=True))
