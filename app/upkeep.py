"""What is there, whether it is well, and how to mend it."""

import os
import platform
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from app.bootstrap import Assay
from app.engines import EngineChoice, connect_remote
from app.errors import BadSetting
from app.job_worker import sweep_staging
from app.occupancy import has_left_scratch, sweep_scratch
from retrieval.errors import RetrievalError
from retrieval.maintenance import KeptOriginal
from retrieval.originals import sha256_of

_FREE_BYTES_WANTED = 1 << 30
_LIBRARIES = ("torch", "transformers", "sentence-transformers", "faiss-cpu", "SQLAlchemy")
_MEND = "`assay doctor --repair`"
_REPLACE_ORIGINALS = f"put the files back where they were ingested from, then {_MEND}"


@dataclass(frozen=True, slots=True)
class CollectionStatus:
    """How much one collection holds."""

    name: str
    documents: int
    passages: int


@dataclass(frozen=True, slots=True)
class Status:
    """What is there."""

    version: str
    home: str
    megabytes: int
    encoder: str
    model: str
    change_number: int
    users: int
    collections: tuple[CollectionStatus, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check. `fix` is what to do when it is neither ok nor repaired."""

    check: str
    is_ok: bool
    is_repaired: bool
    detail: str
    fix: str = ""


def status_of(assay: Assay) -> Status:
    """Gather what is there; loads no model."""
    settings = assay.settings
    return Status(
        version=version("assay"),
        home=str(settings.home),
        megabytes=sum(map(_size, settings.home.rglob("*"))) // 1_000_000,
        encoder=settings.encoder,
        model=settings.engine_choice.name,
        change_number=assay.store.change_number(),
        users=len(assay.access.principals()),
        collections=tuple(CollectionStatus(*row) for row in assay.maintenance.sizes()),
    )


def examine(assay: Assay, *, repair: bool) -> Iterator[Finding]:
    """Run every check, one finding each, repairing what `repair` allows and can mend."""
    yield _versions()
    yield _disk(assay)
    yield _from(
        "database", assay.maintenance.problem, None, repair, "restore the home folder from a backup"
    )
    yield _from(
        "originals",
        lambda: _originals(assay),
        lambda: _take_again(assay),
        repair,
        _REPLACE_ORIGINALS,
    )
    yield _from("left-overs", lambda: _left_overs(assay), lambda: sweep_left_overs(assay), repair)
    yield _from("traits", lambda: _unknown(assay), assay.alike.look_at_unknown, repair)
    yield _from("lexical index", assay.lexical.problem, assay.lexical.rebuild, repair)
    encoder = _from(
        "encoder", lambda: _model_problem(lambda: assay.encoder), None, repair, "set ASSAY_ENCODER"
    )
    yield encoder
    if encoder.is_ok:
        yield _from("vectors", lambda: _unembedded(assay), lambda: _embed_missing(assay), repair)
        yield _from("vector index", lambda: _vector_index(assay), assay.vectors.rebuild, repair)
    yield from _chat_models(assay, repair)


def _unknown(assay: Assay) -> str | None:
    count = assay.alike.count_unknown()
    return f"of {count} documents language and likeness are not known yet" if count else None


def _chat_models(assay: Assay, repair: bool) -> Iterator[Finding]:  # noqa: FBT001
    """Each of the models that may be asked: ours loads, and the server has the one it should."""
    choice = assay.settings.engine_choice
    for kind in choice.order:
        if kind == "local":
            yield _from(
                "chat model",
                lambda: _model_problem(lambda: assay.local_engine(choice.model)),
                None,
                repair,
                "set ASSAY_MODEL, or choose one with `assay models use`",
            )
        else:
            yield _from(
                "chat model's server",
                lambda: _model_problem(lambda: _require_server(choice)),
                None,
                repair,
                "start it, or see ASSAY_REMOTE_URL, ASSAY_REMOTE_KEY and ASSAY_REMOTE_MODEL; "
                "`assay models use` chooses another",
            )


def _require_server(choice: EngineChoice) -> None:
    """Ask the server for what its model can read: that it is there is known then."""
    server = connect_remote(choice)
    try:
        _ = server.context_tokens
    finally:
        server.close()


def _from(
    check: str,
    problem: Callable[[], str | None],
    mend: Callable[[], object] | None,
    repair: bool,  # noqa: FBT001
    fix: str = _MEND,
) -> Finding:
    found = problem()
    if found is None:
        return Finding(check, is_ok=True, is_repaired=False, detail="well")
    if mend is None:
        return Finding(check, is_ok=False, is_repaired=False, detail=found, fix=fix)
    if not repair:
        return Finding(check, is_ok=False, is_repaired=False, detail=found, fix=fix)
    mend()
    left = problem()
    if left is None:
        return Finding(check, is_ok=False, is_repaired=True, detail=f"mended: {found}")
    rest = "report this" if fix == _MEND else fix
    return Finding(check, is_ok=False, is_repaired=False, detail=left, fix=rest)


def _versions() -> Finding:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    detail = f"Assay {version('assay')}, Python {platform.python_version()}, {libraries}"
    is_ok = sys.version_info >= (3, 11)
    return Finding("versions", is_ok, is_repaired=False, detail=detail, fix="install Python 3.11")


def _disk(assay: Assay) -> Finding:
    home = assay.settings.home
    free = shutil.disk_usage(home).free
    writable = os.access(home, os.W_OK)
    return Finding(
        "disk",
        is_ok=writable and free >= _FREE_BYTES_WANTED,
        is_repaired=False,
        detail=f"{free // 1_000_000:,} MB free in {home}{'' if writable else ', not writable'}",
        fix="free some space, or set ASSAY_HOME to another disk",
    )


def _damaged_originals(assay: Assay) -> list[KeptOriginal]:
    kept = assay.maintenance.originals_of_documents()
    return [original for original in kept if not assay.originals.is_intact(original.sha256)]


def _originals(assay: Assay) -> str | None:
    damaged = _damaged_originals(assay)
    if not damaged:
        return None
    return f"{len(damaged)} original files are missing or damaged, the first is {damaged[0].name!r}"


def _take_again(assay: Assay) -> None:
    """Copy damaged originals anew, those that are still where they were ingested from."""
    for original in _damaged_originals(assay):
        with suppress(OSError):
            content = Path(original.path).read_bytes()
            if sha256_of(content) == original.sha256:
                assay.originals.put(content)


def _left_over_files(assay: Assay) -> list[str]:
    """Originals no document refers to: a process was killed before its transaction committed."""
    wanted = assay.maintenance.original_hashes()
    return [name for name in assay.originals.names() if name not in wanted]


def _left_overs(assay: Assay) -> str | None:
    if files := _left_over_files(assay):
        return f"{len(files)} files that no document refers to"
    if has_left_scratch(assay.settings.home):
        return "what a backup or restore left that was killed"
    if uploads := assay.staging.left_over(assay.jobs.staged().keys()):
        return f"{uploads} uploads that no job refers to"
    return None


def sweep_left_overs(assay: Assay) -> None:
    """Remove what a killed process left: no original may outlive its document."""
    sweep_scratch(assay.settings.home)
    sweep_staging(assay)
    if left := _left_over_files(assay):  # else nobody's turn to write is waited for
        assay.store.remove_unreferenced(left)


def _model_problem(load: Callable[[], object]) -> str | None:
    from generation.errors import GenerationError

    try:
        load()
    except (RetrievalError, GenerationError, BadSetting) as error:
        return str(error)
    return None


def _unembedded(assay: Assay) -> str | None:
    missing = assay.store.count_without_vectors(encoder=assay.encoder.fingerprint)
    return f"{missing} passages have no vector from the configured encoder" if missing else None


def _embed_missing(assay: Assay) -> None:
    from app.encoders import embed_missing

    embed_missing(assay, assay.encoder)


def _vector_index(assay: Assay) -> str | None:
    if not assay.settings.vector_index.exists():
        # Never written yet: made from SQL when first needed.
        return None
    try:
        return assay.vectors.problem()
    except RetrievalError as error:
        return str(error)


def _size(path: Path) -> int:
    try:
        found = path.lstat()
    except OSError:  # a running ingestion has renamed or removed it
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0
