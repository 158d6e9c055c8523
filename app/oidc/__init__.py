"""Logging in at an OpenID provider: asking it, checking what it says, and whose account that is."""
