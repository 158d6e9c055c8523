"""`assay documents`."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from app.cli.narrowing import kept_tag, kept_tags
from app.cli.opening import open_assay
from app.cli.terminal import Terminal, excerpt, json_option
from retrieval.catalog import Order

if TYPE_CHECKING:
    from app.deletion import Receipt
    from retrieval.alike import Alike

_PAGE = 500


@click.group()
def documents() -> None:
    """List documents, show, tag, read again and delete one, find those that are nearly the same."""


@documents.command(
    name="list",
    epilog="\b\nExamples:\n  assay documents list --collection contracts\n"
    "  assay documents list --named lease --order name",
)
@click.option("--collection", metavar="NAME", help="Of this collection only.")
@click.option("--named", default="", metavar="TEXT", help="Whose name contains this.")
@click.option("--tag", metavar="TAG", callback=kept_tag, help="That are so tagged.")
@click.option(
    "--order",
    type=click.Choice([order.value for order in Order]),
    default=Order.NEWEST.value,
    show_default=True,
)
@click.option("-n", "--limit", type=click.IntRange(min=1), help="The first so many only.")
@json_option
@click.pass_obj
def list_documents(
    terminal: Terminal,
    collection: str | None,
    named: str,
    tag: str,
    order: str,
    limit: int | None,
) -> None:
    """List documents: number, collection, name, passages, pages."""
    from app.api.library_wire import listed_json

    assay = open_assay()
    among, after = assay.readable_by(None, collection), None
    rows: list[object] = []
    while limit is None or len(rows) < limit:
        wanted = _PAGE if limit is None else min(_PAGE, limit - len(rows))
        page = assay.catalog.documents(
            among, order=Order(order), after=after, named=named, tag=tag, limit=wanted
        )
        if not page:
            break
        after = page[-1].place(Order(order))
        for one in page:
            pages = "" if one.pages is None else f", {one.pages} pages"
            if one.hidden_characters:
                pages += f", {one.hidden_characters} hidden characters"
            tags = f"  [{', '.join(one.tags)}]" if one.tags else ""
            terminal.line(
                f"{one.id}  {one.collection.name}  {one.name}  {one.passages} passages{pages}{tags}"
            )
            rows.append(listed_json(one, assay.library.size(one), with_path=True))
    if terminal.is_json:
        terminal.result({"documents": rows})
    elif not rows:
        terminal.line("no document")


@documents.command(epilog="\b\nExample:\n  assay documents show 77")
@click.argument("number", type=int)
@json_option
@click.pass_obj
def show(terminal: Terminal, number: int) -> None:
    """Show a document, what its file hides, and how its passages begin."""
    from app.api.library_wire import (
        alike_json,
        hidden_text_json,
        listed_json,
        stored_passage_json,
    )
    from app.errors import UnknownEntry
    from generation.injection import commands_in

    assay = open_assay()
    found = assay.catalog.document(number, assay.access.everything())
    if found is None:
        raise UnknownEntry("document", number)
    size = assay.library.size(found)
    terminal.line(f"{found.name}, in collection {found.collection.name!r}")
    terminal.line(f"  from {found.path}")
    terminal.line(f"  {found.media_type}, {size} bytes, {found.passages} passages")
    if found.language:
        terminal.line(f"  language {found.language}")
    alike = assay.alike.of(found.id, assay.access.everything())
    for other in alike:
        terminal.line(f"  {_alike_text(other)}")
    if found.tags:
        terminal.line(f"  tagged {', '.join(found.tags)}")
    hidden = []
    for piece in assay.catalog.hidden(found):
        orders = [(c.start, c.end) for c in commands_in(piece.text)]
        place = "" if piece.page is None else f"page {piece.page}: "
        flag = "  [orders to a model]" if orders else ""
        terminal.line(
            f"  hidden ({piece.by.value}), {piece.characters} characters: "
            f"{place}{excerpt(piece.text)[:100]}{flag}"
        )
        hidden.append(hidden_text_json(piece, orders))
    passages = []
    after = None
    while page := assay.catalog.passages(found, after=after, limit=_PAGE):
        after = page[-1].start
        for one in page:
            commands = [(c.start, c.end) for c in commands_in(one.text)]
            place = "" if one.page is None else f"page {one.page}: "
            flag = "  [orders to a model]" if commands else ""
            terminal.line(f"  {place}{excerpt(one.text)[:100]}{flag}")
            passages.append(stored_passage_json(one, commands))
    if terminal.is_json:
        shown = listed_json(found, size, with_path=True)
        others = [alike_json(one) for one in alike]
        terminal.result({**shown, "alike": others, "hidden": hidden, "text": passages})


@documents.command(epilog="\b\nExample:\n  assay documents alike --collection contracts")
@click.option("--collection", metavar="NAME", help="Of this collection only.")
@json_option
@click.pass_obj
def alike(terminal: Terminal, collection: str | None) -> None:
    """List documents that are nearly the same, in groups, the largest first.

    Per cent are of the wording that the first of a group and another share; less than 80 is not
    told.
    """
    from app.api.library_wire import alike_json

    assay = open_assay()
    groups = assay.alike.groups(assay.readable_by(None, collection))
    for group in groups:
        terminal.line(f"{group[0].id}  {group[0].collection.name}  {group[0].name}")
        for one in group[1:]:
            terminal.line(f"  {_alike_text(one)}")
    if unknown := assay.alike.count_unknown():
        terminal.note(f"{unknown} documents were not looked at yet: assay doctor --repair does")
    if terminal.is_json:
        terminal.result({"groups": [[alike_json(one) for one in group] for group in groups]})
    elif not groups:
        terminal.line("no two documents are nearly the same")


def _alike_text(other: "Alike") -> str:
    return f"{other.likeness:.0%} the same: {other.id}  {other.collection.name}  {other.name}"


@documents.command(
    epilog="\b\nExamples:\n  assay documents tag 77 rent 2026\n  assay documents tag 77"
)
@click.argument("number", type=int)
@click.argument("tags", nargs=-1, callback=kept_tags)
@json_option
@click.pass_obj
def tag(terminal: Terminal, number: int, tags: tuple[str, ...]) -> None:
    """Give a document these tags in place of those it has; none take them away."""
    from app.api.library_wire import listed_json
    from app.audit import COMMAND_LINE
    from app.errors import UnknownEntry

    assay = open_assay()
    found = assay.catalog.document(number, assay.access.everything())
    if found is None:
        raise UnknownEntry("document", number)
    assay.library.put_tags(COMMAND_LINE, found, tags)
    if terminal.is_json:
        tagged = replace(found, tags=tags)
        terminal.result(listed_json(tagged, assay.library.size(found), with_path=True))
    else:
        terminal.line(f"{found.name}: {', '.join(tags) or 'no tags'}")


@documents.command(
    epilog="\b\nExamples:\n  assay documents reingest 77\n"
    "  assay documents reingest --collection contracts"
)
@click.argument("number", type=int, required=False)
@click.option("--collection", metavar="NAME", help="All documents of this collection.")
@json_option
@click.pass_context
def reingest(context: click.Context, number: int | None, collection: str | None) -> None:
    """Read a document again from its original, or all of a collection.

    Worthwhile after Assay has learned to read a format better. The new revision takes the place of
    the old one in one step, or, when reading fails, not at all. Exits with 1 when reading failed.
    """
    if (number is None) == (collection is None):
        raise click.UsageError("give the number of a document, or --collection")
    from app.cli.documents import job_bar, show_report
    from app.cli.job_text import report_of
    from app.errors import UnknownEntry
    from app.job_worker import make_and_work
    from app.reingestion import SOURCE

    terminal: Terminal = context.obj
    assay = open_assay()
    if number is None:
        target = assay.store.collection(str(collection))
        items = list(assay.reingestion.items(target))
    else:
        found = assay.catalog.document(number, assay.access.everything())
        if found is None:
            raise UnknownEntry("document", number)
        target, items = found.collection, [assay.reingestion.item(found)]
    with job_bar(assay) as show:
        job = make_and_work(assay, target, SOURCE, items, on_written=show)
    report = report_of(assay, job)
    show_report(terminal, report, target.name)
    if report.failed or report.rejected:
        context.exit(1)


@documents.command(epilog="\b\nExample:\n  assay documents delete 77")
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def delete(terminal: Terminal, number: int, yes: bool) -> None:  # noqa: FBT001
    """Delete a document with all its revisions, and print the receipt."""
    from app.audit import COMMAND_LINE
    from app.errors import UnknownEntry

    assay = open_assay()
    found = assay.catalog.document(number, assay.access.everything())
    if found is None:
        raise UnknownEntry("document", number)
    if not (yes or terminal.is_json):
        click.confirm(f"Delete {found.name!r} from {found.collection.name!r}?", abort=True)
    show_receipt(terminal, assay.deletions.delete(COMMAND_LINE, found))


def show_receipt(terminal: Terminal, receipt: "Receipt") -> None:
    """Print a receipt, as text or JSON."""
    from app.api.library_wire import receipt_json

    if terminal.is_json:
        terminal.result(receipt_json(receipt))
        return
    removed = receipt.removed
    terminal.line(
        f"deleted {receipt.object.kind} {receipt.name!r}: {removed.revisions} revisions, "
        f"{removed.passages} passages, {removed.vectors} vectors, {removed.originals} originals"
    )
    for check in receipt.checks:
        found = "not asked" if check.found is None else f"{check.found} found"
        terminal.line(f"  {check.place}: {check.looked_for} looked for, {found} ({check.detail})")
    terminal.line("nothing is left of it" if receipt.is_clean else "SOMETHING MAY BE LEFT OF IT")
    terminal.line("what no query reaches:")
    for line in receipt.not_reached:
        terminal.line(f"  {line}")
    terminal.line(f"receipt {receipt.id}")
