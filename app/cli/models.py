"""`assay models`."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import click

from app.cli.opening import preparation_bar
from app.cli.terminal import Terminal, json_option
from app.errors import CommandFailed
from generation.types import Precision, Runtime

if TYPE_CHECKING:
    from app.engines import EngineChoice
    from app.models.choosing import Wanted
    from app.models.inventory import Cached, Prepared
    from app.models.listing import Listed
    from app.models.self_test import Check

_MARKS = {True: "ok  ", False: "BAD ", None: "-   "}
_MEGABYTE = 1_000_000


@click.group()
def models() -> None:
    """List chat models, choose one, try one."""


@models.command("list", epilog="\b\nExamples:\n  assay models list\n  assay models list --json")
@json_option
@click.pass_obj
def list_models(terminal: Terminal) -> None:
    """List the chat models that are configured, in the order they are asked, and what is here.

    Asks a configured server whether it is there; loads no model.
    """
    from app.models.fitting import RULE
    from app.models.inventory import cached_models, prepared_models
    from app.models.listing import listed, not_used
    from app.settings import read_settings

    choice = read_settings().engine_choice
    prepared = prepared_models(choice.models)
    idle = {one.folder for one in not_used(_choices(), prepared)}
    engines, cached = listed(choice, prepared), cached_models()
    if terminal.is_json:
        terminal.result(
            {
                "engines": [_engine_json(one) for one in engines],
                "prepared": [
                    {**_prepared_json(one), "in_use": one.folder not in idle} for one in prepared
                ],
                "cached": [{"name": one.name, "bytes": one.size} for one in cached],
                "rule": RULE,
            }
        )
        return
    _show_engines(terminal, engines)
    _show_folders(terminal, prepared, {str(folder) for folder in idle}, cached)
    terminal.line(f"a model fits when: {RULE}")


@models.command(
    epilog="\b\nExamples:\n  assay models use ~/models/larger.gguf\n"
    "  assay models use SmolLM2-135M-Instruct --precision int4\n"
    "  assay models use http://127.0.0.1:8080/v1 --name llama --ask-key"
)
@click.argument("model", metavar="MODEL|URL")
@click.option("--name", metavar="NAME", help="Its name at the server  [default: the only one]")
@click.option("--ask-key", is_flag=True, help="Ask for the server's key, or read it from a pipe.")
@click.option("--runtime", type=click.Choice(get_args(Runtime)), help="How it is run here.")
@click.option("--precision", type=click.Choice(get_args(Precision)), help="OpenVINO's weights.")
@click.option("--anyway", is_flag=True, help="Try it even when it should not fit the memory.")
@json_option
@click.pass_obj
def use(
    terminal: Terminal,
    model: str,
    name: str | None,
    ask_key: bool,  # noqa: FBT001
    runtime: Runtime | None,
    precision: Precision | None,
    anyway: bool,  # noqa: FBT001
) -> None:
    """Answer with another chat model from now on.

    MODEL is a folder, a GGUF file, a hub id, or the bundled model's name; URL is a server that
    speaks OpenAI's protocol. It is loaded, or the server asked, before anything is written: to
    settings.toml in the home folder, which only its owner can read. The environment wins over that
    file. A running server takes the new model when it is started again.
    """
    from app.models.choosing import changes_for, choice_with, wanted_of
    from app.settings import read_settings, set_by_environment, settings_with
    from app.settings_file import read_kept, write_kept

    settings = read_settings()
    wanted = replace(wanted_of(model), at_server=name, runtime=runtime, precision=precision)
    if wanted.url is None and (name or ask_key):
        raise click.UsageError("--name and --ask-key belong to a server's URL")
    if ask_key:
        wanted = replace(wanted, key=_key())
    choice = choice_with(settings.engine_choice, wanted)
    found = _tried(terminal, choice, wanted, anyway=anyway)
    changes = changes_for(settings.engine_choice, wanted)
    kept = {**read_kept(settings.home).values, **changes}
    settings_with(settings.home, {key: one for key, one in kept.items() if one is not None})
    file = write_kept(settings.home, changes)
    hidden = sorted(filter(None, map(set_by_environment, changes)))
    if terminal.is_json:
        terminal.result({"model": found, "file": str(file), "overridden_by": hidden})
        return
    terminal.line(f"{found} answers from now on ({file}); restart `assay serve` if it runs")
    if hidden:
        terminal.note(f"note: the environment sets {', '.join(hidden)}, which wins over the file")


@models.command(
    epilog="\b\nExamples:\n  assay models test\n  assay models test ~/models/larger.gguf\n"
    "  assay models test http://127.0.0.1:8080/v1 --name llama"
)
@click.argument("model", required=False, metavar="[MODEL|URL]")
@click.option("--name", metavar="NAME", help="Its name at the server  [default: the only one]")
@click.option("--runtime", type=click.Choice(get_args(Runtime)), help="How it is run here.")
@click.option("--precision", type=click.Choice(get_args(Precision)), help="OpenVINO's weights.")
@json_option
@click.pass_context
def test(
    context: click.Context,
    model: str | None,
    name: str | None,
    runtime: Runtime | None,
    precision: Precision | None,
) -> None:
    """Try a chat model for about a minute: the configured ones in turn, or the one named.

    That it repeats itself, stops where it should, can be broken off, reuses what it read, and
    answers from evidence. Exit code 0 when every check passed that the engine offers, else 1.
    """
    terminal = context.ensure_object(Terminal)
    results = {}
    for choice in _to_test(model, name, runtime, precision):
        results[choice.name] = _test(terminal, choice)
    passed = all(check.passed is not False for checks in results.values() for check in checks)
    if terminal.is_json:
        terminal.result(
            {
                "passed": passed,
                "models": [
                    {
                        "model": one,
                        "checks": [
                            {"name": check.name, "passed": check.passed, "detail": check.detail}
                            for check in checks
                        ],
                    }
                    for one, checks in results.items()
                ],
            }
        )
    else:
        terminal.line("all is well" if passed else "not all is well")
    context.exit(0 if passed else 1)


@models.command(epilog="\b\nExamples:\n  assay models prune\n  assay models prune --yes")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def prune(terminal: Terminal, yes: bool) -> None:  # noqa: FBT001
    """Delete what was prepared of models that are no longer configured.

    It is made again when it is needed. The hub's cache is left alone: other programs use it too.
    """
    from app.models.inventory import prepared_models, remove
    from app.models.listing import not_used
    from app.settings import read_settings

    idle = not_used(_choices(), prepared_models(read_settings().models))
    size = sum(one.size for one in idle)
    for one in idle:
        terminal.line(f"  {_shown(one)}")
    if idle and not yes:
        question = f"Delete these {len(idle)} folders, {_mb(size)}?"
        if terminal.is_json or not click.confirm(question, err=True):
            raise CommandFailed(f"{len(idle)} folders, {_mb(size)}, stay; add --yes to delete them")
    for one in idle:
        remove(one)
    if terminal.is_json:
        terminal.result({"removed": [one.folder.name for one in idle], "bytes": size})
    else:
        terminal.line(
            f"{len(idle)} folders deleted, {_mb(size)} freed" if idle else "nothing to do"
        )


def _choices() -> "list[EngineChoice]":
    """What the settings name: the chat models, and a judge on this machine."""
    from app.settings import read_settings

    settings = read_settings()
    choices = [settings.engine_choice]
    if settings.judge_url is None and settings.judge_model is not None:
        choices.append(replace(settings.engine_choice, model=settings.judge_model))
    return choices


def _to_test(
    model: str | None, name: str | None, runtime: Runtime | None, precision: Precision | None
) -> "list[EngineChoice]":
    from app.models.choosing import choice_with, wanted_of
    from app.settings import read_settings

    choice = read_settings().engine_choice
    if model is not None:
        wanted = replace(wanted_of(model), at_server=name, runtime=runtime, precision=precision)
        return [choice_with(choice, wanted)]
    changed = replace(
        choice, runtime=runtime or choice.runtime, precision=precision or choice.precision
    )
    return [replace(changed, order=(kind,)) for kind in choice.order]


def _tried(terminal: Terminal, choice: "EngineChoice", wanted: "Wanted", *, anyway: bool) -> str:
    """Load what is wanted, or ask its server; the name of what was found."""
    from app.engines import connect_remote, load_local
    from app.models.choosing import local_of, require_fit

    if wanted.url is not None:
        server = connect_remote(choice)
        try:
            terminal.line(
                f"{server.server} answers; its window is {server.context_tokens:,} tokens"
            )
            return server.info.name
        finally:
            server.close()
    local = local_of(choice)
    terminal.line(local.text)
    if not anyway:
        require_fit(local)
    with preparation_bar() as show:
        return load_local(choice, show).info.name


def _test(terminal: Terminal, choice: "EngineChoice") -> "list[Check]":
    import time

    from app.bootstrap import load_response_verifier
    from app.engines import load_chosen
    from app.models.self_test import Check, self_test

    begun = time.monotonic()
    with preparation_bar() as show:
        engine = load_chosen(choice, show)
    info = engine.info
    parts = (info.runtime, info.precision, info.device)
    seconds = time.monotonic() - begun
    loaded = Check("load", True, f"{', '.join(filter(None, parts))}, in {seconds:.1f} s")  # noqa: FBT003
    terminal.line(f"{info.name}:")
    checks = []
    for check in (loaded, *self_test(engine, load_response_verifier)):
        checks.append(check)
        terminal.line(f"{_MARKS[check.passed]}{check.name}: {check.detail}")
    return checks


def _key() -> str:
    """A server's key, typed unseen or from a pipe; never an argument, which others could see."""
    if sys.stdin.isatty():
        return str(click.prompt("Key", hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()


def _engine_json(one: "Listed") -> dict[str, Any]:
    from app.models.choosing import as_json

    about: dict[str, Any] = {"kind": one.kind, "model": one.name, "state": one.state}
    if one.local is not None:
        about |= {"runtime": one.local.runtime, "precision": one.local.precision}
        about |= as_json(one.local)
    return {**about, "problem": one.problem}


def _prepared_json(one: "Prepared") -> dict[str, Any]:
    return {
        "folder": one.folder.name,
        "runtime": one.runtime,
        "precision": one.precision,
        "bytes": one.size,
    }


def _show_engines(terminal: Terminal, engines: "list[Listed]") -> None:
    for place, one in enumerate(engines, start=1):
        what = one.local.text if one.local is not None else one.name
        terminal.line(f"{place}. {one.kind}: {what}")
        terminal.line(f"   {one.state}{f': {one.problem}' if one.problem else ''}")


def _show_folders(
    terminal: Terminal, prepared: "list[Prepared]", idle: set[str], cached: "list[Cached]"
) -> None:
    if prepared:
        terminal.line(f"prepared, in {prepared[0].folder.parent}:")
    for one in prepared:
        mark = "  (not used; `assay models prune`)" if str(one.folder) in idle else ""
        terminal.line(f"  {_shown(one)}{mark}")
    if cached:
        terminal.line("in the hub's cache:")
    for kept in cached:
        terminal.line(f"  {kept.name}, {_mb(kept.size)}")


def _shown(one: "Prepared") -> str:
    kept = f", {one.precision}" if one.precision else ""
    return f"{one.folder.name}: for {one.runtime}{kept}, {_mb(one.size)}"


def _mb(size: int) -> str:
    return f"{size / _MEGABYTE:,.0f} MB"
