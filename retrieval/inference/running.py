"""A compiled network that several threads may ask."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.inference.bert import INPUTS
from retrieval.inference.padding import Padded
from retrieval.inference.turns import ShortestFirst


class Network:
    """Runs a compiled graph with `BertInputs`; one computation at a time, which takes all cores;
    the smallest that waits comes next.

    Args:
        compiled: an openvino.CompiledModel.
    """

    def __init__(self, compiled: Any) -> None:  # noqa: ANN401
        self._request = compiled.create_infer_request()
        self._outputs = len(compiled.outputs)
        self._turns = ShortestFirst()

    def __call__(self, batch: Padded) -> list[NDArray[np.float32]]:
        """The outputs, in the order of the graph's, in float32."""
        named = dict(
            zip(INPUTS, (batch.tokens, batch.types, batch.mask, batch.positions), strict=True)
        )
        with self._turns.turn(batch.tokens.size):
            self._request.infer(named)
            return [
                np.array(self._request.get_output_tensor(i).data, dtype=np.float32)
                for i in range(self._outputs)
            ]
