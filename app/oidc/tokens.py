"""Checks an ID token (OpenID Connect Core 1.0, section 3.1.3.7). Pure; joserfc does signatures."""

from collections.abc import Iterable, Mapping, Sequence
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from app.oidc.errors import AttemptLost, ClocksDiffer, ProviderWrong, SignOnFailed
from app.oidc.types import Attempt, Provider, Vouched

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

ATTEMPT_MINUTES = 10
# By how much clocks may differ.
LEEWAY_SECONDS = 60
# Signatures by a key that only the provider has. Never `none`, never a shared secret (HS…).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
_LONGEST_SUBJECT = 255  # section 2
_MOST_GROUPS = 1000


class UnknownKey(Exception):
    """The token was signed with a key that is not among those known; there may be newer ones."""


def keys_in(provider: Provider, said: Mapping[str, Any]) -> "KeySet":
    """The keys for signatures among those a provider publishes; kinds unknown here are left out.

    Raises:
        ProviderWrong: there is none.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry, KeySet

    found = []
    published = said.get("keys")
    for one in published if isinstance(published, list) else ():
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or one.get("kty") == "oct":
            continue
        try:
            found.append(JWKRegistry.import_key(one))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    if not found:
        raise ProviderWrong(provider.name, "publishes no keys that its signatures could be of")
    return KeySet(found)


def vouched(provider: Provider, token: str, keys: "KeySet", attempt: Attempt, now: int) -> Vouched:
    """Whom a token vouches for, if all of it is right.

    Args:
        now: seconds since 1970.

    Raises:
        UnknownKey: see there.
        ProviderWrong: the signature, the issuer or the audience is another's, or something is
            missing.
        ClocksDiffer: it has expired, or was issued in the future.
        AttemptLost: it belongs to another attempt.
    """
    claims = _signed(provider, token, keys)
    _require(provider, claims, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not compare_digest(nonce.encode(), attempt.nonce.encode()):
        raise AttemptLost(ATTEMPT_MINUTES)
    subject, name = claims["sub"], claims.get(provider.name_claim)
    return Vouched(
        subject, name.strip() if isinstance(name, str) else None, _groups(provider, claims)
    )


def _signed(provider: Provider, token: str, keys: "KeySet") -> Mapping[str, Any]:
    from joserfc import jwt
    from joserfc.errors import InvalidKeyIdError, JoseError

    try:
        return jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
    except InvalidKeyIdError as error:
        raise UnknownKey from error
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise ProviderWrong(
            provider.name, "sent a token that is not signed with one of its keys"
        ) from error


def _require(provider: Provider, claims: Mapping[str, Any], now: int) -> None:
    from joserfc.errors import ClaimError, ExpiredTokenError
    from joserfc.jwt import JWTClaimsRegistry

    rules = JWTClaimsRegistry(
        now,
        LEEWAY_SECONDS,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        rules.validate(dict(claims))
    except ExpiredTokenError as error:
        raise ClocksDiffer(provider.name, "has expired", LEEWAY_SECONDS) from error
    except ClaimError as error:
        raise _refusal(provider, claims, str(error.claim)) from error
    party, audience = claims.get("azp"), claims["aud"]
    has_others = not isinstance(audience, str) and len(audience) > 1
    if (has_others or party is not None) and party != provider.client_id:
        raise _refusal(provider, claims, "aud")
    if len(claims["sub"]) > _LONGEST_SUBJECT or not claims["sub"].isprintable():
        raise ProviderWrong(provider.name, "sent a token whose subject cannot be kept")


def _refusal(provider: Provider, claims: Mapping[str, Any], claim: str) -> SignOnFailed:
    if claims.get(claim) is None:
        return ProviderWrong(provider.name, f"sent a token without {claim}")
    if claim in {"iat", "nbf"}:
        return ClocksDiffer(provider.name, "is of the future", LEEWAY_SECONDS)
    if claim == "aud":
        return ProviderWrong(provider.name, "sent a token for another application")
    return ProviderWrong(provider.name, f"sent a token with another {claim} than expected")


def _groups(provider: Provider, claims: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The groups it says somebody belongs to: none when it says nothing; None: it is not asked."""
    if provider.groups_claim is None:
        return None
    said = claims.get(provider.groups_claim)
    named: Iterable[object] = said if isinstance(said, Sequence) else ()
    if isinstance(said, str):
        named = (said,)
    return tuple(dict.fromkeys(n.strip() for n in named if isinstance(n, str)))[:_MOST_GROUPS]
