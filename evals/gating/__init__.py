"""Whether a run may pass."""
