"""Damages every file of the indexes in every way, and asks the server and the command line.

    python -m benchmarks.corruption FOLDER [--trials 400] [--files 8] [--seed 1] [--seconds 1100]

FOLDER has files that Assay reads. A trial copies a home folder with some of them and an index of
one kind, and damages it: a file of the vector index is cut at a random place, has a random bit
turned, is replaced by its like of another index (of other documents, of fewer, of another kind), or
is removed; or all are replaced at once; or a row of the tables that the full-text index consists
of, a page of words most often, is damaged so. Then the application is started over it and asked
over HTTP, or, now and then, the command line. A reply is right when it has the passages it had
before, in their order. Refusals that give a reason are counted apart. Ends with 1 when a reply was
wrong or empty, or none was made.

With --running full-text rows only, and under an application that has answered before: what SQLite
says nothing of, it cannot know before it is started again.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from app.api.application import create_app
from app.bootstrap import Assay
from app.scopes import EVERY
from app.settings import settings_with
from benchmarks.permission_drill import Site
from ingestion.publishing import ReadFile, publish_all
from ingestion.readers import read_document
from retrieval.sentences import sentence_spans
from retrieval.vectors.kinds import Kind

QUESTIONS, HITS = 4, 5
# A process of the command line takes seconds, an application in this one less.
COMMAND_EVERY = 20
INDEX = Path("projections", "vectors")
# Of each question: the document and the first character of each hit.
Answers = list[list[tuple[str, int]]]


def cut(path: Path, _: Path, choose: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: choose.randrange(len(content))])


def flipped(path: Path, _: Path, choose: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
    path.write_bytes(content)


def swapped(path: Path, twin: Path, _: random.Random) -> None:
    shutil.copy(twin, path)


def removed(path: Path, _: Path, __: random.Random) -> None:
    path.unlink()


DAMAGES: dict[str, Callable[[Path, Path, random.Random], None]] = {
    "cut": cut,
    "flipped": flipped,
    "swapped": swapped,
    "removed": removed,
}
ALL_SWAPPED = "all swapped"
LEXICAL = {f"full-text row {name}": name for name in DAMAGES}
# The tables of the full-text index: their key, and what is damaged. Most damage is to pages.
ROWS = {
    "passages_lexical_data": ("id", "block"),
    "passages_lexical_docsize": ("id", "sz"),
    "passages_lexical_idx": ("pgno", "term"),
    "passages_lexical_config": ("k", "v"),
}
OFTEN = (8, 2, 2, 1)


@dataclass(slots=True)
class Counted:
    """What came of the trials, by file and damage."""

    right: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    reasons: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, found: Answers, wanted: Answers, reasons: Sequence[str]) -> None:
        self.reasons.update(reasons)
        if reasons:
            self.refused[name] += 1
        elif found == wanted:
            self.right[name] += 1
        else:
            self.wrong.append(f"{name}: {found} where {wanted} is right")


class Home:
    """A home folder with documents and an index of one kind."""

    def __init__(self, folder: Path, kind: Kind) -> None:
        self.folder = folder
        self.kind = kind
        self.settings = settings_with(folder, {"index": kind.value})

    def fill(self, files: Sequence[Path]) -> None:
        """Publish the files, each into a collection of its own, and save the index."""
        with closing(Assay(self.settings)) as assay:
            for file in files:
                read = ReadFile(
                    str(file),
                    file.name,
                    file.read_bytes(),
                    read_document(file.name, file.read_bytes()),
                )
                made = assay.store.ensure_collection(file.stem[:50])
                published = publish_all(
                    [read], store=assay.store, collection=made, encoder=assay.encoder
                )
                for _ in published:
                    pass
            assay.vectors.save()

    def as_kind(self, folder: Path, kind: Kind) -> "Home":
        """The same documents with an index of another kind."""
        other = Home(folder, kind)
        shutil.copytree(self.folder, folder)
        with closing(Assay(other.settings)) as assay:
            assay.vectors.rebuild()
        return other

    def questions(self, choose: random.Random) -> list[str]:
        """First sentences of some passages."""
        with closing(Assay(self.settings)) as assay:
            count = assay.store.count_with_vectors(encoder=assay.encoder.fingerprint)
            ids = choose.sample(range(1, count + 1), QUESTIONS)
            texts = [one.passage.text for one in assay.store.located(ids).values()]
        return [text[slice(*sentence_spans(text)[0])].strip()[:200] for text in texts]

    def asked_over_http(self, questions: Sequence[str]) -> tuple[Answers, list[str]]:
        """What a server that starts now finds, and reasons of refusals."""
        return self._asked(questions, None)

    def asked_while(
        self, damage: Callable[[], None], questions: Sequence[str]
    ) -> tuple[Answers, list[str]]:
        """What a server finds that has answered before, and then the damage was done."""
        return self._asked(questions, damage)

    def _asked(
        self, questions: Sequence[str], damage: Callable[[], None] | None
    ) -> tuple[Answers, list[str]]:
        found, refused = [], []
        with closing(Assay(self.settings)) as assay:
            if damage is not None:
                assay.searcher.search(questions[0], readable=assay.access.everything())
                damage()
            root = assay.access.ensure_administrator("root")
            key = assay.accounts.keys.create(root, "drill", scopes=EVERY)
            site = Site(create_app(assay.services()))
            for question in questions:
                body = {"question": question, "k": HITS}
                status, text = asyncio.run(site.ask("POST", "/api/search", key, body))
                if status == 200:
                    found.append(_places(json.loads(text)))
                else:
                    refused.append(f"{status} {text[:300]}")
        return found, refused

    def asked_by_command(self, questions: Sequence[str]) -> tuple[Answers, list[str]]:
        """The same of `assay search`."""
        file = self.folder / "questions.jsonl"
        file.write_text(
            "".join(json.dumps({"_id": str(i), "text": q}) + "\n" for i, q in enumerate(questions))
        )
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", "search", "--queries", file, "-k", str(HITS)],
            env={**os.environ, "ASSAY_HOME": str(self.folder), "ASSAY_INDEX": self.kind.value},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return [], [done.stderr.strip()[-300:]]
        return [_places(json.loads(line)) for line in done.stdout.splitlines()], []


class Drill:
    """Damages copies of the homes and asks."""

    def __init__(self, work: Path, files: Sequence[Path], seed: int) -> None:
        self._work = work
        self._choose = random.Random(seed)
        first = Home(work / "flat", Kind.FLAT)
        first.fill(files[::2])
        fewer, others = Home(work / "fewer", Kind.FLAT), Home(work / "others", Kind.FLAT)
        fewer.fill(files[:1])
        others.fill(files[1::2])
        self._homes = {Kind.FLAT: first}
        self._twins = {Kind.FLAT: [fewer, others]}
        for kind in (Kind.HALF, Kind.GRAPH, Kind.LISTS):
            self._homes[kind] = first.as_kind(work / kind.value, kind)
            self._twins[kind] = [
                one.as_kind(work / f"{one.folder.name}-{kind.value}", kind)
                for one in (fewer, others)
            ]
        self._questions = first.questions(self._choose)
        self._wanted = {kind: self._sound(home) for kind, home in self._homes.items()}
        self.counted = Counted()

    def _sound(self, home: Home) -> Answers:
        found, refused = home.asked_over_http(self._questions)
        if refused or not all(found) or len(found) != len(self._questions):
            raise RuntimeError(f"the index {home.kind} answers badly undamaged: {refused} {found}")
        return found

    def running_trial(self) -> None:
        """Damage the full-text index under an application that has answered."""
        copy = self._copy(Kind.FLAT)
        damage, found_in = self._choose.choice(list(LEXICAL)), []

        def happen() -> None:
            found_in.append(self._damaged(copy, damage))

        found, refused = copy.asked_while(happen, self._questions)
        self.counted.add(f"{found_in[0]}, running", found, self._wanted[Kind.FLAT], refused)

    def trial(self, number: int) -> None:
        kind = self._choose.choice(list(Kind))
        damage = self._choose.choice([*DAMAGES, *DAMAGES, ALL_SWAPPED, *LEXICAL])
        copy = self._copy(kind)
        what = self._damaged(copy, damage)
        asks_command = number % COMMAND_EVERY == COMMAND_EVERY - 1
        ask = copy.asked_by_command if asks_command else copy.asked_over_http
        found, refused = ask(self._questions)
        door = "command" if asks_command else "server"
        self.counted.add(f"{what}, {door}", found, self._wanted[kind], refused)

    def _copy(self, kind: Kind) -> Home:
        copy = Home(self._work / "trial", kind)
        shutil.rmtree(copy.folder, ignore_errors=True)
        shutil.copytree(self._homes[kind].folder, copy.folder)
        return copy

    def _damaged(self, home: Home, damage: str) -> str:
        """Damage the home; says what was done to what."""
        if damage in LEXICAL:
            table = damage_row(home.folder / "assay.db", LEXICAL[damage], self._choose)
            return f"{damage} in {table}"
        other = self._choose.choice(
            [*self._twins[home.kind], *(h for k, h in self._homes.items() if k is not home.kind)]
        )
        if damage == ALL_SWAPPED:
            shutil.rmtree(home.folder / INDEX)
            shutil.copytree(other.folder / INDEX, home.folder / INDEX)
            return damage
        path = self._choose.choice(_files(home))
        twins = [file for file in _files(other) if file.name == path.name]
        DAMAGES[damage](path, twins[0] if twins else home.folder / "assay.db", self._choose)
        return f"{path.name} {damage}"


def damage_row(database: Path, how: str, choose: random.Random) -> str:
    """Damage a row of the tables the full-text index consists of; says of which."""
    [name] = choose.choices(list(ROWS), OFTEN)
    with closing(sqlite3.connect(database)) as sql:
        key, damaged = ROWS[name]
        rows = dict(sql.execute(f"SELECT {key}, {damaged} FROM {name}"))
        row = choose.choice(sorted(rows))
        content = bytearray(_bytes(rows[row]))
        match how:
            case "cut" if content:
                content = content[: choose.randrange(len(content))]
            case "flipped" if content:
                content[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
            case "swapped":
                other = choose.choice(sorted(set(rows) - {row}) or [row])
                content = bytearray(_bytes(rows[other]))
        if how == "removed":
            sql.execute(f"DELETE FROM {name} WHERE {key} = ?", [row])
        else:
            sql.execute(
                f"UPDATE OR REPLACE {name} SET {damaged} = ? WHERE {key} = ?", [bytes(content), row]
            )
        sql.commit()
    return name


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _files(home: Home) -> list[Path]:
    return sorted(path for path in (home.folder / INDEX.parent).rglob("*") if path.is_file())


def _places(reply: dict[str, list[dict[str, object]]]) -> list[tuple[str, int]]:
    return [(str(hit["document"]), int(str(hit["start"]))) for hit in reply["hits"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1100)
    parser.add_argument("--running", action="store_true")
    options = parser.parse_args()
    files = sorted(path for path in options.folder.rglob("*") if path.is_file())[: options.files]
    with tempfile.TemporaryDirectory(prefix="assay-corruption-") as temporary:
        drill = Drill(Path(temporary), files, options.seed)
        begun = time.monotonic()
        for number in range(options.trials):
            if time.monotonic() - begun > options.seconds:
                break
            if options.running:
                drill.running_trial()
            else:
                drill.trial(number)
    counted = drill.counted
    report = {
        "right": dict(sorted(counted.right.items())),
        "refused": dict(sorted(counted.refused.items())),
        "reasons": sorted(counted.reasons),
        "wrong": counted.wrong,
        "trials": counted.right.total() + counted.refused.total() + len(counted.wrong),
    }
    print(json.dumps(report, indent=2))
    sys.exit(bool(counted.wrong) or not report["trials"])


if __name__ == "__main__":
    main()
