"""Models converted to OpenVINO, run in batches on processors."""
