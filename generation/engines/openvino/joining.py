"""Products that read the same numbers become one: fewer, larger ones are faster."""

from collections.abc import Sequence
from typing import Any

import numpy


def join_products(graph: Any) -> int:  # noqa: ANN401 - an openvino.Model
    """Join the matrix products that share their first factor, such as query, key and value.

    Each output stays what it was: a slice of the joined one. Writing a token is many small
    products with a fixed cost each; it costs less to do them as one.

    Args:
        graph: float32; changed in place.

    Returns:
        How many joined products there are.
    """
    readers: dict[tuple[str, int], list[Any]] = {}
    for node in graph.get_ordered_ops():
        if _is_joinable(node):
            source = node.input_value(0)
            place = (source.get_node().get_friendly_name(), source.get_index())
            readers.setdefault(place, []).append(node)
    together = [nodes for nodes in readers.values() if len(nodes) > 1]
    for nodes in together:
        _join(nodes)
    graph.validate_nodes_and_infer_types()
    return len(together)


def _is_joinable(node: Any) -> bool:  # noqa: ANN401
    """Whether it multiplies by the rows of a constant matrix that nothing else reads."""
    if node.get_type_name() != "MatMul":
        return False
    attributes = node.get_attributes()
    matrix = node.input_value(1).get_node()
    return (
        matrix.get_type_name() == "Constant"
        and len(matrix.shape) == 2
        and matrix.get_element_type().get_type_name() == "f32"
        and len(matrix.output(0).get_target_inputs()) == 1
        and bool(attributes["transpose_b"])
        and not attributes["transpose_a"]
    )


def _join(products: Sequence[Any]) -> None:
    from openvino import opset13

    matrices = [product.input_value(1).get_node().data for product in products]
    joined = opset13.matmul(
        products[0].input_value(0),
        opset13.constant(numpy.concatenate(matrices), dtype=numpy.float32),
        transpose_a=False,
        transpose_b=True,
    )
    joined.set_friendly_name("+".join(product.get_friendly_name() for product in products))
    slices = opset13.variadic_split(
        joined,
        opset13.constant(-1, dtype=numpy.int64),
        opset13.constant([len(matrix) for matrix in matrices], dtype=numpy.int64),
    )
    for place, product in enumerate(products):
        for user in list(product.output(0).get_target_inputs()):
            user.replace_source_output(slices.output(place))
