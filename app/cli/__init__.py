"""The command line. Each command imports what it needs when it runs: `--help` is instant."""

from app.cli.main import main

__all__ = ["main"]
