"""Which chat models answer, in which order, and loading them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit

from app.errors import BadSetting
from generation.types import Precision, Runtime

if TYPE_CHECKING:
    from generation.engines.base import Engine
    from generation.engines.remote.engine import RemoteEngine

# A model on this machine, or one at a server.
EngineKind: TypeAlias = Literal["local", "remote"]


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model at a server that speaks OpenAI's protocol.

    `name` None takes the only one there. `seconds` is how long the next token may take.
    """

    url: str
    name: str | None
    key: str | None = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What decides an engine; two that are equal need one.

    `order` has each kind once at most, the first choice first. `model` is a folder, a GGUF file, a
    hub id or the bundled model's name, and `models` the folder for what is prepared of it.
    """

    order: tuple[EngineKind, ...]
    model: str
    models: Path
    runtime: Runtime = "auto"
    precision: Precision = "int8"
    cache_mb: int = 512
    remote: RemoteModel | None = None

    @property
    def name(self) -> str:
        """The name of the model that is asked first; loads nothing."""
        from generation.engines.loading import display_name

        if self.order[0] == "remote" and self.remote is not None:
            return self.remote.name or urlsplit(self.remote.url).netloc
        return display_name(self.model)


def load_chosen(choice: EngineChoice, on_progress: Callable[[str, float], None]) -> "Engine":
    """The models of a choice as one engine that asks them in their order.

    One alone is loaded now. Of several each is when it is first needed: a model on this machine
    that stands in for a server takes no memory before it has to.

    Raises:
        GenerationError: the one cannot be loaded.
        BadSetting: the server's address or key cannot be one.
    """
    makers: dict[EngineKind, Callable[[], Engine]] = {
        "local": partial(load_local, choice, on_progress),
        "remote": partial(connect_remote, choice),
    }
    if len(choice.order) == 1:
        return makers[choice.order[0]]()
    from generation.engines.fallback import FallbackEngine

    return FallbackEngine([makers[kind] for kind in choice.order])


def load_local(choice: EngineChoice, on_progress: Callable[[str, float], None]) -> "Engine":
    """The model on this machine.

    Raises:
        GenerationError: it cannot be loaded.
    """
    from generation.engines.loading import load_engine

    return load_engine(
        choice.model,
        models=choice.models,
        runtime=choice.runtime,
        precision=choice.precision,
        cache_mb=choice.cache_mb,
        on_progress=on_progress,
    )


def connect_remote(choice: EngineChoice) -> "RemoteEngine":
    """The model at the server, which is not asked yet whether it is there.

    Raises:
        BadSetting: the choice names no server, or its address or key cannot be one.
    """
    from generation.engines.remote.engine import RemoteEngine

    if choice.remote is None:
        raise BadSetting("ASSAY_REMOTE_URL", "a remote model is asked for and has no address")
    remote = choice.remote
    try:
        return RemoteEngine(remote.url, remote.key, remote.name, seconds=remote.seconds)
    except ValueError as error:
        raise BadSetting("ASSAY_REMOTE_URL, ASSAY_REMOTE_KEY", str(error)) from error
