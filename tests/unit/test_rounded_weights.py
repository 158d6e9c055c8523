"""Weights in 8 and 4 bits: by hand, and how far any matrix may be from its rounded one."""

import numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from generation.engines.openvino.weights import packed, rounded_groups, rounded_rows

MATRICES = arrays.arrays(
    numpy.float32, (3, 8), elements=st.floats(-4, 4, width=32, allow_subnormal=False)
)


def test_rows_worked_by_hand():
    # 127 steps of 0.01: 1.27 is 127 of them, -0.5 is -50; a row of zeros has no scale of its own.
    values, scales = rounded_rows(numpy.array([[1.27, -0.5], [0, 0]], dtype=numpy.float32))
    assert values.tolist() == [[127, -50], [0, 0]]
    assert numpy.allclose(scales, [[0.01], [0]], rtol=1e-3, atol=1e-7)
    assert (scales > 0).all()


def test_groups_worked_by_hand():
    # From -0.5 to 1 in 15 steps of 0.1: zero is step 5. The second group begins at 0 all the same.
    weights = numpy.array([[-0.5, 1.0, 0.0, 0.3, 3.0, 1.5, 2.8, 3.0]], dtype=numpy.float32)
    values, zeros, scales = rounded_groups(weights, 4)
    assert values.tolist() == [[[0, 15, 5, 8], [15, 8, 14, 15]]]
    assert zeros.tolist() == [[[5], [0]]]
    assert numpy.allclose(scales, [[[0.1], [0.2]]], rtol=1e-3)


def test_the_first_of_two_numbers_is_in_the_lower_half_of_their_byte():
    assert packed(numpy.array([[1, 2], [15, 0]], dtype=numpy.uint8)).tolist() == [0x21, 0x0F]
    assert packed(numpy.array([3], dtype=numpy.uint8)).tolist() == [0x03]
    assert packed(numpy.array([], dtype=numpy.uint8)).tolist() == []


@given(MATRICES)
def test_a_number_in_8_bits_is_at_most_half_a_step_off(weights):
    values, scales = rounded_rows(weights)
    steps = scales.astype(numpy.float32)
    # Half a step, and what the 127th may lack since the step is a number of 16 bits: a 2048th of
    # it, or 3e-8 where it is smaller than those go.
    assert (numpy.abs(values * steps - weights) <= steps * 0.6 + 4e-6).all()


@given(MATRICES)
def test_a_number_in_4_bits_is_at_most_a_step_off_and_zero_is_exact(weights):
    values, zeros, scales = rounded_groups(weights, 4)
    steps = scales.astype(numpy.float32)
    found = (values.astype(numpy.float32) - zeros) * steps
    # Zero is rounded to a step, too, and the scale to 16 bits: half a step each at most.
    assert (numpy.abs(found - weights.reshape(3, 2, 4)) <= steps * 1.02 + 1e-6).all()
    assert (found[weights.reshape(3, 2, 4) == 0] == 0).all()
