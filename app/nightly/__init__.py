"""Runs by schedule, and where their results go."""
