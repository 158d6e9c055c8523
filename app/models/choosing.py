"""Choosing a chat model: what the settings would become, tried before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.engines import EngineChoice, EngineKind, RemoteModel
from app.errors import CommandFailed
from app.models.fitting import Fit, fit_of
from app.models.sizes import parameters_of, size_of
from app.settings_file import Value
from generation.engines.openvino.memory import available_memory
from generation.types import Precision, Runtime


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be used: `model` on this machine, or at the server `url`; the other is None.

    `at_server` is its name there; None takes the only one.
    """

    model: str | None = None
    url: str | None = None
    at_server: str | None = None
    key: str | None = None
    runtime: Runtime | None = None
    precision: Precision | None = None


def wanted_of(text: str) -> Wanted:
    """What a person typed: an address is a server, a path with ~ or one that exists is a file."""
    if urlsplit(text).scheme in {"http", "https"}:
        return Wanted(url=text)
    path = Path(text).expanduser()
    return Wanted(model=str(path.resolve()) if path.exists() else text)


def choice_with(choice: EngineChoice, wanted: Wanted) -> EngineChoice:
    """The engine alone that is wanted, with the rest as it is."""
    runtime, precision = wanted.runtime or choice.runtime, wanted.precision or choice.precision
    changed = replace(choice, runtime=runtime, precision=precision)
    if wanted.model is not None:
        return replace(changed, model=wanted.model, order=("local",))
    seconds = 60.0 if choice.remote is None else choice.remote.seconds
    remote = RemoteModel(str(wanted.url), wanted.at_server, wanted.key, seconds)
    return replace(changed, remote=remote, order=("remote",))


def changes_for(choice: EngineChoice, wanted: Wanted) -> Mapping[str, Value | None]:
    """What to write into the settings: the one that is wanted is asked first from now on.

    Others that were asked before are asked when it fails. A key stays only with its server.
    """
    first: EngineKind = "local" if wanted.model is not None else "remote"
    order = [first, *(kind for kind in choice.order if kind != first)]
    changes: dict[str, Value | None] = {"engines": list[str](order)}
    if wanted.model is not None:
        changes["model"] = wanted.model
    else:
        is_same = choice.remote is not None and choice.remote.url == wanted.url
        changes |= {"remote_url": wanted.url, "remote_model": wanted.at_server}
        if wanted.key is not None or not is_same:
            changes["remote_key"] = wanted.key
    if wanted.runtime is not None:
        changes["runtime"] = wanted.runtime
    if wanted.precision is not None:
        changes["precision"] = wanted.precision
    return changes


@dataclass(frozen=True, slots=True)
class Local:
    """A model on this machine, before it is loaded.

    `runtime` is how it would be run. `place` is None for a hub's that is not here yet.
    """

    name: str
    place: Path | None
    runtime: Runtime
    precision: Precision
    parameters: int | None
    fit: Fit

    @property
    def text(self) -> str:
        """What it is and would take, in one line."""
        size = "" if self.place is None else f", {size_of(self.place) / 1e6:,.0f} MB on the disk"
        many = "" if self.parameters is None else f", {self.parameters / 1e6:,.0f} M parameters"
        kept = f" in {self.precision}" if self.runtime == "openvino" else ""
        return f"{self.name}{many}{size}, with {self.runtime}{kept}: {self.fit.text}"


def local_of(choice: EngineChoice) -> Local:
    """What the model on this machine is and would take; loads nothing.

    Raises:
        EngineMissing: it is not there.
    """
    from generation.engines.loading import display_name, model_place, resolved_runtime

    place = model_place(choice.model)
    folder = place if place is not None and place.is_dir() else None
    runtime = resolved_runtime(choice.runtime, folder)
    parameters = None if place is None else parameters_of(place)
    fit = fit_of(
        parameters,
        runtime=runtime,
        precision=choice.precision,
        cache_mb=choice.cache_mb,
        available=available_memory(),
    )
    return Local(display_name(choice.model), place, runtime, choice.precision, parameters, fit)


def require_fit(local: Local) -> None:
    """Refuse what would not fit the memory.

    Raises:
        CommandFailed: it does not; how much it takes, and what takes less.
    """
    if local.fit.fits is False:
        raise CommandFailed(
            f"{local.text}; take a smaller one, add `--precision int4`, lower ASSAY_CACHE_MB, stop "
            "what else runs here, or add --anyway"
        )


def as_json(local: Local) -> dict[str, Any]:
    """For `--json`, with sizes in bytes."""
    return {
        "parameters": local.parameters,
        "needed_bytes": local.fit.needed,
        "preparing_bytes": local.fit.preparing,
        "available_bytes": local.fit.available,
        "fits": local.fit.fits,
    }
