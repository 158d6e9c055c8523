"""The only composition root: builds every object from the settings, models when first needed."""

import json
import logging
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from importlib import resources
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from app.accounts import Accounts
from app.migrations import upgrade
from app.occupancy import HomeUse
from app.settings import Settings
from evals.store import EvalStore
from retrieval.access import AccessList
from retrieval.database import open_database
from retrieval.lexical import LexicalIndex
from retrieval.maintenance import Maintenance
from retrieval.originals import Originals
from retrieval.store import Store

if TYPE_CHECKING:
    from app.api.services import Readiness, Services, Suggestions
    from generation.answering import Answerer
    from generation.engines.local import LocalEngine
    from generation.groundedness.types import ResponseVerifier
    from ingestion.pipeline import Ingester
    from retrieval.encoder import SentenceTransformerEncoder
    from retrieval.search import Searcher
    from retrieval.vectors.projection import VectorProjection

SAMPLES_COLLECTION = "samples"
SAMPLES = resources.files("app").joinpath("samples")
_SECRET_BYTES = 32
_logger = logging.getLogger(__name__)


class Assay:
    """The wired product over one home folder.

    The store opens at once; each model loads when something first needs it, once, whichever
    thread asks. Imports of the heavy libraries wait as long.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._use = HomeUse(settings.home)
        self.database = open_database(settings.database)
        upgrade(self.database)
        self.originals = Originals(settings.originals)
        self.store = Store(self.database, self.originals)
        self.access = AccessList(self.database)
        self.accounts = Accounts(self.database, self.access)
        self.lexical = LexicalIndex(self.database)
        self.maintenance = Maintenance(self.database)
        self.evals = EvalStore(self.database)
        self._loading = RLock()
        self._load_error: Exception | None = None

    def close(self) -> None:
        """Leave the home folder to others, a restore among them."""
        self.database.dispose()
        self._use.end()

    @property
    def encoder(self) -> "SentenceTransformerEncoder":
        """The embedding model."""
        with self._loading:
            return self._encoder

    @property
    def engine(self) -> "LocalEngine":
        """The chat model."""
        with self._loading:
            return self._engine

    @property
    def vectors(self) -> "VectorProjection":
        """The vector index."""
        with self._loading:
            return self._vectors

    @property
    def searcher(self) -> "Searcher":
        """Search; needs the embedding model."""
        with self._loading:
            return self._searcher

    @property
    def answerer(self) -> "Answerer":
        """Answers; needs both models."""
        with self._loading:
            return self._answerer

    @property
    def verifier(self) -> "ResponseVerifier":
        """What judges answers, and responses that others wrote."""
        with self._loading:
            return self._verifier

    @cached_property
    def _encoder(self) -> "SentenceTransformerEncoder":
        from retrieval.encoder import load_encoder

        return load_encoder(self.settings.encoder)

    @cached_property
    def _engine(self) -> "LocalEngine":
        from generation.engines.local import load_engine

        return load_engine(self.settings.model, models=self.settings.models)

    @cached_property
    def _verifier(self) -> "ResponseVerifier":
        return load_response_verifier()

    @cached_property
    def _vectors(self) -> "VectorProjection":
        from retrieval.vectors.projection import VectorProjection

        return VectorProjection(self.store, self.settings.vector_index, self._encoder)

    @cached_property
    def _searcher(self) -> "Searcher":
        from retrieval.search import Searcher

        return Searcher(self.store, self._encoder, self._vectors, self.lexical)

    @cached_property
    def _answerer(self) -> "Answerer":
        from generation.answering import Answerer, AnsweringPolicy

        return Answerer(
            self._searcher.search,
            self._encoder,
            self._engine,
            self._verifier,
            self.store.change_number,
            AnsweringPolicy(
                evidence_passages=self.settings.evidence_passages,
                evidence_tokens=self.settings.evidence_tokens,
                abstain_below=self.settings.abstain_below,
            ),
        )

    def ingester(self) -> "Ingester":
        """What brings collections in step with files."""
        from ingestion.pipeline import Ingester
        from ingestion.sandbox import ReaderProcess

        return Ingester(self.store, lambda: self.encoder, ReaderProcess)

    def warm_up(self) -> None:
        """Load both models and the index; what goes wrong is said by `readiness`."""
        try:
            self.vectors.current()
            _ = self.answerer
        except Exception as error:  # noqa: BLE001 - told to whoever asks whether we are ready
            _logger.error("not ready: %s", error)
            self._load_error = error

    def readiness(self) -> "Readiness":
        """Whether questions can be answered now. Never waits."""
        from app.api.services import Readiness

        if "_answerer" in self.__dict__:
            return Readiness(ready=True, detail="ready")
        if self._load_error is not None:
            # Anyone may ask; what exactly is wrong is for the operator.
            detail = "the models or the index cannot be loaded; `assay doctor` says why"
            return Readiness(ready=False, detail=detail)
        return Readiness(ready=False, detail="the models are being loaded; this takes a moment")

    def services(self) -> "Services":
        """What the web application is made of."""
        from app.api.services import Services
        from generation.engines.local import display_name
        from generation.types import Decoding

        return Services(
            accounts=self.accounts,
            access=self.access,
            store=self.store,
            search=lambda question, **options: self.searcher.search(question, **options),
            answer=self._answer,
            verifier=lambda: self.verifier,
            readiness=self.readiness,
            engine_name=display_name(self.settings.model),
            default_decoding=Decoding(),
            suggestions=self._suggestions(),
            secure_cookies=self.settings.secure_cookies,
            session_secret=session_secret(self.settings.home / "session-secret"),
            allowed_hosts=self.settings.allowed_hosts,
        )

    def _answer(self, question: str, /, **options: Any) -> Iterator[Any]:  # noqa: ANN401
        return self.answerer.answer(question, **options)

    def _suggestions(self) -> "Suggestions":
        """Questions for the sample documents, while these are there."""
        from app.api.services import Suggestions

        names = {collection.name for collection in self.store.collections()}
        if SAMPLES_COLLECTION not in names:
            return Suggestions()
        questions = json.loads(SAMPLES.joinpath("questions.json").read_text(encoding="utf-8"))
        return Suggestions(tuple(questions["questions"]), questions["unanswerable"])


def load_response_verifier() -> "ResponseVerifier":
    """The bundled verifier. It has nothing to do with a home folder."""
    from generation.groundedness.verifier import load_verifier

    return load_verifier()


def sample_documents() -> Sequence[Path]:
    """The folder of sample documents that come with Assay."""
    return [Path(str(SAMPLES.joinpath("documents")))]


def session_secret(path: Path) -> bytes:
    """The key that signs session cookies; made on first use, readable by its owner alone."""
    if path.exists() and path.stat().st_size != _SECRET_BYTES:
        path.unlink()  # cut short, by a full disk or a power cut: anybody could sign with it
    if not path.exists():
        # Written aside and linked into place: another process never reads half a key.
        partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        partial.touch(mode=0o600)
        partial.write_bytes(secrets.token_bytes(_SECRET_BYTES))
        with suppress(FileExistsError):
            path.hardlink_to(partial)
        partial.unlink()
    return path.read_bytes()
