"""The things that generate. Each turns messages into text; none knows of evidence or verdicts."""
