"""Running small networks with OpenVINO, and the one core of the process. Imports no torch."""
