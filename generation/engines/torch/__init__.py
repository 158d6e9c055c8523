"""Models run by torch: the reference, GPUs, and encoder-decoder models."""
