"""Groups of commands that are imported when they are asked for: `--help` stays instant."""

import importlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import click

# command -> (module, attribute, what it does in a few words)
Table: TypeAlias = Mapping[str, tuple[str, str, str]]


class LazyGroup(click.Group):
    """Lists commands without importing them."""

    def __init__(self, *arguments: Any, table: Table, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in order."""
        return sorted(self._table)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._table:
            return None
        module, attribute, _ = self._table[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._table[name][2]) for name in sorted(self._table)])
