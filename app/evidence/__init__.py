"""Where a quote stands: on its page, or in its text."""
