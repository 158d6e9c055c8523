"""Judges sentences against evidence. Knows nothing of stores, prompts or engines."""
