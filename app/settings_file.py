"""`settings.toml` in the home folder: what is kept of the settings besides the environment."""

import json
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from app.errors import BadSetting, CommandFailed

SETTINGS_FILE = "settings.toml"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OWNER_ONLY = 0o600
# What commands write; tables are for people.
Value: TypeAlias = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file says, by name, and whether others than its owner may read it."""

    file: Path
    values: Mapping[str, Any]
    is_open_to_others: bool = False


def read_kept(home: Path) -> Kept:
    """Read the file of a home folder; nothing is kept when there is none.

    Raises:
        BadSetting: it cannot be read, or is no TOML.
    """
    file = home / SETTINGS_FILE
    try:
        with file.open("rb") as content:
            values = tomllib.load(content)
            mode = os.fstat(content.fileno()).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Kept(file, {})
    except (OSError, ValueError) as error:  # ValueError: no TOML, or no UTF-8
        raise BadSetting(str(file), f"it cannot be read: {error}; mend or remove it") from error
    return Kept(file, values, bool(mode & _OTHERS))


def write_kept(home: Path, changes: Mapping[str, Value | None]) -> Path:
    """Set these in the file, or take them out (None); the rest and its comments stay.

    Afterwards only its owner may read it: it can hold a key.

    Raises:
        BadSetting: the file is no TOML.
        CommandFailed: it is written in a way that cannot be changed line by line.
    """
    known = read_kept(home)
    text = known.file.read_text(encoding="utf-8") if known.file.exists() else ""
    changed = changed_toml(text, changes)
    wanted = {**known.values, **changes}
    if _parsed(changed) != {k: v for k, v in wanted.items() if v is not None}:
        raise CommandFailed(
            f"{known.file} cannot be changed line by line; set {', '.join(changes)} in it by hand"
        )
    home.mkdir(parents=True, exist_ok=True)
    # Written aside and put in place: no reader sees half of it, nor anybody else the key.
    partial = known.file.with_name(f".{SETTINGS_FILE}.{secrets.token_hex(4)}")
    partial.touch(mode=_OWNER_ONLY)
    try:
        partial.write_text(changed, encoding="utf-8")
        partial.replace(known.file)
    finally:
        partial.unlink(missing_ok=True)
    return known.file


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def changed_toml(text: str, changes: Mapping[str, Value | None]) -> str:
    """TOML with values set or taken out (None), each on a line of its own before any table.

    Only lines `name = …` that are whole on their line are seen; whoever calls compares what comes
    out with what is wanted.
    """
    lines = text.splitlines(keepends=True)
    end = next((i for i, line in enumerate(lines) if line.lstrip().startswith("[")), len(lines))
    top, tables = lines[:end], lines[end:]
    if top and not top[-1].endswith("\n"):
        top[-1] += "\n"
    for name, value in changes.items():
        is_it = re.compile(rf"\s*{re.escape(name)}\s*=").match
        at = next((i for i, line in enumerate(top) if is_it(line)), None)
        new = [] if value is None else [f"{name} = {json.dumps(value, ensure_ascii=False)}\n"]
        if at is not None:
            top[at : at + 1] = new
        else:
            # Before the empty lines that lead to the tables.
            last = len("".join(top).rstrip().splitlines())
            top[last:last] = new
    return "".join(top + tables)
