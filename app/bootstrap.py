"""The only composition root: builds every object from the settings, models when first needed."""

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeAlias

from app.accounts import Accounts
from app.administration import Administration
from app.audit import AuditLog
from app.deletion import Deletions
from app.engines import EngineChoice, load_chosen
from app.errors import UrlRefused
from app.fetching.networks import Networks
from app.identities import Identities
from app.library import Library
from app.login_links import LoginLinks
from app.migrations import upgrade
from app.occupancy import HomeUse
from app.oidc.client import OidcClient
from app.oidc.sign_on import SignOn
from app.own_account import OwnAccount
from app.people import People
from app.preparing import Preparation
from app.reingestion import Reingestion
from app.session_secret import session_secret
from app.settings import Settings
from app.sharing import Sharing
from app.suggesting.suggester import Suggester, Suggestion
from app.uploads.staging import Staging
from app.versions import code_version
from ingestion.jobs.store import JobStore
from retrieval.access import AccessList
from retrieval.alike import AlikeDocuments
from retrieval.catalog import Catalog
from retrieval.collections import Collections
from retrieval.database import open_database
from retrieval.erasure import Erasure
from retrieval.lexical import LexicalIndex
from retrieval.maintenance import Maintenance
from retrieval.originals import Originals
from retrieval.policies import Policies
from retrieval.store import Store
from retrieval.tags import Tags
from retrieval.types import Collection, Principal

if TYPE_CHECKING:
    from app.api.services import Readiness, Services, Suggestions
    from app.conversations.store import ConversationStore
    from app.delivery.deliver import Carriers
    from app.delivery.mail import MailServer
    from app.delivery.webhook import Webhook
    from app.evidence.finding import EvidenceFinder
    from app.live_counts import LiveCounter
    from app.operating_point import AimedLimits, OperatingPointStore
    from evals.schedule_store import ScheduleStore
    from evals.store import EvalStore
    from generation.answering import Answerer
    from generation.engines.base import Engine
    from generation.finder import AnswerFinder
    from generation.groundedness.types import ResponseVerifier
    from generation.sufficiency import Sufficiency
    from generation.types import Answer
    from ingestion.changes import FoundFile
    from ingestion.pipeline import Ingester
    from ingestion.stage_times import StageTimes
    from retrieval.encoder import Encoder
    from retrieval.reranker import Reranker
    from retrieval.search import Searcher
    from retrieval.vectors.kinds import Kind
    from retrieval.vectors.projection import VectorProjection

SAMPLES_COLLECTION = "samples"
URLS_OFF = "Assay fetches nothing from the web here; the operator can set ASSAY_URLS=true"
SAMPLES = resources.files("app").joinpath("samples")
# Processes that read files at a time; each may take as much memory as its limit.
_MOST_READERS = 4
_PATIENCE_SECONDS = 2.0
# Entered while a model is loaded; what it gives is told the step and how far it is, 0 to 1.
Preparing: TypeAlias = Callable[[], AbstractContextManager[Callable[[str, float], None]]]
_logger = logging.getLogger(__name__)


class Assay:
    """The wired product over one home folder.

    The store opens at once; each model loads when something first needs it, once, whichever
    thread asks. Imports of the heavy libraries wait as long, and so does what only answering and
    evaluating need: a folder that is brought in every night, unchanged, pays for none of it.

    Args:
        preparing: shows how far the first preparation of a model is; the log does unless given.
    """

    def __init__(self, settings: Settings, preparing: Preparing | None = None) -> None:
        self.settings = settings
        self._preparation = Preparation(_logger.warning)
        self._preparing = preparing or (lambda: self._preparation)
        self._other_engine: tuple[EngineChoice, Engine] | None = None
        self._use = HomeUse(settings.home)
        self.database = open_database(settings.database)
        upgrade(self.database)
        self.originals = Originals(settings.originals)
        self.store = Store(self.database, self.originals)
        self.store.measure()
        self.access = AccessList(self.database)
        self.policies = Policies(self.database)
        self.accounts = Accounts(self.database, throttle_key=lambda: self._session_secret)
        self.people = People(self.database)
        self.collections = Collections(self.database)
        self.audit = AuditLog(self.database)
        self.identities = Identities(self.database)
        self.administration = Administration(
            self.access, self.people, self.accounts, self.identities, self.audit
        )
        links = LoginLinks(self.database)
        self.own_account = OwnAccount(self.accounts, self.people, self.audit, links)
        self.sharing = Sharing(self.access, self.collections, self.policies, self.audit)
        self.lexical = LexicalIndex(self.database, settings.lexical_seal)
        self.maintenance = Maintenance(self.database)
        self.jobs = JobStore(self.database)
        self.staging = Staging(settings.staging)
        self.catalog = Catalog(self.database)
        self.alike = AlikeDocuments(self.database)
        self.tags = Tags(self.database)
        self.deletions = Deletions(
            self.database,
            self.store,
            Erasure(self.database, self.originals),
            self.collections,
            self.audit,
            projection=lambda: self.vectors,
            search=lambda question, **options: self.searcher.search(question, **options),
            forget=self._forget_prompts,
        )
        self._forgotten_until = 0
        self.suggester = Suggester(
            self.catalog,
            lambda question, **options: self.answerer.quoted_from(question, **options),
            self.store.change_number,
        )
        self.reingestion = Reingestion(self.jobs, self.catalog, self.originals, self.audit)
        self.library = Library(
            self.access,
            self.catalog,
            self.alike,
            self.tags,
            self.originals,
            self.deletions,
            self.reingestion,
            self.sharing,
            self.audit,
        )
        # Taken in this order: whoever loads all, then what is loaded beside the chat model, and it.
        self._loading_all, self._loading, self._loading_engine = RLock(), RLock(), RLock()
        self._load_error: Exception | None = None

    def close(self) -> None:
        """End what the models do, and leave the home folder to others, a restore among them."""
        if "live_counter" in self.__dict__:
            self.live_counter.flush(_PATIENCE_SECONDS)
        self.audit.flush(_PATIENCE_SECONDS)
        self._close_engines()
        self.lexical.seal()
        if "evidence" in self.__dict__:
            self.evidence.close()
        self.database.dispose()
        self._use.end()

    def _forget_prompts(self) -> bool | None:
        """Have the chat models forget what they have read. None when none is loaded here."""
        self.suggester.forget()
        loaded = [self._engine] if "_engine" in self.__dict__ else []
        loaded += [] if self._other_engine is None else [self._other_engine[1]]
        if not loaded:
            return None
        from generation.engines.fallback import forgotten

        return not [engine for engine in loaded if not forgotten(engine)]

    def _close_engines(self) -> None:
        if "_engine" not in self.__dict__ and self._other_engine is None:
            return
        from generation.engines.fallback import closed

        if "_engine" in self.__dict__:
            closed(self._engine)
        if self._other_engine is not None:
            closed(self._other_engine[1])

    @property
    def encoder(self) -> "Encoder":
        """The embedding model."""
        with self._loading:
            return self._encoder

    @property
    def engine(self) -> "Engine":
        """The chat model."""
        with self._loading_engine:
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
        with self._loading_all:
            if "_answerer" not in self.__dict__:
                self._load_beside_engine(lambda: (self.searcher, self.verifier, self.sufficiency))
            return self._answerer

    @property
    def verifier(self) -> "ResponseVerifier":
        """What judges answers, and responses that others wrote."""
        with self._loading:
            return self._verifier

    @cached_property
    def conversations(self) -> "ConversationStore":
        """What was asked and answered."""
        from app.conversations.store import ConversationStore

        return ConversationStore(self.database)

    @cached_property
    def evidence(self) -> "EvidenceFinder":
        """Shows where in its document a quote stands."""
        from app.evidence.finding import EvidenceFinder

        return EvidenceFinder(self.store, self.originals)

    @cached_property
    def evals(self) -> "EvalStore":
        """Suites of questions and runs of them."""
        from evals.store import EvalStore

        return EvalStore(self.database)

    @cached_property
    def schedules(self) -> "ScheduleStore":
        """When suites run by themselves."""
        from evals.schedule_store import ScheduleStore

        return ScheduleStore(self.database)

    @cached_property
    def operating_point(self) -> "OperatingPointStore":
        """Below which answerability questions are declined."""
        from app.operating_point import OperatingPointStore

        return OperatingPointStore(self.database)

    @cached_property
    def live_counter(self) -> "LiveCounter":
        """Counts the verdicts of readers' answers."""
        from app.live_counts import LiveCounter

        return LiveCounter(self._count)

    @cached_property
    def _session_secret(self) -> bytes:
        return session_secret(self.settings.home / "session-secret")

    @cached_property
    def _aimed_limits(self) -> "AimedLimits":
        from app.operating_point import AimedLimits

        return AimedLimits(self.evals)

    @cached_property
    def _encoder(self) -> "Encoder":
        from retrieval.encoder_loading import load_encoder

        return load_encoder(self.settings.encoder)

    @cached_property
    def _engine(self) -> "Engine":
        return self._loaded(self.settings.engine_choice)

    @cached_property
    def _verifier(self) -> "ResponseVerifier":
        return load_response_verifier(self._finder)

    @property
    def sufficiency(self) -> "Sufficiency":
        """What says, before anything is generated, whether passages hold the answer."""
        with self._loading:
            return self._sufficiency

    @cached_property
    def _finder(self) -> "AnswerFinder":
        from generation.answer_finding.model import load_finder

        return load_finder()

    @cached_property
    def _sufficiency(self) -> "Sufficiency":
        from generation.answer_gauge.model import bundled_gauge
        from generation.finder import FinderAsGauge
        from generation.sufficiency import BY_FINDER, BY_GAUGE, Sufficiency

        gauge = bundled_gauge(self.settings.models) if self.settings.gauge else None
        if gauge is None:
            return Sufficiency(FinderAsGauge(self._finder), BY_FINDER)
        return Sufficiency(gauge, BY_GAUGE)

    @cached_property
    def _vectors(self) -> "VectorProjection":
        from retrieval.vectors.projection import VectorProjection

        return VectorProjection(
            self.store,
            self.settings.vector_index,
            self._encoder,
            chosen=self.settings.index_kind,
        )

    @cached_property
    def _searcher(self) -> "Searcher":
        from retrieval.search import Searcher

        return Searcher(
            self.store, self._encoder, self._vectors, self.lexical, reranker=self._reranker
        )

    @cached_property
    def _reranker(self) -> "Reranker | None":
        if self.settings.reranker is None:
            return None
        from retrieval.cross_encoder import load_cross_encoder

        return load_cross_encoder(self.settings.reranker)

    def searcher_over(self, kind: "Kind", folder: Path) -> "Searcher":
        """The same search over a vector index of another kind, made in `folder` now."""
        from retrieval.search import Searcher
        from retrieval.vectors.projection import VectorProjection

        vectors = VectorProjection(self.store, folder, self.encoder, chosen=kind)
        vectors.rebuild()
        return Searcher(self.store, self.encoder, vectors, self.lexical, reranker=self._reranker)

    @cached_property
    def _answerer(self) -> "Answerer":
        return self._answerer_over(self.engine, self.settings)

    def save_vectors(self, *, has_removed: bool) -> None:
        """Write the vector index after documents came or went, unless next to nothing came.

        Args:
            has_removed: documents were deleted: no file may hold their vectors.
        """
        from retrieval.vectors.lag import is_near

        folder, encoder = self.settings.vector_index, self.encoder.fingerprint
        if has_removed or not is_near(folder, self.store, encoder=encoder):
            self.vectors.save()

    def _load_beside_engine(self, load: Callable[[], object]) -> None:
        """Load the chat model, which takes longest, and something else in a thread beside it.

        Not the other way round: Ctrl-C in a first start, which takes minutes, waits for the thread.
        """
        with ThreadPoolExecutor(1, "loading") as beside:
            loaded = beside.submit(load)
            _ = self.engine
            loaded.result()

    def answerer_for(self, settings: Settings) -> "Answerer":
        """Answers as other settings would have them: their chat model and policy, our index."""
        return self._answerer_over(self.engine_for(settings.engine_choice), settings)

    def engine_for(self, choice: EngineChoice) -> "Engine":
        """Another chat model, or our own when it is the same.

        The last other one is kept, so that asking for it again loads nothing.

        Raises:
            GenerationError: it cannot be loaded.
        """
        if choice == self.settings.engine_choice:
            return self.engine
        with self._loading:
            if self._other_engine is None or self._other_engine[0] != choice:
                # The one before is let go first: both may not fit the memory.
                self._other_engine = None
                self._other_engine = choice, self._loaded(choice)
            return self._other_engine[1]

    def local_engine(self, model: str) -> "Engine":
        """A chat model on this machine, named as ASSAY_MODEL names it.

        Raises:
            GenerationError: it cannot be loaded.
        """
        return self.engine_for(replace(self.settings.engine_choice, model=model, order=("local",)))

    def _loaded(self, choice: EngineChoice) -> "Engine":
        with self._preparing() as on_progress:
            return load_chosen(choice, on_progress)

    def _answerer_over(self, engine: "Engine", settings: Settings) -> "Answerer":
        from generation.answering import Answerer
        from generation.answering_policy import AnsweringPolicy

        return Answerer(
            self.searcher.search,
            self.encoder,
            engine,
            self.verifier,
            self.sufficiency,
            self.store.change_number,
            AnsweringPolicy(
                evidence_passages=settings.evidence_passages,
                evidence_tokens=settings.evidence_tokens,
                abstain_below=settings.abstain_below,
                showing=settings.policy,
                is_guarded=settings.guard,
                beyond_quotes=settings.beyond_quotes,
            ),
            self.store.located,
            self.policies.among,
            self._chosen_limit,
            lambda: self.searcher.version,
            lambda: self.code_version,
        )

    @cached_property
    def code_version(self) -> str:
        """What answers: the version, and a hash of its code."""
        return code_version()

    def abstain_below(self, settings: Settings) -> float | None:
        """The limit on answerability that answers keep to; None is the measured one."""
        fixed = settings.abstain_below
        return self._chosen_limit() if fixed is None else fixed

    def _chosen_limit(self) -> float | None:
        most = self.settings.most_unsupported
        if most is not None:
            return self._aimed_limits.limit(most)
        point = self.operating_point.current()
        return None if point is None else point.abstain_below

    def readable_by(self, principal: str | None, collection: str | None) -> frozenset[int]:
        """The collections that are read: the operator's all, a principal's own, or one of them."""
        if principal is None:
            readable = self.access.everything()
        else:
            readable = self.access.readable(self.access.principal(principal))
        if collection is None:
            return readable
        return readable & {self.store.collection(collection).id}

    def ingester(
        self,
        times: "StageTimes | None" = None,
        take: "Callable[[Path, str], FoundFile] | None" = None,
        load: "Callable[[FoundFile], bytes] | None" = None,
        passwords: Sequence[str] = (),
    ) -> "Ingester":
        """What brings collections in step with files.

        Args:
            times: told where the time goes.
            take: as in `find_files`.
            load: gets the bytes of files that do not lie on this machine.
            passwords: what may open files that are encrypted; kept nowhere.
        """
        from ingestion.pipeline import Ingester
        from ingestion.sandbox import ReaderProcess

        # Embedding takes every core it gets; a reader beside it needs about one.
        readers = max(1, min(_MOST_READERS, (os.cpu_count() or 1) // 2))
        reads_hidden = self.settings.hidden_text == "read"
        return Ingester(
            self.store,
            lambda: self.encoder,
            lambda: ReaderProcess(reads_hidden=reads_hidden, passwords=passwords),
            readers=readers,
            times=times,
            take=take,
            load=load,
        )

    def url_ingester(self, collection: Collection) -> "Ingester":
        """What brings pages from the web into a collection.

        Raises:
            UrlRefused: that is not allowed here.
        """
        from app.fetching.fetch import Fetcher
        from app.fetching.loading import UrlLoader

        if not self.settings.urls:
            raise UrlRefused("", URLS_OFF)
        fetcher = Fetcher(Networks.of(self.settings.url_networks))
        known = self.store.known_files(collection)
        return self.ingester(load=UrlLoader(fetcher, known, self.settings.url_versions).load)

    def carriers(self) -> "Carriers":
        """What may take results of scheduled runs off this machine: what the settings name.

        Raises:
            BadSetting: an address, or how it is reached, cannot be used.
        """
        from app.delivery.deliver import Carriers

        return Carriers(_webhook(self.settings), _mail_server(self.settings))

    def warm_up(self) -> None:
        """Load both models and the index; what goes wrong is said by `readiness`."""
        from generation.language import warm_up

        def beside() -> None:
            self.vectors.tend()
            self.vectors.current()
            self.lexical.tend()
            warm_up()
            _ = self.verifier, self.sufficiency

        try:
            with self._loading_all:
                self._load_beside_engine(beside)
                _ = self._answerer
        except Exception as error:  # noqa: BLE001 - told to whoever asks whether we are ready
            _logger.error("not ready: %s", error)
            self._load_error = error

    def readiness(self) -> "Readiness":
        """Whether questions can be answered now. Never waits."""
        from app.api.services import Readiness

        if "_answerer" in self.__dict__:
            if self._is_left_alone():
                detail = "the model that writes answers cannot be reached; it is tried again soon"
                return Readiness(ready=False, detail=detail)
            return Readiness(ready=True, detail="ready")
        if self._load_error is not None:
            # Anyone may ask; what exactly is wrong is for the operator.
            detail = "the models or the index cannot be loaded; `assay doctor` says why"
            return Readiness(ready=False, detail=detail)
        loading = "the models are being loaded; this takes a moment"
        return Readiness(ready=False, detail=self._preparation.text or loading)

    def _is_left_alone(self) -> bool:
        """Whether the only model is at a server that failed and is not asked at present."""
        is_alone = self.settings.engine_choice.order == ("remote",)
        return is_alone and getattr(self._engine, "trouble", None) is not None

    def services(self) -> "Services":
        """What the web application is made of."""
        from app.api.services import Services
        from app.unlocking import Unlocking
        from evals.feedback import Thumbs

        return Services(
            accounts=self.accounts,
            access=self.access,
            policies=self.policies,
            operating_point=self.operating_point,
            limit_set_by=_limit_set_by(self.settings),
            people=self.people,
            collections=self.collections,
            audit=self.audit,
            administration=self.administration,
            own_account=self.own_account,
            sharing=self.sharing,
            library=self.library,
            store=self.store,
            conversations=self.conversations,
            evidence=self.evidence,
            evals=self.evals,
            thumbs=Thumbs(self.database),
            schedules=self.schedules,
            jobs=self.jobs,
            staging=self.staging,
            unlocking=Unlocking(
                self.jobs,
                self.staging,
                self.settings.home,
                lambda password: self.ingester(passwords=(password,)),
            ),
            search=lambda question, **options: self.searcher.search(question, **options),
            answer=self._answer,
            verifier=lambda: self.verifier,
            readiness=self.readiness,
            engine_name=self.settings.engine_choice.name,
            default_decoding=self.settings.decoding,
            suggestions=self._suggestions,
            secure_cookies=self.settings.secure_cookies,
            session_secret=self._session_secret,
            allowed_hosts=self.settings.allowed_hosts,
            answers_at_once=self.settings.answers_at_once,
            answers_waiting=self.settings.answers_waiting,
            answers_per_user=self.settings.answers_per_user,
            fetches_urls=self.settings.urls,
            upload_bytes=self.settings.upload_mb * 1_000_000,
            sign_on=self._sign_on(),
            password_login=self.settings.password_login,
        )

    def _sign_on(self) -> SignOn | None:
        provider = self.settings.provider
        if provider is None:
            return None
        return SignOn(
            OidcClient(provider),
            self.identities,
            self.access,
            self.people,
            self.accounts,
            self.administration,
            self.own_account,
            self.audit,
        )

    def _answer(self, question: str, /, **options: Any) -> Iterator[Any]:  # noqa: ANN401
        """A reader's answer; its verdicts are counted. What runs of suites ask never comes here."""
        from generation.types import Finished

        # Another process may have deleted what the model has read.
        if (newest := self.deletions.newest_receipt()) > self._forgotten_until:
            self._forget_prompts()
            self._forgotten_until = newest
        for event in self.answerer.answer(question, **options):
            if isinstance(event, Finished) and _counts(event.answer, options):
                self.live_counter.take(event.answer)
            yield event

    def _count(self, answer: "Answer") -> None:
        self.evals.count_answer(answer, verifier=self.verifier.version)

    def _suggestions(self, requester: Principal) -> "Suggestions":
        """What a reader may ask first: of the own documents, or else of the sample ones.

        Documents may be too short, or too much alike, to ask anything of.
        """
        from app.api.services import Suggestions

        readable = self.access.readable(requester)
        samples = {one.id for one in self.store.collections() if one.name == SAMPLES_COLLECTION}
        own = readable - samples
        if self.catalog.documents(own, limit=1):
            if not self.readiness().ready:
                return Suggestions()  # until the models are there, none can be tried
            if written := self.suggester.suggestions(readable, own):
                return Suggestions(written)
        if not readable & samples:
            return Suggestions()
        kept = json.loads(SAMPLES.joinpath("questions.json").read_text(encoding="utf-8"))
        return Suggestions(tuple(map(Suggestion, kept["questions"])), kept["unanswerable"])


def _counts(answer: "Answer", options: dict[str, Any]) -> bool:
    """Whether somebody was told something. One that was broken off told nobody anything."""
    return not answer.is_small_talk and not options.get("is_cancelled", _never)()


def _limit_set_by(settings: Settings) -> str | None:
    """The setting that stands in place of what is chosen on the page of the operating point."""
    if settings.abstain_below is not None:
        return "ASSAY_ABSTAIN_BELOW"
    return None if settings.most_unsupported is None else "ASSAY_MOST_UNSUPPORTED"


def _never() -> bool:
    return False


def load_response_verifier(finder: "AnswerFinder | None" = None) -> "ResponseVerifier":
    """The bundled verifier. It has nothing to do with a home folder.

    Args:
        finder: the answer finder, where it is loaded already.
    """
    from generation.answer_finding.model import load_finder
    from generation.groundedness.verifier import load_verifier

    return load_verifier(finder=finder or load_finder())


def _webhook(settings: Settings) -> "Webhook | None":
    from app.delivery.webhook import Webhook

    if settings.webhook_url is None:
        return None
    secret = settings.webhook_secret
    return Webhook(
        settings.webhook_url.get_secret_value(),
        None if secret is None else secret.get_secret_value().encode(),
        allows_private=settings.webhook_allow_private,
    )


def _mail_server(settings: Settings) -> "MailServer | None":
    from app.delivery.mail import MailServer

    if settings.mail_host is None:
        return None
    password = settings.mail_password
    return MailServer(
        settings.mail_host,
        settings.mail_port,
        settings.mail_tls,
        settings.mail_from or "",
        settings.mail_user,
        None if password is None else password.get_secret_value(),
    )


def sample_documents() -> Sequence[Path]:
    """The folder of sample documents that come with Assay."""
    return [Path(str(SAMPLES.joinpath("documents")))]
