"""The bytes of uploads until they are indexed, and what uploaded files are called."""
