"""From a transformers folder to an OpenVINO one. Made once, kept by content."""

import gc
import hashlib
import importlib.metadata
import json
import logging
import shutil
from pathlib import Path
from typing import Any

from generation.engines.conversion import Progress, made_once, write_source
from generation.engines.openvino.checking import (
    TOLERANCES,
    reference_logits,
    require_agreement,
    require_paged_attention,
    sample_sequences,
)
from generation.engines.openvino.joining import join_products
from generation.engines.openvino.memory import require_memory
from generation.engines.openvino.tracing import (
    ATTENTION,
    layer_shapes,
    register_attention,
    traced_model,
)
from generation.engines.openvino.weights import round_weights
from generation.engines.openvino.window import usable_context
from generation.engines.prepared_tokenizer import prepare_tokenizer
from generation.engines.weights import SOURCE_FILE, weight_files, weights_sha256
from generation.errors import NotConvertible
from generation.types import Precision
from retrieval.inference.quiet import keep_openvino_quiet, keep_transformers_quiet

# Part of what a converted model is kept by: raise it when conversion gives something else.
CONVERTER_VERSION = 4
MODEL_FILE = "openvino_model.xml"

# What stands beside the weights and is needed to talk to the model.
_COPIED_SUFFIXES = frozenset({".json", ".jinja", ".model", ".txt"})
_logger = logging.getLogger(__name__)


def converted_model(
    folder: Path,
    models: Path,
    *,
    precision: Precision,
    on_progress: Progress = lambda _stage, _share: None,
) -> Path:
    """The OpenVINO folder of a decoder-only model, made on first use.

    Conversion takes up to twice the memory of the model in float32. Afterwards the graph's logits
    are compared with torch's, within `TOLERANCES` of the precision.

    Args:
        folder: a transformers folder: config, safetensors, tokenizer.
        models: where the result is kept. Changed weights or settings make another one.
        precision: how exactly weights are kept.
        on_progress: told the stage and the share of it that is done.

    Returns:
        A folder with `openvino_model.xml` and `.bin`, the tokenizer's files, `config.json`,
        `generation_config.json` and `source.json` (weights_sha256, precision, difference), and what
        `prepare_tokenizer` adds.

    Raises:
        NotConvertible: OpenVINO cannot run the model, computes something else, or memory is short.
        EngineMissing: there are no weights in the folder.
        OSError, ValueError: transformers cannot load the model.
    """
    key = _key(folder, models, precision)
    target = models / f"{folder.name}-openvino-{precision}-{key[:16]}"
    refusal = models / f".{target.name}.refused"
    _raise_kept(refusal)

    def convert(partial: Path) -> None:
        # Another process may have found out while this one waited for it.
        _raise_kept(refusal)
        require_memory(weight_files(folder))
        _logger.warning(
            "converting %s to OpenVINO, %s weights; this is done once", folder.name, precision
        )
        try:
            found = _convert(folder, partial, precision, on_progress)
        except NotConvertible as error:
            _keep(refusal, error.reason)
            raise
        weights = weights_sha256(folder, models)
        write_source(
            partial,
            {"weights_sha256": weights, "precision": precision, "difference": round(found, 6)},
        )

    return made_once(target, convert, on_progress)


def _raise_kept(refusal: Path) -> None:
    if refusal.is_file():
        raise NotConvertible(refusal.read_text(encoding="utf-8"))


def _keep(refusal: Path, reason: str) -> None:
    partial = refusal.with_name(f"{refusal.name}.partial")
    partial.write_text(reason, encoding="utf-8")
    partial.replace(refusal)


def _key(folder: Path, models: Path, precision: Precision) -> str:
    """SHA-256 of all that decides what conversion gives."""
    parts = [
        f"converter {CONVERTER_VERSION}",
        *(f"{name} {importlib.metadata.version(name)}" for name in ("openvino", "transformers")),
        precision,
        weights_sha256(folder, models),
        *(
            f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}"
            for path in _copied(folder)
        ),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _copied(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file()
        and path.suffix in _COPIED_SUFFIXES
        and not path.name.endswith(".index.json")
        and path.name != SOURCE_FILE
    )


def _convert(folder: Path, partial: Path, precision: Precision, on_progress: Progress) -> float:
    """Fill `partial`, and return how far the logits are from torch's."""
    keep_openvino_quiet()
    import openvino

    keep_transformers_quiet()
    on_progress("loading the model", 0.0)
    model = _loaded(folder)
    tokenizer = _tokenizer(folder)
    vocabulary = int(model.config.get_text_config().vocab_size)
    references = reference_logits(model, sample_sequences(tokenizer, vocabulary))
    shapes = layer_shapes(model)
    context = usable_context(model.config, [shape.window for shape in shapes if shape.window])
    on_progress("tracing the model", 0.0)
    model.set_attn_implementation(ATTENTION)
    graph = traced_model(model, shapes)
    join_products(graph)
    require_paged_attention(graph, len(shapes))
    on_progress("comparing with torch", 0.0)
    require_agreement(graph, references, TOLERANCES["float32"])
    round_weights(graph, precision, lambda share: on_progress("rounding the weights", share))
    on_progress("writing the converted model", 0.0)
    openvino.save_model(graph, partial / MODEL_FILE, compress_to_fp16=precision == "float16")
    for path in _copied(folder):
        shutil.copyfile(path, partial / path.name)
    prepare_tokenizer(tokenizer, partial)
    if context is not None:
        _limit_context(partial / "config.json", context)
    # The graph reads the weights where torch has them: both go before the result is loaded.
    del graph, model
    gc.collect()
    on_progress("comparing with torch", 0.5)
    found = require_agreement(partial / MODEL_FILE, references, TOLERANCES[precision])
    on_progress("comparing with torch", 1.0)
    return found


def _limit_context(path: Path, tokens: int) -> None:
    """Let a config say that the model takes fewer tokens."""
    config = json.loads(path.read_text(encoding="utf-8"))
    _logger.warning(
        "with OpenVINO the model's window is %d tokens instead of %s; with ASSAY_RUNTIME=torch it "
        "is whole",
        tokens,
        config.get("max_position_embeddings", "those it has"),
    )
    config["max_position_embeddings"] = tokens
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _loaded(folder: Path) -> Any:  # noqa: ANN401 - any of transformers' models
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    register_attention()
    if AutoConfig.from_pretrained(folder, local_files_only=True).is_encoder_decoder:
        raise NotConvertible("it has an encoder and a decoder")
    # Compared with is the model's own attention, written out, not ours.
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        dtype=torch.float32,
        use_safetensors=True,
        attn_implementation="eager",
    )
    return model.eval()  # type: ignore[no-untyped-call]


def _tokenizer(folder: Path) -> Any:  # noqa: ANN401
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)
