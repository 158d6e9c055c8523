"""The documentation says what there is: every setting, command, route and field, and no other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import click
import pytest

from app.api import (
    conversation_wire,
    desk_state,
    evaluation_wire,
    evidence,
    jobs_wire,
    library_wire,
    people_wire,
    wire,
)
from app.api.application import create_app
from app.api.services import Readiness, Services, Suggestions
from app.cli.main import assay
from app.settings import Settings
from generation.decoding import Decoding

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
API = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")
CLI = (ROOT / "docs" / "CLI.md").read_text(encoding="utf-8")
CODE_FOLDERS = ("app", "evals", "generation", "ingestion", "retrieval", "benchmarks", "tests")
SHOWN_DEFAULTS = {  # where the table says it in words
    "home": "the user's data folder",
    "abstain_below": "unset",
    "audit_days": "unset",
    "decoding": "`{}`",
    "beyond_quotes": "unset",
    "policy": "unset",
    "reranker": "unset",
    "most_unsupported": "unset",
    "remote_url": "unset",
    "remote_key": "unset",
    "remote_model": "unset",
    "engines": "unset",
    "judge_url": "unset",
    "judge_key": "unset",
    "judge_model": "unset",
    "public_url": "unset",
    "oidc_issuer": "unset",
    "oidc_client_id": "unset",
    "oidc_client_secret": "unset",
    "oidc_groups_claim": "unset",
    "webhook_url": "unset",
    "webhook_secret": "unset",
    "mail_host": "unset",
    "mail_user": "unset",
    "mail_password": "unset",
    "mail_from": "unset",
}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def code_of(text: str) -> list[str]:
    """What stands in backticks within a line."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", prose)


def blocks_of(text: str) -> list[tuple[str, str]]:
    """(language, content) of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def anchors_of(text: str) -> set[str]:
    """The anchors that headings make on the usual hosts."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- Settings -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_settings_table_has_every_setting_with_its_default(name):
    rows = re.findall(rf"^\| `ASSAY_{name.upper()}` \| (.+?) \| (.+) \|$", README, re.MULTILINE)
    assert len(rows) == 1
    default = Settings.model_fields[name].default
    shown = SHOWN_DEFAULTS.get(name)
    if shown is None:
        shown = f"`{default if isinstance(default, str) else json.dumps(default)}`"
    assert rows[0][0].startswith(shown)


@pages
def test_every_variable_that_is_named_is_a_setting(page):
    known = {f"ASSAY_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"ASSAY_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8"))) <= known


# --- The command line -----------------------------------------------------------------------


def commands(group: click.Group, path: str = "assay") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands(assay))


def test_there_are_commands_to_document():
    assert {"assay ask", "assay user grant", "assay bench beir"} <= COMMANDS.keys()


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_a_section_with_its_arguments_and_options(words):
    found = re.search(rf"^## {words}\n(.*?)(?=^## |\Z)", CLI, re.DOTALL | re.MULTILINE)
    assert found, f"docs/CLI.md has no section {words!r}"
    usage = next(block for language, block in blocks_of(found[1]) if language == "text")
    options = {"--help"}
    for parameter in COMMANDS[words].params:
        if isinstance(parameter, click.Option):
            options.update(parameter.opts)
            assert set(parameter.opts) & set(re.findall(r"(?<![\w-])--?[\w-]+", usage))
        else:
            assert parameter.make_metavar(click.Context(COMMANDS[words])) in usage
    if "--json" in options:
        assert "--json" in usage
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", usage)) <= options


@pytest.mark.parametrize("words", COMMANDS)
def test_the_readme_lists_every_command(words):
    assert f"\n| `{words}` |" in README


@pages
def test_every_command_that_is_named_exists(page):
    text = page.read_text(encoding="utf-8")
    known = {words.split()[1] for words in COMMANDS} | {"--help", "--version"}
    named = [code for code in code_of(text) if code.startswith("assay ")]
    for language, block in blocks_of(text):
        if language in {"sh", "console"}:
            named += re.findall(r"^(?:\$ )?(assay .+)$", block, re.MULTILINE)
    assert [code for code in named if code.split()[1] not in known] == []


# --- HTTP -----------------------------------------------------------------------------------


def routes() -> set[str]:
    """`METHOD /path` of every route; HEAD and the files of /static are the framework's work."""
    nothing = None
    services = Services(
        policies=nothing, operating_point=nothing,
        accounts=nothing, access=nothing, people=nothing, collections=nothing, audit=nothing,
        administration=nothing, own_account=nothing, sharing=nothing,
        store=nothing, conversations=nothing, evidence=nothing, evals=nothing, thumbs=nothing,
        jobs=nothing, staging=nothing, unlocking=nothing, library=nothing,
        schedules=nothing, search=nothing, answer=nothing, verifier=nothing,
        readiness=lambda: Readiness(ready=True, detail=""), engine_name="engine",
        default_decoding=Decoding(), suggestions=lambda _: Suggestions(), secure_cookies=False,
        session_secret=b"secret", allowed_hosts=(),
    )  # fmt: skip
    found = {"GET /static/"}
    for entry in create_app(services).routes:
        # FastAPI keeps an included router as one entry.
        for route in getattr(getattr(entry, "original_router", None), "routes", [entry]):
            path = re.sub(r":\w+}", "}", route.path)
            found |= {f"{method} {path}" for method in getattr(route, "methods", ())}
    return {route for route in found if not route.startswith("HEAD ")}


def test_the_api_page_lists_every_route_and_no_other():
    listed = set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", API, re.MULTILINE))
    assert listed == routes()
    assert "POST /api/ask" in listed


@pages
def test_every_route_that_is_named_exists(page):
    named = [code for code in code_of(page.read_text(encoding="utf-8")) if " /" in code]
    requests = {code for code in named if re.fullmatch(r"(?:GET|POST|PUT|PATCH|DELETE) /\S*", code)}
    assert requests <= routes()


def test_the_api_page_names_every_field():
    shapes = [
        shape
        for module in (
            wire,
            conversation_wire,
            evidence,
            evaluation_wire,
            library_wire,
            people_wire,
            desk_state,
            jobs_wire,
        )
        for name, shape in vars(module).items()
        if name.endswith("Json") and shape.__module__ == module.__name__
    ]
    fields = {field for shape in shapes for field in get_type_hints(shape)}
    assert {"verdict", "citations", "path"} <= fields
    assert fields - set(code_of(API)) == set()


# --- Links, paths, names --------------------------------------------------------------------


@pages
def test_every_link_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        anchors = anchors_of(file.read_text(encoding="utf-8")) if file.is_file() else set()
        if not file.exists() or (anchor and anchor not in anchors):
            broken.append(target)
    assert broken == []


@pages
def test_every_path_that_is_named_exists(page):
    tops = {path.name for path in ROOT.iterdir()}
    named = {
        code
        for code in code_of(page.read_text(encoding="utf-8"))
        if re.fullmatch(r"[\w.-]+(?:/[\w.-]+)+/?", code) and code.split("/")[0] in tops
    }
    placeholders = {code for code in named if "NNNN" in code}
    assert [code for code in sorted(named - placeholders) if not (ROOT / code).exists()] == []


def test_the_tree_of_the_readme_is_the_repository():
    [tree] = [content for language, content in blocks_of(README) if language == "tree"]
    folders: list[str] = []
    listed = set()
    for line in tree.splitlines():
        entry, _, meaning = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [entry.rstrip("/")]
        path = ROOT.joinpath(*folders)
        assert path.is_dir() if entry.endswith("/") else path.is_file(), f"no {path}"
        assert meaning.strip(), f"{entry} has no meaning"
        listed.add(folders[0])
    assert {"app", "evals", "generation", "ingestion", "retrieval", "tests"} <= listed


def definitions() -> tuple[set[str], set[str]]:
    """Names of functions, and `Class.name` of what classes define."""
    functions, members = set(), set()
    for folder in CODE_FOLDERS:
        for file in (ROOT / folder).rglob("*.py"):
            owner = None
            for line in file.read_text(encoding="utf-8").splitlines():
                if found := re.match(r"class (\w+)", line):
                    owner = found[1]
                elif found := re.match(r"( *)(?:async )?def (\w+)", line):
                    functions.add(found[2])
                    if found[1] and owner:
                        members.add(f"{owner}.{found[2]}")
                    else:
                        owner = None
    return functions, members


def test_every_function_that_is_named_exists():
    functions, members = definitions()
    assert "Store.publish" in members
    unknown = []
    for page in PAGES:
        for code in code_of(page.read_text(encoding="utf-8")):
            if named := re.fullmatch(r"(\w+(?:\.\w+)?)\(\)", code):
                known = members if "." in named[1] else functions
                if named[1] not in known:
                    unknown.append(f"{page.name}: {code}")
    assert unknown == []


def make_targets() -> dict[str, bool]:
    """Target -> whether `make help` lists it."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    rules = re.findall(r"^([a-z]+):(?!=)(.*)$", makefile, re.MULTILINE)
    return {name: "## " in rest for name, rest in rules}


def test_every_make_target_that_is_named_exists_and_the_public_ones_are_named():
    named = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for code in code_of(text):
            named |= set(re.findall(r"^make ([a-z]+)", code))
        for _, block in blocks_of(text):
            named |= set(re.findall(r"^make ([a-z]+)", block, re.MULTILINE))
    targets = make_targets()
    assert named <= targets.keys()
    public = {name for name, is_public in targets.items() if is_public}
    assert public - named - {"help"} == set()


def test_no_two_decisions_have_the_same_number():
    numbers = [path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")]
    assert sorted(set(numbers)) == sorted(numbers)
