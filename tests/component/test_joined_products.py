"""Products that read the same numbers, joined: fewer of them, the same results."""

from importlib import import_module

import numpy

from generation.engines.openvino.joining import join_products
from retrieval.inference.core import openvino_core
from retrieval.inference.quiet import keep_openvino_quiet

keep_openvino_quiet()  # before it is imported
openvino = import_module("openvino")
opset = import_module("openvino.opset13")


def graph_of(*, shares_a_matrix: bool = False, is_by_columns: bool = False):
    """Three products of one input, with 4, 2 and 3 outputs, and one of another input."""
    chance = numpy.random.default_rng(3)
    first = opset.parameter([-1, 5], numpy.float32, name="first")
    other = opset.parameter([-1, 5], numpy.float32, name="other")
    matrices = [
        opset.constant(chance.normal(size=(rows, 5)).astype(numpy.float32)) for rows in (4, 2, 3)
    ]
    products = [opset.matmul(first, matrix, False, True) for matrix in matrices]
    if is_by_columns:
        columns = opset.constant(chance.normal(size=(5, 2)).astype(numpy.float32))
        products.append(opset.matmul(first, columns, False, False))
    reader = matrices[0] if shares_a_matrix else opset.constant(numpy.eye(5, dtype=numpy.float32))
    products.append(opset.matmul(other, reader, False, True))
    return openvino.Model(products, [first, other], "products")


def computed(graph):
    chance = numpy.random.default_rng(4)
    given = [chance.normal(size=(6, 5)).astype(numpy.float32) for _ in range(2)]
    found = openvino_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(given)
    return [numpy.array(found[place]) for place in range(len(graph.outputs))]


def products_in(graph) -> int:
    return sum(node.get_type_name() == "MatMul" for node in graph.get_ops())


def test_products_of_one_input_become_one_with_the_same_results():
    graph = graph_of()
    before = computed(graph)
    assert join_products(graph) == 1
    assert products_in(graph) == 2  # the joined one, and that of the other input
    for was, now in zip(before, computed(graph), strict=True):
        numpy.testing.assert_allclose(now, was, atol=1e-5)


def test_a_matrix_that_something_else_reads_stays_as_it_is():
    graph = graph_of(shares_a_matrix=True)
    before = computed(graph)
    assert join_products(graph) == 1
    assert products_in(graph) == 3
    for was, now in zip(before, computed(graph), strict=True):
        numpy.testing.assert_allclose(now, was, atol=1e-5)


def test_products_by_columns_are_left_alone():
    graph = graph_of(is_by_columns=True)
    assert join_products(graph) == 1
    assert products_in(graph) == 3


def test_one_product_is_not_joined():
    only = opset.parameter([-1, 5], numpy.float32, name="only")
    matrix = opset.constant(numpy.ones((2, 5), dtype=numpy.float32))
    graph = openvino.Model([opset.matmul(only, matrix, False, True)], [only], "one")
    assert join_products(graph) == 0
    assert products_in(graph) == 1
