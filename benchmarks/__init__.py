"""Measurements, each with the command that makes its number. Not part of the product."""
