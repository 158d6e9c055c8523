"""Every error `app` raises on purpose.

AppError
├── BadSetting           a setting is out of range, or an ASSAY_ variable is no setting
├── CommandFailed        a command cannot do what it was asked to
├── DeliveryFailed       a result of a scheduled run was not taken
├── UrlRefused           an address that is not fetched, whatever is there
├── HomeInUse            another command uses the home folder in a way that excludes this one
├── RunInUse             another process makes this run of a suite
├── HomeNotEmpty         a backup would replace what a home folder holds
├── BackupRefused        a file that is no backup, or not a whole one
├── NotLoggedIn          no session, one that ended, or an API key that is unknown or revoked
├── LogInRefused         the name or the password is wrong
├── LoginLinkRefused     a link to log in once was used, or is too old
├── SignOnFailed         a log-in at a provider did not come about; see `app.oidc.errors`
├── TooManyAttempts      a name, or a network, has failed too often to log in; it must wait
├── TooMuchFeedback      somebody said more about answers than is taken in a while
├── PasswordUnusable     a new password is too short or too long
├── NotAUser             a group has no password and no API keys
├── UnknownKey           an API key that is not there
├── UnknownEntry         a user, group, session or document of a number that is not there for one
├── OriginalMissing      a document cannot be read again: its original is gone or damaged
├── LastAdministrator    nobody would be left who may administer
├── AccessDenied         what one may know of, but not do
├── UnknownConversation  a conversation that is not there, or somebody else's
├── UnknownAnswer        an answer that is not there, or somebody else's
├── UnknownSource        a source of an answer that is not there, or not readable any more
├── ServerBusy           as many answers are being made, and waited for, as this server takes
├── TooManyAnswers       as many of them are one user's as one user may have
├── ServerStopping       the server is being stopped: what is not answered will not be
├── RequestRefused       a host, an origin or a size that this server does not take
└── ParameterRefused     a request asks for what this server cannot do
"""

from pathlib import Path


class AppError(Exception):
    """Base of every error `app` raises on purpose. Its text is fit for whoever caused it."""


class BadSetting(AppError):
    """A setting is out of range, or an ASSAY_ variable is no setting."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")


class CommandFailed(AppError):
    """A command cannot do what it was asked to."""


class DeliveryFailed(AppError):
    """A result of a scheduled run was not taken; `is_transient`: another attempt may help."""

    def __init__(self, message: str, *, is_transient: bool = False) -> None:
        self.is_transient = is_transient
        super().__init__(message)


class UrlRefused(AppError):
    """An address that is not fetched, whatever is there."""

    def __init__(self, text: str, reason: str) -> None:
        self.reason = reason
        shown = f"{text.strip()[:200]!r}: " if text.strip() else ""
        super().__init__(f"{shown}{reason}")


class HomeInUse(AppError):
    """Another command uses the home folder in a way that excludes this one."""


class RunInUse(AppError):
    """Another process makes this run of a suite."""

    def __init__(self, run_id: int, done: int, cases: int) -> None:
        self.run_id = run_id
        super().__init__(
            f"run {run_id} is being made by another process: {done} of {cases} cases are done; "
            "wait for it to end, or add --new to begin another"
        )


class HomeNotEmpty(AppError):
    """A backup would replace what a home folder holds."""

    def __init__(self, home: Path, holds: str) -> None:
        super().__init__(
            f"{home} is not empty: it holds {holds}; add --replace to remove them, or set "
            "ASSAY_HOME to an empty folder"
        )


class BackupRefused(AppError):
    """A file that is no backup, or not a whole one. Nothing was changed."""

    def __init__(self, file: Path, reason: str, advice: str = "use another copy of it") -> None:
        self.reason = reason
        super().__init__(f"{file} {reason}; {advice} (nothing was changed)")


class NotLoggedIn(AppError):
    """No session, one that ended, or an API key that is unknown or revoked."""


class LogInRefused(AppError):
    """The name or the password is wrong; which of them is not said."""

    def __init__(self) -> None:
        super().__init__("the name or the password is wrong; check both and try again")


class LoginLinkRefused(AppError):
    """A link to log in once was used, is too old, or its user may not log in."""

    def __init__(self, minutes: int) -> None:
        super().__init__(
            f"this link was used, or is older than {minutes} minutes; "
            "make another with `assay user login`"
        )


class TooManyAttempts(AppError):
    """A name, or a network, has failed too often to log in; it must wait."""

    def __init__(self, failures: int, whose: str, wait_seconds: int) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(
            f"{failures} attempts to log in {whose} have failed; "
            f"wait {wait_seconds} seconds and try again"
        )


class TooMuchFeedback(AppError):
    """Somebody said more about answers than is taken in a while."""

    def __init__(self, allowed: int, wait_seconds: int) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(
            f"{allowed} thumbs and test cases within a few minutes are the limit; "
            f"wait {wait_seconds} seconds and try again"
        )


class PasswordUnusable(AppError):
    """A new password is too short or too long."""

    def __init__(self, length: int, minimum: int, maximum: int) -> None:
        super().__init__(
            f"the password has {length} characters; choose one with {minimum} to {maximum}"
        )


class NotAUser(AppError):
    """A group has no password and no API keys; its members do."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is not a user; only users have passwords and API keys")


class UnknownKey(AppError):
    """An API key that is not there."""

    def __init__(self, key_id: int) -> None:
        super().__init__(f"there is no API key number {key_id}; list the keys to see the numbers")


class UnknownEntry(AppError):
    """Something of a number that is not there, or not for who asks: which of them is not said."""

    def __init__(self, kind: str, number: int) -> None:
        super().__init__(f"there is no {kind} number {number} that you may see; look at the list")


class OriginalMissing(AppError):
    """The original of a document is gone or damaged, so it cannot be read again."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} cannot be read again, since its original is gone or damaged; "
            "bring the file in once more"
        )


class LastAdministrator(AppError):
    """Nobody would be left who may administer."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} is the last administrator; make another user an administrator first"
        )


class AccessDenied(AppError):
    """What one may know of, but not do."""


class UnknownConversation(AppError):
    """A conversation that is not there, or somebody else's; which of them is not said."""

    def __init__(self, conversation_id: int) -> None:
        super().__init__(f"you have no conversation number {conversation_id}; it may be deleted")


class UnknownAnswer(AppError):
    """An answer that is not there, or somebody else's; which of them is not said."""

    def __init__(self, answer_id: int) -> None:
        super().__init__(f"you have no answer number {answer_id}; it may be deleted")


class UnknownSource(AppError):
    """A source of an answer that is not there, was deleted, or may not be read any more."""

    def __init__(self, answer_id: int, sentence: int, number: int) -> None:
        super().__init__(
            f"answer {answer_id} has no source {number} for sentence {sentence} that can be shown; "
            "its document may be deleted, or you may not read it any more"
        )


class ServerBusy(AppError):
    """As many answers are being made, and waited for, as this server takes."""

    def __init__(self, running: int, waiting: int, retry_seconds: int) -> None:
        self.retry_seconds = retry_seconds
        super().__init__(
            f"the server is busy: it answers {running} at a time and lets {waiting} more wait, and "
            f"all these places are taken; try again in {_counted(retry_seconds, 'second')}"
        )


class TooManyAnswers(AppError):
    """As many of the answers being made, and waited for, are one user's as one user may have.

    Args:
        allowed: the limit.
        running: how many of the user's are being made.
        position: where the user's next one stands among the `waiting`, from 1; None when none of
            the user's waits.
        waiting: how many wait, of all users.
        retry_seconds: when one of the user's is likely to have ended.
    """

    def __init__(
        self, allowed: int, running: int, position: int | None, waiting: int, retry_seconds: int
    ) -> None:
        self.retry_seconds = retry_seconds
        place = "" if position is None else f", the next is number {position} of {waiting} waiting"
        super().__init__(
            f"you have {_counted(allowed, 'request')} in the queue, which is the limit for one "
            f"user: {running} being worked on{place}; end one, or try again in "
            f"{_counted(retry_seconds, 'second')}"
        )


class ServerStopping(AppError):
    """The server is being stopped: what is not answered will not be."""

    retry_seconds = 10

    def __init__(self) -> None:
        super().__init__(
            "the server is being stopped or restarted; ask again in "
            f"{_counted(self.retry_seconds, 'second')}"
        )


class RequestRefused(AppError):
    """A host, an origin or a size that this server does not take."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class ParameterRefused(AppError):
    """A request asks for what this server cannot do. `parameter` is its name in the request."""

    def __init__(
        self, parameter: str, message: str, *, status: int = 400, code: str | None = None
    ) -> None:
        self.parameter, self.status, self.code = parameter, status, code
        super().__init__(message)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
