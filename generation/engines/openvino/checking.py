"""Whether an OpenVINO graph computes what torch does, before anybody is answered with it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

from generation.errors import NotConvertible
from generation.types import Precision
from retrieval.inference.core import openvino_core

# How far logits may be from torch's in float32: the root of the mean squared difference, divided
# by the standard deviation of torch's. Two unrelated models are about 1.4 apart. Every graph keeps
# to the first before its weights are rounded. The others find weights that OpenVINO reads otherwise
# than they were written, and leave room for what rounding does to a small model on tokens at random
# (SmolLM2-135M: 0.14 in int8, 0.68 in int4).
TOLERANCES: Mapping[Precision, float] = {
    "float32": 1e-3,
    "float16": 2e-2,
    "int8": 0.4,
    "int4": 1.0,
}

# Read at once before the rest of a sequence is read one by one.
_LAST_STEPS = 8
_TEXT = (
    "The lease ends on 31 March 2027 and the rent is due on the first of each month. When is the "
    "rent due? Die Miete ist am Ersten fällig. def rent(month): return 1_250 if month > 3 else 980"
)
# What a plain run needs to be compared to torch: no rounding but that of the weights.
EXACT = {
    "INFERENCE_PRECISION_HINT": "f32",
    "KV_CACHE_PRECISION": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
}


class Reference(NamedTuple):
    """What torch makes of a sequence."""

    tokens: NDArray[numpy.int64]  # (n,)
    logits: NDArray[numpy.float32]  # (n, vocabulary)


def sample_sequences(tokenizer: Any, vocabulary: int) -> list[NDArray[numpy.int64]]:  # noqa: ANN401
    """A text in three languages and a sequence of tokens at random: always the same ones."""
    text = numpy.array(tokenizer(_TEXT)["input_ids"][:64], dtype=numpy.int64)
    drawn = numpy.random.default_rng(0).integers(0, vocabulary, 40, dtype=numpy.int64)
    return [sequence for sequence in (text, drawn) if len(sequence) > _LAST_STEPS]


def reference_logits(
    model: Any,  # noqa: ANN401 - any of transformers' models
    sequences: Sequence[NDArray[numpy.int64]],
) -> list[Reference]:
    """Torch's logits of sequences, with the attention that the model is loaded with."""
    import torch

    references = []
    with torch.inference_mode():
        for tokens in sequences:
            logits = model(input_ids=torch.from_numpy(tokens)[None], use_cache=False).logits
            references.append(Reference(tokens, logits[0].float().numpy()))
    return references


def require_agreement(
    graph: Any,  # noqa: ANN401 - an openvino.Model, or the Path of one
    references: Sequence[Reference],
    tolerance: float,
) -> float:
    """Compare a graph with torch: whole sequences at once, and their ends token by token.

    Args:
        graph: with its cache as state; see `tracing.traced_model`.
        references: what torch makes of sequences.
        tolerance: the most that `difference` may be, for each of them.

    Returns:
        The largest difference found.

    Raises:
        NotConvertible: they differ by more.
    """
    compiled = openvino_core().compile_model(
        str(graph) if isinstance(graph, Path) else graph, "CPU", EXACT
    )
    request = compiled.create_infer_request()
    worst = 0.0
    for tokens, expected in references:
        for first in (len(tokens), len(tokens) - _LAST_STEPS):
            found = difference(_logits(request, tokens, first), expected)
            # Also refuses a difference that is not a number.
            if not found <= tolerance:
                way = "at once" if first == len(tokens) else "token by token"
                raise NotConvertible(
                    f"reading {len(tokens)} tokens {way} OpenVINO's logits differ from torch's by "
                    f"{found:.3g} of their spread, and the limit is {tolerance}"
                )
            worst = max(worst, found)
    return worst


def require_paged_attention(graph: Any, layers: int) -> None:  # noqa: ANN401
    """Make sure that the cache of every layer can be kept in pages, shared by many requests.

    Raises:
        NotConvertible: OpenVINO does not recognise the attention of a layer.
    """
    from openvino._offline_transformations import paged_attention_transformation

    paged = graph.clone()
    try:
        paged_attention_transformation(paged)
    except RuntimeError as error:
        raise NotConvertible("OpenVINO does not recognise its attention") from error
    kinds = [node.get_type_name() for node in paged.get_ops()]
    if kinds.count("PagedAttentionExtension") != layers or "ReadValue" in kinds:
        raise NotConvertible(
            f"OpenVINO recognises the attention of {kinds.count('PagedAttentionExtension')} of its "
            f"{layers} layers"
        )


def difference(found: NDArray[numpy.float32], expected: NDArray[numpy.float32]) -> float:
    """Root mean squared difference over the standard deviation of `expected`; both one shape."""
    error = numpy.sqrt(numpy.mean(numpy.square(found - expected, dtype=numpy.float64)))
    spread = float(numpy.std(expected, dtype=numpy.float64))
    return float(error) / spread if spread else float(error)


def _logits(request: Any, tokens: NDArray[numpy.int64], first: int) -> NDArray[numpy.float32]:  # noqa: ANN401
    """Logits of all tokens, the first `first` read at once and the others one by one."""
    request.reset_state()
    rows = []
    for start, end in [(0, first), *((i, i + 1) for i in range(first, len(tokens)))]:
        outputs = request.infer(
            {
                "input_ids": tokens[None, start:end],
                "attention_mask": numpy.ones((1, end), dtype=numpy.int64),
                "position_ids": numpy.arange(start, end, dtype=numpy.int64)[None],
                "beam_idx": numpy.zeros(1, dtype=numpy.int32),
            }
        )
        rows.append(outputs["logits"][0].copy())
    return numpy.concatenate(rows)
