"""Values of metrics, and their differences, on a line."""


def amount(value: float | None) -> str:
    """A value with as many digits as matter; "undefined" for none."""
    if value is None:
        return "undefined"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.0f}"


def signed(value: float | None) -> str:
    """A difference, with its sign."""
    if value is None:
        return "undefined"
    return f"{value:+.3f}" if abs(value) < 100 else f"{value:+.0f}"
