"""Whether readers find what they may not read."""
