"""What sessions are called by: browsers as people name them, and what is none as it is."""

import pytest

from app.web.browsers import browser_of

LIKE = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (f"Mozilla/5.0 (X11; Linux x86_64) {LIKE} Chrome/131.0.0.0 Safari/537.36",
         "Chrome on Linux"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {LIKE} HeadlessChrome/156.0.0.0 Safari/537.36",
         "Chrome on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {LIKE} Chrome/131.0.0.0 Safari/537.36 "
         "Edg/131.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {LIKE} Chrome/131.0 Mobile Safari/537.36 "
         "EdgA/131.0", "Edge on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/18.1 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
         "Gecko) CriOS/131.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
         "Firefox on Linux"),
        ("Firefox/1", "Firefox"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 61, "x" * 59 + "…"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("", "unknown"),
    ],
)  # fmt: skip
def test_a_browser_is_called_as_people_call_it(agent, words):
    assert browser_of(agent) == words
