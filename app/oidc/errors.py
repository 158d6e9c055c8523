"""Why a log-in at a provider did not come about.

SignOnFailed (an AppError)
├── ProviderDown         it cannot be reached, or says that it cannot work
├── ProviderBusy         as many ask it through us as may at once
├── ProviderWrong        it does not speak as it should, or its settings here are wrong
├── ClocksDiffer         what it says is of another time than ours
├── AttemptLost          the reply belongs to no log-in that this browser began, or to an old one
├── NotVouchedFor        it was cancelled there, or refused
└── NoAccountHere        it vouches for somebody who may not come in

`reason` is one word for the audit log. The texts are for whoever tries to log in: they repeat
nothing that came with a request.
"""

from app.errors import AppError


class SignOnFailed(AppError):
    """Base of these. `status` is that of the page that tells it."""

    status = 401
    reason = "failed"


class ProviderDown(SignOnFailed):
    """It cannot be reached, or says that it cannot work."""

    status, reason = 502, "provider_down"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} cannot be reached at present; try again in a moment")


class ProviderBusy(SignOnFailed):
    """As many ask it through us as may at once."""

    status, reason = 503, "provider_busy"

    def __init__(self, name: str) -> None:
        super().__init__(f"many are logging in at {name} just now; try again in a moment")


class ProviderWrong(SignOnFailed):
    """It does not speak as it should, or its settings here are wrong."""

    status, reason = 502, "provider_wrong"

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name} {what}; tell an administrator, since trying again will not help")


class ClocksDiffer(SignOnFailed):
    """What it says is of another time than ours."""

    status, reason = 502, "clocks_differ"

    def __init__(self, name: str, what: str, seconds: int) -> None:
        super().__init__(
            f"what {name} sent {what} by the clock of this server, which may differ by {seconds} "
            "seconds; begin again, and if that does not help have an administrator set the clocks"
        )


class AttemptLost(SignOnFailed):
    """The reply belongs to no log-in that this browser began, or to an old one."""

    status, reason = 400, "attempt_lost"

    def __init__(self, minutes: int) -> None:
        super().__init__(
            "this belongs to no log-in that was begun in this browser within the last "
            f"{minutes} minutes and is not over; begin again"
        )


class NotVouchedFor(SignOnFailed):
    """It was cancelled there, or refused."""

    reason = "not_vouched_for"


class NoAccountHere(SignOnFailed):
    """It vouches for somebody who may not come in."""

    status, reason = 403, "no_account"
