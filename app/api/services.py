"""What the routes need, handed in by whoever composes the application."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.accounts import Accounts
from app.administration import Administration
from app.audit import AuditLog
from app.conversations.store import ConversationStore
from app.evidence.finding import EvidenceFinder
from app.library import Library
from app.oidc.sign_on import SignOn
from app.operating_point import OperatingPointStore
from app.own_account import OwnAccount
from app.people import People
from app.sharing import Sharing
from app.suggesting.suggester import Suggestion
from app.unlocking import Unlocking
from app.uploads.staging import Staging
from evals.feedback import Thumbs
from evals.schedule_store import ScheduleStore
from evals.store import EvalStore
from generation.decoding import Decoding
from generation.groundedness.types import ResponseVerifier
from generation.types import AnswerEvent, Message
from ingestion.jobs.store import JobStore
from retrieval.access import AccessList
from retrieval.collections import Collections
from retrieval.narrowing import Narrowing
from retrieval.policies import Policies
from retrieval.store import Store
from retrieval.types import Hit, Principal


class Search(Protocol):
    """Find the `k` best passages among those of the `readable` collections, best first.

    `earlier` is what the same person asked before in the conversation, oldest first, `within` which
    documents are wanted.
    """

    def __call__(
        self,
        question: str,
        /,
        *,
        readable: frozenset[int],
        k: int,
        earlier: Sequence[str],
        within: Narrowing,
    ) -> Sequence[Hit]: ...


class AnswerQuestion(Protocol):
    """Make an answer, event by event; `Finished` is the last.

    Synchronous and slow: it runs in a thread of its own. Asks `is_cancelled` now and then and
    stops early when it is; the events may then end without `Finished`. `decoding` None means the
    default. `within` is which documents are wanted, all unless said.
    """

    def __call__(
        self,
        question: str,
        /,
        *,
        readable: frozenset[int],
        history: Sequence[Message],
        decoding: Decoding | None,
        is_cancelled: Callable[[], bool],
        within: Narrowing = ...,
    ) -> Iterator[AnswerEvent]: ...


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether questions can be answered now; `detail` says in one sentence what is missing."""

    ready: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Questions offered on the empty chat page.

    `unanswerable` is one the documents do not answer, to show what happens then.
    """

    questions: tuple[Suggestion, ...] = ()
    unanswerable: str | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes need.

    `allowed_hosts` are host names without port, `*.example.org` for every name below one, `*` for
    all; names of this machine and numeric addresses are always taken. `verifier` loads what judges
    responses that others wrote, on first use. `answers_at_once` are made together while
    `answers_waiting` more wait their turn; others are told that the server is busy, and so is who
    has `answers_per_user` of both. One upload has at most `upload_bytes`. `keep_alive_seconds` is
    how long an event stream may stay silent, `grace_seconds` how long an answer of a conversation
    is made on while nobody listens. `limit_set_by` is the setting that stands in place of the
    `operating_point`, if any. `sign_on` is the provider at which people may log in, if any, and
    `password_login` whether passwords are taken.
    """

    accounts: Accounts
    access: AccessList
    policies: Policies
    operating_point: OperatingPointStore
    people: People
    collections: Collections
    audit: AuditLog
    administration: Administration
    own_account: OwnAccount
    sharing: Sharing
    library: Library
    store: Store
    conversations: ConversationStore
    evidence: EvidenceFinder
    evals: EvalStore
    thumbs: Thumbs
    schedules: ScheduleStore
    jobs: JobStore
    staging: Staging
    unlocking: Unlocking
    search: Search
    answer: AnswerQuestion
    verifier: Callable[[], ResponseVerifier]
    readiness: Callable[[], Readiness]
    engine_name: str
    default_decoding: Decoding
    suggestions: Callable[[Principal], Suggestions]
    secure_cookies: bool
    session_secret: bytes
    allowed_hosts: tuple[str, ...]
    answers_at_once: int = 8
    answers_waiting: int = 32
    answers_per_user: int = 4
    upload_bytes: int = 4_096_000_000
    # Whether administrators may have pages fetched from the web.
    fetches_urls: bool = False
    keep_alive_seconds: float = 15.0
    limit_set_by: str | None = None
    grace_seconds: float = 60.0
    sign_on: SignOn | None = None
    password_login: bool = True
