"""Measures the wired system it is given."""
