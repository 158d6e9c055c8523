"""A converted model with a key-value cache in blocks, run by OpenVINO on processors.

OpenVINO's own paged attention reads and writes the blocks; which block is whose is decided in
`batching`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from generation.engines.openvino.batching import Row
from generation.errors import EngineUnavailable
from retrieval.inference.core import openvino_core
from retrieval.inference.quiet import keep_openvino_quiet

if TYPE_CHECKING:
    import openvino

_WANTED = "wanted_positions"
_MB = 1 << 20
_LEAST_BLOCKS = 4


class OpenVinoModel:
    """The converted model of a folder.

    Computed in float32 on weights as they are kept, with keys and values in float16 (OpenVINO would
    take 8 bits by itself).

    Args:
        folder: with `openvino_model.xml` and `.bin`, a decoder with a cache as its state.
        cache_mb: memory for keys and values, at least a few blocks of 32 tokens each.
        threads: processor threads; None is OpenVINO's choice, one for each core.
        forbidden: tokens whose logits are minus infinity.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cache_mb: int,
        threads: int | None = None,
        forbidden: Iterable[int] = (),
    ) -> None:
        keep_openvino_quiet()

        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "f32",
            "KV_CACHE_PRECISION": "f16",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        core = openvino_core()
        self._compiled = core.compile_model(_paged(core, folder), "CPU", settings)
        self._request = self._compiled.create_infer_request()
        self._caches = self._allocated(cache_mb)
        self._forbidden = sorted(forbidden)

    @property
    def threads(self) -> int:
        """Processor threads it computes with."""
        return int(self._compiled.get_property("INFERENCE_NUM_THREADS"))

    def logits(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Read rows; the logits wanted, in order: (sum of wanted, vocabulary).

        The array is overwritten by the next call.
        """
        rows = one_by_one(rows, self.block_tokens)
        if sum(len(row.tokens) for row in rows) == 1:
            # One token alone takes another way through the processor than two or more, and its
            # logits come out otherwise: company would change a text. So it never is alone.
            rows = [*rows, Row([0], 0, [self.blocks], 0)]
        wanted = wanted_positions(rows)
        # The model is not made for no position at all.
        given = wanted if len(wanted) else np.zeros(1, np.int64)
        ends = [row.past + len(row.tokens) for row in rows]
        self._give("input_ids", np.array([t for row in rows for t in row.tokens], np.int64))
        positions = [np.arange(row.past, end) for row, end in zip(rows, ends, strict=True)]
        self._give("position_ids", np.concatenate(positions).astype(np.int64))
        self._give("past_lens", np.array([row.past for row in rows], np.int32))
        self._give("subsequence_begins", _begins([len(row.tokens) for row in rows]))
        self._give("block_indices", np.array([b for row in rows for b in row.blocks], np.int32))
        self._give("block_indices_begins", _begins([len(row.blocks) for row in rows]))
        self._give("max_context_len", np.array(max(ends), np.int32))
        self._give(_WANTED, given)
        self._request.infer()
        found: NDArray[np.float32] = self._request.get_output_tensor(0).data
        logits = found.reshape(len(given), -1)[: len(wanted)]
        if self._forbidden:
            logits[:, [token for token in self._forbidden if token < logits.shape[1]]] = -np.inf
        return logits

    def copy_block(self, source: int, target: int) -> None:
        """Copy the keys and values of a block, in all layers."""
        for cache in self._caches:
            cache.data[target] = cache.data[source]

    def _give(self, name: str, values: NDArray[Any]) -> None:
        import openvino

        # A copy: the array must outlive the computation, and one number has no memory to share.
        self._request.set_tensor(name, openvino.Tensor(values, shared_memory=False))

    def _allocated(self, cache_mb: int) -> "list[openvino.Tensor]":
        import openvino

        inputs = [i for i in self._compiled.inputs if "cache." in i.get_any_name()]
        shapes = [
            [length.get_length() for length in list(i.get_partial_shape())[1:]] for i in inputs
        ]
        sizes = [
            int(np.prod(shape)) * i.get_element_type().size
            for shape, i in zip(shapes, inputs, strict=True)
        ]
        self.block_tokens = shapes[0][-2]
        self.blocks = cache_mb * _MB // sum(sizes)
        if self.blocks < _LEAST_BLOCKS:
            least = -(-_LEAST_BLOCKS * sum(sizes) // _MB)
            raise EngineUnavailable(
                f"a cache of {cache_mb} MB holds {self.blocks * self.block_tokens} tokens of this "
                f"model; set ASSAY_CACHE_MB to {least} or more"
            )
        # One block more, for the token that keeps a single one company.
        caches = []
        for shape, place in zip(shapes, inputs, strict=True):
            cache = openvino.Tensor(
                place.get_element_type(), openvino.Shape([self.blocks + 1, *shape])
            )
            self._request.set_tensor(place.get_any_name(), cache)
            caches.append(cache)
        return caches


def one_by_one(rows: Sequence[Row], block_tokens: int) -> list[Row]:
    """Rows with guesses as a row for each token; the others as they are.

    Attention computes several tokens of a text otherwise than one, which shows in the logits. As
    rows of their own guesses give to the bit what they would have given one after the other: a step
    writes all keys and values before it reads any.
    """
    found: list[Row] = []
    for row in rows:
        if row.wanted < 2:
            found.append(row)
            continue
        for place, token in enumerate(row.tokens, row.past):
            found.append(Row([token], place, row.blocks[: place // block_tokens + 1], 1))
    return found


def wanted_positions(rows: Sequence[Row]) -> NDArray[np.int64]:
    """Where in the joined tokens of all rows the logits are wanted, ascending."""
    ends = np.cumsum([len(row.tokens) for row in rows])
    wanted = [np.arange(end - row.wanted, end) for row, end in zip(rows, ends, strict=True)]
    return np.concatenate(wanted).astype(np.int64)


def _begins(lengths: Sequence[int]) -> NDArray[np.int32]:
    return np.cumsum([0, *lengths]).astype(np.int32)


def _paged(core: "openvino.Core", folder: Path) -> "openvino.Model":
    """The model with its attention over blocks, and logits only where they are wanted."""
    from openvino import opset13
    from openvino._offline_transformations import paged_attention_transformation

    model = core.read_model(folder / "openvino_model.xml")
    paged_attention_transformation(model)
    # Logits of all tokens of a prompt would cost a fifth of reading it and be thrown away.
    last = model.get_results()[0].input(0).get_source_output().get_node()
    while last.get_type_name() != "MatMul":
        last = last.input(0).get_source_output().get_node()
    wanted = opset13.parameter([-1], np.int64, name=_WANTED)
    wanted.get_output_tensor(0).set_names({_WANTED})
    tokens = opset13.constant(np.int64(0))
    last.input(0).replace_source_output(
        opset13.gather(last.input_value(0), wanted, tokens).output(0)
    )
    model.add_parameters([wanted])
    model.validate_nodes_and_infer_types()
    return model
