"""Vector indexes. Each is a projection of the vectors in SQL and can be thrown away."""
