"""How exactly a graph keeps its weights: rounding them to 8 or 4 bits."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

from generation.types import Precision

# Columns that share a scale in int4; a matrix whose width it does not divide stays at 8 bits.
INT4_GROUP = 32
# Smaller matrices are not worth rounding.
_LEAST_ELEMENTS = 1024
# Rows are rounded in blocks of about so many numbers, so that little memory is needed.
_BLOCK = 1 << 22


class RoundedRows(NamedTuple):
    """A matrix in 8 bits: row r is about `values[r] * scales[r]`."""

    values: NDArray[numpy.int8]  # (rows, columns), in [-127, 127]
    scales: NDArray[numpy.float16]  # (rows, 1), above 0


class RoundedGroups(NamedTuple):
    """A matrix in 4 bits: group g of row r is about `(values[r, g] - zeros[r, g]) * scales[r, g]`.

    Groups are `INT4_GROUP` columns side by side.
    """

    values: NDArray[numpy.uint8]  # (rows, groups, columns of a group), in [0, 15]
    zeros: NDArray[numpy.uint8]  # (rows, groups, 1), in [0, 15]
    scales: NDArray[numpy.float16]  # (rows, groups, 1), above 0


def rounded_rows(weights: NDArray[numpy.float32]) -> RoundedRows:
    """Round each row to whole multiples of 1/127 of its largest magnitude.

    Args:
        weights: (rows, columns), finite. A row of zeros stays one.
    """
    largest = numpy.abs(weights).max(axis=1, keepdims=True)
    scales = _half_precision(largest / numpy.float32(127))
    values = numpy.clip(numpy.rint(weights / scales.astype(numpy.float32)), -127, 127)
    return RoundedRows(values.astype(numpy.int8), scales)


def rounded_groups(weights: NDArray[numpy.float32], group: int = INT4_GROUP) -> RoundedGroups:
    """Round each group of columns to one of 16 steps between its smallest and largest number.

    The range always includes 0, which so stays exactly 0.

    Args:
        weights: (rows, columns), finite; `group` divides the columns.
    """
    grouped = weights.reshape(weights.shape[0], -1, group)
    least = numpy.minimum(grouped.min(axis=2, keepdims=True), 0)
    most = numpy.maximum(grouped.max(axis=2, keepdims=True), 0)
    scales = _half_precision((most - least) / numpy.float32(15))
    exact = scales.astype(numpy.float32)
    zeros = numpy.clip(numpy.rint(-least / exact), 0, 15)
    values = numpy.clip(numpy.rint(grouped / exact) + zeros, 0, 15).astype(numpy.uint8)
    return RoundedGroups(values, zeros.astype(numpy.uint8), scales)


def _half_precision(scales: NDArray[numpy.float32]) -> NDArray[numpy.float16]:
    """Scales in 16 bits, with which OpenVINO is a tenth faster; none of them 0.

    Values are rounded by these, not by the exact ones, and so make up for it.
    """
    rounded = scales.astype(numpy.float16)
    return numpy.maximum(rounded, numpy.finfo(numpy.float16).smallest_subnormal)


def packed(values: NDArray[numpy.uint8]) -> NDArray[numpy.uint8]:
    """Two 4-bit numbers a byte, the first in the lower half, as OpenVINO reads them."""
    flat = values.reshape(-1)
    if flat.size % 2:
        flat = numpy.append(flat, numpy.uint8(0))
    return (flat[0::2] | (flat[1::2] << 4)).astype(numpy.uint8)


def round_weights(
    graph: Any,  # noqa: ANN401 - an openvino.Model
    precision: Precision,
    on_progress: Callable[[float], None],
) -> int:
    """Replace the matrices of a graph by rounded ones, which it unpacks as it computes.

    Embeddings and the output layer are given 8 bits in int4, too: rounding them harder costs more
    than it saves.

    Args:
        graph: float32; changed in place.
        precision: nothing is rounded for float16 (done when the graph is saved) and float32.
        on_progress: told the share that is done, in [0, 1].

    Returns:
        How many matrices were rounded.
    """
    if precision in ("float16", "float32"):
        return 0
    found = [node for node in graph.get_ordered_ops() if _is_matrix(node)]
    wholes = {_address(node) for node in found if _is_whole(node)}
    total = sum(node.data.size for node in found) or 1
    done = 0
    for node in found:
        width = node.shape[1 if _is_by_rows(node) else 0]
        is_small = precision == "int4" and _address(node) not in wholes and width % INT4_GROUP == 0
        _replace(node, _unpacked_groups if is_small else _unpacked_rows)
        done += node.data.size
        on_progress(done / total)
    graph.validate_nodes_and_infer_types()
    return len(found)


def _is_matrix(node: Any) -> bool:  # noqa: ANN401
    """Whether it is a constant that a product or a look-up of rows, and nothing else, reads."""
    if node.get_type_name() != "Constant" or node.get_element_type().get_type_name() != "f32":
        return False
    if len(node.shape) != 2 or node.data.size < _LEAST_ELEMENTS:
        return False
    users = node.output(0).get_target_inputs()
    kinds = {
        (user.get_node().get_type_name(), user.get_index(), _is_transposed(user.get_node()))
        for user in users
    }
    by_rows = {("MatMul", 1, True), ("Gather", 0, True)}
    return bool(kinds) and (kinds <= by_rows or kinds == {("MatMul", 1, False)})


def _is_transposed(node: Any) -> bool:  # noqa: ANN401
    return node.get_type_name() != "MatMul" or bool(node.get_attributes()["transpose_b"])


def _is_by_rows(node: Any) -> bool:  # noqa: ANN401
    """Whether a row of it makes one output; else a column does."""
    return all(_is_transposed(user.get_node()) for user in node.output(0).get_target_inputs())


def _is_whole(node: Any) -> bool:  # noqa: ANN401
    """Whether it is an embedding or makes the logits."""
    readers = [user.get_node() for user in node.output(0).get_target_inputs()]
    return any(reader.get_type_name() == "Gather" or _ends(reader) for reader in readers)


def _ends(node: Any) -> bool:  # noqa: ANN401
    """Whether nothing comes after it but what is done to each logit."""
    while node.get_type_name() != "Result":
        users = list(node.output(0).get_target_inputs())
        if len(users) != 1:
            return False
        node = users[0].get_node()
        if node.get_type_name() in ("MatMul", "ScaledDotProductAttention"):
            return False
    return True


def _address(node: Any) -> int:  # noqa: ANN401
    return int(node.data.ctypes.data)


def _replace(node: Any, unpacked: Callable[[NDArray[numpy.float32]], Any]) -> None:  # noqa: ANN401
    from openvino import opset13

    users = list(node.output(0).get_target_inputs())
    if _is_by_rows(node):
        output = unpacked(node.data).output(0)
        for user in users:
            user.replace_source_output(output)
        return
    output = unpacked(numpy.ascontiguousarray(node.data.T)).output(0)
    for user in users:
        old = user.get_node()
        product = opset13.matmul(
            old.input_value(0),
            output,
            transpose_a=bool(old.get_attributes()["transpose_a"]),
            transpose_b=True,
        )
        product.set_friendly_name(old.get_friendly_name())
        for next_user in list(old.output(0).get_target_inputs()):
            next_user.replace_source_output(product.output(0))


def _unpacked_rows(weights: NDArray[numpy.float32]) -> Any:  # noqa: ANN401
    from openvino import opset13

    blocks = [rounded_rows(block) for block in _blocks(weights)]
    values = numpy.concatenate([block.values for block in blocks])
    scales = numpy.concatenate([block.scales for block in blocks])
    numbers = opset13.convert(opset13.constant(values, dtype=numpy.int8), "f16")
    scaled = opset13.multiply(numbers, opset13.constant(scales, dtype=numpy.float16))
    return opset13.convert(scaled, "f32")


def _unpacked_groups(weights: NDArray[numpy.float32]) -> Any:  # noqa: ANN401
    from openvino import opset13

    blocks = [rounded_groups(block) for block in _blocks(weights)]
    values = numpy.concatenate([block.values for block in blocks])
    zeros = numpy.concatenate([block.zeros for block in blocks])
    scales = numpy.concatenate([block.scales for block in blocks])
    numbers = opset13.subtract(
        opset13.convert(_four_bits(values), "f16"), opset13.convert(_four_bits(zeros), "f16")
    )
    grouped = opset13.multiply(numbers, opset13.constant(scales, dtype=numpy.float16))
    shape = opset13.constant(numpy.array(weights.shape), dtype=numpy.int64)
    return opset13.convert(opset13.reshape(grouped, shape, special_zero=False), "f32")


def _four_bits(values: NDArray[numpy.uint8]) -> Any:  # noqa: ANN401
    import openvino

    tensor = openvino.Tensor(packed(values), openvino.Shape(list(values.shape)), openvino.Type.u4)
    return openvino.op.Constant(tensor, shared_memory=False)


def _blocks(weights: NDArray[numpy.float32]) -> list[NDArray[numpy.float32]]:
    rows = max(1, _BLOCK // max(1, weights.shape[1]))
    return [weights[start : start + rows] for start in range(0, weights.shape[0], rows)]
