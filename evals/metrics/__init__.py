"""Pure metrics. Undefined is None with a count, never 0 or NaN."""
