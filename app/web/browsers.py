"""What a browser says it is, in few words. Pure."""

import re

# The first that is there: most browsers also name those before them.
_BROWSERS = {
    "Edg": "Edge", "OPR": "Opera", "SamsungBrowser": "Samsung Internet", "Firefox": "Firefox",
    "FxiOS": "Firefox", "CriOS": "Chrome", "HeadlessChrome": "Chrome", "Chrome": "Chrome",
    "Safari": "Safari",
}  # fmt: skip
_SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows",
    "Mac OS X": "macOS", "CrOS": "ChromeOS", "Linux": "Linux",
}  # fmt: skip
_LONGEST = 60


def browser_of(agent: str) -> str:
    """A `User-Agent` as people would say it, as "Firefox on Windows".

    What names no browser that is known comes back as it is, cut to 60 characters; "unknown" for
    nothing. It is only what somebody claims.
    """
    named = [
        name
        for mark, name in _BROWSERS.items()
        if re.search(rf"(?<![\w-]){mark}(?:A|iOS)?/\d", agent)
    ]
    if not named:
        return (agent if len(agent) <= _LONGEST else f"{agent[: _LONGEST - 1]}…") or "unknown"
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), None)
    return named[0] if system is None else f"{named[0]} on {system}"
