"""Runs as charts, figures and one file for people."""
