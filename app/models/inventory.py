"""What of chat models is on this machine: prepared folders, and the hub's cache."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.models.sizes import size_of
from generation.answer_gauge.model import GAUGE_PREFIX

_NOTE = "source.json"
_OPENVINO = "openvino_model.xml"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A folder that was prepared from a model's files.

    `runtime` is what runs it; one for torch is also what OpenVINO's is made from. `weights` is the
    SHA-256 of the weights it was made from; None when the folder does not say.
    """

    folder: Path
    runtime: str
    precision: str | None
    weights: str | None
    size: int
    made_at: float


@dataclass(frozen=True, slots=True)
class Cached:
    """A model in the cache of the hub's own library, which other programs use too."""

    name: str
    size: int


def prepared_models(models: Path) -> list[Prepared]:
    """The chat models in the folder of prepared models, by name; empty when there is none."""
    if not models.is_dir():
        return []
    folders = (one for one in models.iterdir() if one.is_dir() and not _is_other(one.name))
    return [_prepared(one) for one in sorted(folders)]


def _is_other(name: str) -> bool:
    """Whether it is no chat model: what is being made, or the answer gauge, which all homes use."""
    return name.startswith((".", GAUGE_PREFIX))


def unused(
    prepared: Sequence[Prepared], models: Sequence[Path], used: Sequence[tuple[str, str]]
) -> list[Prepared]:
    """Those that no model in use is loaded from, in the order given.

    Of several for OpenVINO of the same weights and precision, the newest is in use.

    Args:
        models: transformers folders that are in use.
        used: SHA-256 of the weights in each of these, and the precision that OpenVINO keeps.
    """
    newest: dict[tuple[str | None, str | None], Prepared] = {}
    for one in prepared:
        if one.runtime == "openvino":
            key = (one.weights, one.precision)
            newest[key] = max(newest.get(key, one), one, key=lambda found: found.made_at)
    kept = {one.folder for key, one in newest.items() if key in used}
    return [one for one in prepared if one.folder not in {*kept, *models}]


def remove(prepared: Prepared) -> None:
    """Delete a prepared folder; it is made again when it is needed.

    It is first renamed, so that nobody loads half of it.
    """
    aside = prepared.folder.with_name(f".{prepared.folder.name}.removed")
    shutil.rmtree(aside, ignore_errors=True)
    prepared.folder.rename(aside)
    shutil.rmtree(aside)


def cached_models() -> list[Cached]:
    """Chat models and others in the hub's cache on this machine, by name; nothing is fetched."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        found = scan_cache_dir().repos
    except CacheNotFound:
        return []
    models = [Cached(one.repo_id, one.size_on_disk) for one in found if one.repo_type == "model"]
    return sorted(models, key=lambda one: one.name)


def _prepared(folder: Path) -> Prepared:
    note = _note(folder)
    has_openvino = (folder / _OPENVINO).is_file()
    precision = note.get("precision")
    weights = note.get("weights_sha256")
    return Prepared(
        folder=folder,
        runtime="openvino" if has_openvino else "torch",
        precision=str(precision) if precision else _stored_precision(folder),
        weights=str(weights) if weights else None,
        size=size_of(folder),
        made_at=folder.stat().st_mtime,
    )


def _note(folder: Path) -> dict[str, object]:
    try:
        note = json.loads((folder / _NOTE).read_bytes())
    except (OSError, ValueError):
        return {}  # made by an earlier version, or damaged
    return note if isinstance(note, dict) else {}


def _stored_precision(folder: Path) -> str | None:
    """The type of a transformers folder's numbers, as its configuration has it."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return None
    stored = config.get("dtype") or config.get("torch_dtype") if isinstance(config, dict) else None
    return str(stored) if stored else None
