"""Files in, published revisions out. Fills the corpus; knows nothing of answers."""
