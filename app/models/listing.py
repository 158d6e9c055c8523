"""The chat models that the settings name, in their order, and what is prepared of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.engines import EngineChoice, connect_remote
from app.models.choosing import Local, local_of
from app.models.inventory import Prepared, unused
from generation.errors import GenerationError


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that may be asked. `problem` says why it cannot be; `state` how it is otherwise."""

    kind: str
    name: str
    state: str
    problem: str | None = None
    local: Local | None = None


def listed(choice: EngineChoice, prepared: Sequence[Prepared]) -> list[Listed]:
    """Each model of a choice, in order. A server is asked; no model is loaded."""
    return [
        _local(choice, prepared) if kind == "local" else _remote(choice) for kind in choice.order
    ]


def not_used(choices: Sequence[EngineChoice], prepared: Sequence[Prepared]) -> list[Prepared]:
    """The prepared folders that none of these is loaded from.

    A model of the choices that is not on this machine has nothing prepared.
    """
    folders, used = [], []
    for choice in choices:
        folder = _folder_of(choice)
        if folder is not None and folder.is_dir():
            folders.append(folder)
            used.append((_weights_in(folder, choice.models), choice.precision))
    return unused(prepared, folders, used)


def _local(choice: EngineChoice, prepared: Sequence[Prepared]) -> Listed:
    try:
        local = local_of(choice)
    except GenerationError as error:
        return Listed("local", choice.model, "missing", str(error))
    problem = None if local.fit.fits is not False else f"it {local.fit.text}"
    return Listed("local", local.name, _state(choice, local, prepared), problem, local)


def _state(choice: EngineChoice, local: Local, prepared: Sequence[Prepared]) -> str:
    if local.place is None:
        return "not on this machine yet; it is fetched when it is first used"
    folder = _folder_of(choice)
    is_unpacked = folder is not None and folder.is_dir()
    if folder is not None and is_unpacked:
        if local.runtime == "torch":
            return "ready"
        weights = _weights_in(folder, choice.models)
        if any((one.weights, one.precision) == (weights, choice.precision) for one in prepared):
            return "ready"
    return "on this machine; it is prepared when it is first used"


def _remote(choice: EngineChoice) -> Listed:
    server = connect_remote(choice)
    name = choice.remote.name if choice.remote is not None else None
    try:
        window = server.context_tokens
        return Listed("remote", server.info.name, f"{server.server} answers; window {window:,}")
    except GenerationError as error:
        return Listed("remote", name or server.server, "not reachable", str(error))
    finally:
        server.close()


def _folder_of(choice: EngineChoice) -> Path | None:
    """The transformers folder that a model is or would be loaded from; None when it is nowhere."""
    from generation.engines.loading import model_place
    from generation.engines.weights import weights_sha256

    try:
        place = model_place(choice.model)
        if place is None or place.is_dir():
            return place
        # As `converted_folder` names it.
        return choice.models / f"{place.stem}-{weights_sha256(place, choice.models)[:16]}"
    except (GenerationError, OSError):
        return None


def _weights_in(folder: Path, models: Path) -> str:
    from generation.engines.weights import weights_sha256

    try:
        return weights_sha256(folder, models)
    except (GenerationError, OSError, ValueError, LookupError):
        return ""  # no weights, or not ours: loading it says what is wrong
