"""What axe-core has to say about a page: a browser's engine that looks for barriers."""

from importlib import resources

from playwright.sync_api import Page

_SOURCE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def barriers(page: Page, *, only_colours: bool = False) -> list[str]:
    """The rules that a page breaks, each with the first element that does.

    Args:
        only_colours: ask for contrast alone; for the other colour scheme of a page.
    """
    # Evaluated, not put into the page: no policy of ours would let it in there.
    if not page.evaluate("'axe' in window"):
        page.evaluate(_SOURCE)
    options = {"runOnly": ["color-contrast"]} if only_colours else {}
    report = page.evaluate("options => axe.run(document, options)", options)
    return [f"{one['id']}: {one['nodes'][0]['html'][:300]}" for one in report["violations"]]
