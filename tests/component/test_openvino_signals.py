"""Ctrl-C while OpenVINO is about, in a process of its own: what it breaks would end the tests."""

import subprocess
import sys

_SCRIPT = """
import gc, signal, threading
import numpy
from retrieval.inference.core import openvino_core
core = openvino_core()
from openvino import Model, opset13

def work():
    given = opset13.parameter([2, 64], numpy.float32)
    matrix = opset13.constant(numpy.ones((64, 64), numpy.float32))
    graph = Model([opset13.matmul(given, matrix, False, True)], [given], "product")
    compiled = openvino_core().compile_model(graph, "CPU")
    compiled([numpy.ones((2, 64), numpy.float32)])
    return [compiled]

del core
kept = work()  # loaded in this thread, let go of in another
thread = threading.Thread(target=lambda: (kept.clear(), gc.collect()))
thread.start()
thread.join()
caught = []
signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
signal.raise_signal(signal.SIGINT)
assert caught == [signal.SIGINT]
print("alive")
"""


def test_ctrl_c_is_survived_after_another_thread_let_go_of_a_model():
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "alive\n"), ended.stderr
