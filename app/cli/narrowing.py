"""Options that narrow a search to some documents."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import click

from retrieval.languages import LANGUAGES
from retrieval.narrowing import Narrowing

_day = click.DateTime(["%Y-%m-%d"])


def kept_tags(_: object, __: object, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Tags of a command line as they are kept."""
    from retrieval.tags import tags_of

    try:
        return tags_of(texts)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def kept_tag(_: object, __: object, text: str | None) -> str:
    """A tag of a command line as it is kept; "" without one."""
    return "" if text is None else kept_tags(None, None, (text,))[0]


def narrowing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command options that narrow, from `--in` to `--tag`; they come to it as `within`."""

    @wraps(command)
    def narrowed(
        *arguments: Any,  # noqa: ANN401
        documents: tuple[str, ...],
        types: tuple[str, ...],
        since: datetime | None,
        until: datetime | None,
        languages: tuple[str, ...],
        tags: tuple[str, ...],
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        within = Narrowing(
            documents,
            types,
            since.date() if since else None,
            until.date() if until else None,
            languages,
            tags=tags,
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
        click.option(
            "--tag", "tags", multiple=True, callback=kept_tags, help="Only documents so tagged."
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
