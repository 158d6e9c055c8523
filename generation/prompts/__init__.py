"""Prompt texts, one file a version. A change of words is a new file: old answers name theirs."""
