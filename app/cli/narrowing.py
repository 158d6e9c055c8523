"""Options that narrow a search to some documents."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import click

from retrieval.languages import LANGUAGES
from retrieval.narrowing import Narrowing

_day = click.DateTime(["%Y-%m-%d"])


def narrowing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--in`, `--type`, `--since`, `--until` and
    `--language`, which come to it as `within`."""

    @wraps(command)
    def narrowed(
        *arguments: Any,  # noqa: ANN401
        documents: tuple[str, ...],
        types: tuple[str, ...],
        since: datetime | None,
        until: datetime | None,
        languages: tuple[str, ...],
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        within = Narrowing(
            documents,
            types,
            since.date() if since else None,
            until.date() if until else None,
            languages,
        )
        return command(*arguments, within=within, **options)

    for option in (
        click.option(
            "--language",
            "languages",
            multiple=True,
            type=click.Choice(list(LANGUAGES), case_sensitive=False),
            metavar="CODE",
            help="Only documents in this language, as de.",
        ),
        click.option("--until", type=_day, metavar="DAY", help="Taken in on this day or before."),
        click.option("--since", type=_day, metavar="DAY", help="Taken in on this day or later."),
        click.option(
            "--type", "types", multiple=True, metavar="ENDING", help="Only such files, as pdf."
        ),
        click.option(
            "--in", "documents", multiple=True, metavar="NAME", help="Only documents so named."
        ),
    ):
        narrowed = option(narrowed)
    return narrowed
