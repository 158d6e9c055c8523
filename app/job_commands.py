"""What people do to jobs: make them and command them; each of it is logged."""

from collections.abc import Mapping
from types import MappingProxyType

from app.audit import Actor, AuditLog, Object
from ingestion.jobs.store import JobStore
from ingestion.jobs.types import Command, Item, Job

_ACTIONS: Mapping[Command, str] = MappingProxyType(
    {
        Command.PAUSE: "job.paused",
        Command.RESUME: "job.resumed",
        Command.CANCEL: "job.cancelled",
        Command.RETRY: "job.retried",
    }
)


def command_job(
    jobs: JobStore,
    audit: AuditLog,
    actor: Actor,
    job_id: int,
    command: Command,
    *,
    rejected: bool = False,
) -> Job:
    """Do to a job what is wanted, and return it as it is then.

    Raises:
        UnknownJob: there is none of this number.
        JobRefused: its state does not allow it.
    """
    job = jobs.command(job_id, command, rejected=rejected)
    _record(audit, actor, _ACTIONS[command], job)
    return job


def note_new_job(audit: AuditLog, actor: Actor, job: Job) -> None:
    """Have the log say who has files brought in."""
    _record(audit, actor, "job.added", job)


def note_password(audit: AuditLog, actor: Actor, job: Job, after: Item) -> None:
    """Have the log say who gave a password for a file, a wrong one too, and what came of it."""
    _record(audit, actor, "job.password_given", job, file=after.id, outcome=after.state.value)


def _record(audit: AuditLog, actor: Actor, action: str, job: Job, **details: int | str) -> None:
    of = Object("job", job.id)
    audit.record(actor, action, of, collection_id=job.collection.id, **details)
