"""Conversations that survive: what was asked, what was answered, and from which words."""
