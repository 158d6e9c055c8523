"""Evaluation over the wired product."""
