"""Models that run behind somebody's OpenAI-compatible server."""
