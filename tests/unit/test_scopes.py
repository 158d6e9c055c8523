"""What an API key needs for a request, by method and address."""

import pytest

from app.scopes import EVERY, LEAST, Scope, scopes_for, scopes_of, scopes_text

READ, WRITE, ADMIN = (frozenset({scope}) for scope in (Scope.READ, Scope.WRITE, Scope.ADMIN))


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/api/ask", LEAST),
        ("POST", "/v1/chat/completions", LEAST),
        ("GET", "/v1/models", LEAST),
        ("POST", "/api/verify", LEAST),
        ("POST", "/api/evals/cases", LEAST),
        ("POST", "/api/search", LEAST | READ),
        ("GET", "/api/documents/7", READ),
        ("HEAD", "/api/documents/7", READ),
        ("GET", "/api/collections", READ),
        ("DELETE", "/api/documents/7", WRITE),
        ("POST", "/api/whatever/comes/next", WRITE),
        ("PATCH", "/api/collections/4", ADMIN),
        ("PUT", "/api/collections/4/grants", ADMIN),
        ("POST", "/api/collections/4/reingest", WRITE),
        ("PUT", "/api/policies/contracts", ADMIN),
        ("PUT", "/api/policies/contracts/reingest", ADMIN),  # such a name is possible
        ("GET", "/api/users", ADMIN),
        ("GET", "/api/users/2/keys", ADMIN),
        ("GET", "/api/audit/export", ADMIN),
        ("GET", "/api/evals/runs", ADMIN),
        ("GET", "/evals", ADMIN),
        ("GET", "/metrics", ADMIN),
        ("GET", "/api/usersmanual", READ),  # another address that only begins alike
        ("GET", "/openapi.json", EVERY),
        ("GET", "/api/me", EVERY),
        ("GET", "/api/me/keys", frozenset()),
        ("POST", "/api/me/keys", frozenset()),
        ("POST", "/api/me/password", frozenset()),
        ("POST", "/account/keys", frozenset()),
        ("POST", "/view-as", frozenset()),
    ],
)
def test_every_request_needs_a_scope_or_a_browser(method, path, needed):
    assert scopes_for(method, path) == needed


def test_scopes_are_kept_as_words_and_come_back():
    assert scopes_text({Scope.ADMIN, Scope.ASK}) == "ask admin"
    assert scopes_of("ask admin") == {Scope.ASK, Scope.ADMIN}
    assert scopes_of("") == frozenset()
