"""A provider, a log-in under way, and whom the provider vouches for. Pure."""

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID provider, and what is taken from it, as the operator has set it.

    `redirect_uri` is where it sends people back to: from the settings, never from a request.
    `name_claim` is the claim that names a new account. `groups_claim` lists groups that exist here;
    None leaves groups alone. With `creates_accounts`, whoever it vouches for gets an account.
    """

    name: str
    issuer: str
    client_id: str
    redirect_uri: str
    client_secret: str | None = field(default=None, repr=False)
    scopes: str = "openid profile email"
    name_claim: str = "preferred_username"
    groups_claim: str | None = None
    creates_accounts: bool = False


class Endpoints(NamedTuple):
    """Where a provider is asked, as it says itself. `names_itself`: its replies have an `iss`."""

    authorization: str
    token: str
    keys: str
    names_itself: bool


class Attempt(NamedTuple):
    """A log-in under way: three secrets that the browser which began it keeps for us.

    `state` ties the reply to that browser, `nonce` the token to this attempt, `verifier` (PKCE)
    the code to us.
    """

    state: str
    nonce: str
    verifier: str


class Reply(NamedTuple):
    """The query that a provider sent somebody back with. Anybody can make one up."""

    state: str | None = None
    code: str | None = None
    error: str | None = None
    iss: str | None = None


class Vouched(NamedTuple):
    """Whom the provider vouches for: `subject` is what it never gives to anybody else.

    `name` and `groups` are what it says at present; they identify nobody.
    """

    subject: str
    name: str | None
    groups: tuple[str, ...] | None
