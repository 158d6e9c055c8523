"""Parts of the store of evaluation: suites, runs, live counts."""
