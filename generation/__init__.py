"""Questions in, assayed answers out. Reads the corpus; never writes it."""
