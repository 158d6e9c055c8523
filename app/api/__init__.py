"""HTTP: pages, JSON and event-stream routes, and the OpenAI-compatible ones."""
