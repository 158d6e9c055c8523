"""Whether a passage answers a question at all, as the bundled chat model's first layers see it."""
