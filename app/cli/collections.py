"""`assay collection`."""

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option
from retrieval.types import Policy


@click.group()
def collection() -> None:
    """List, make and rename collections, and choose how strict answers over them are."""


@collection.command(name="list", epilog="\b\nExample:\n  assay collection list --json")
@json_option
@click.pass_obj
def list_collections(terminal: Terminal) -> None:
    """List collections: policy, name, how much is in them, and who may do what."""
    assay = open_assay()
    sizes = assay.collections.sizes(assay.access.everything())
    chosen = assay.policies.among(size.collection.id for size in sizes)
    rows = []
    for size in sizes:
        grants = assay.access.grants(collection=size.collection)
        granted = [f"{grant.principal.name} may {grant.access.value}" for grant in grants]
        policy = chosen[size.collection.id].value
        terminal.line(
            f"{policy:8} {size.collection.name}  {size.documents} documents, {size.passages} "
            f"passages  {', '.join(granted) or 'private to administrators'}"
        )
        rows.append(
            {
                "id": size.collection.id,
                "collection": size.collection.name,
                "policy": policy,
                "documents": size.documents,
                "passages": size.passages,
                "grants": {grant.principal.name: grant.access.value for grant in grants},
            }
        )
    if terminal.is_json:
        terminal.result({"collections": rows})
    elif not rows:
        terminal.line("there is no collection yet; `assay ingest` makes the first")


@collection.command(epilog="\b\nExample:\n  assay collection create contracts")
@click.argument("name")
@click.pass_obj
def create(terminal: Terminal, name: str) -> None:
    """Make an empty collection, private to administrators."""
    from app.audit import COMMAND_LINE

    open_assay().sharing.create(COMMAND_LINE, name)
    terminal.line(f"collection {name!r} is made; `assay user grant` lets others read it")


@collection.command(epilog="\b\nExample:\n  assay collection rename contracts leases")
@click.argument("name")
@click.argument("new_name")
@click.pass_obj
def rename(terminal: Terminal, name: str, new_name: str) -> None:
    """Give a collection another name; documents and grants stay."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    assay.sharing.rename(COMMAND_LINE, assay.store.collection(name), new_name)
    terminal.line(f"{name!r} is called {new_name!r} now")


@collection.command(
    epilog="\b\nExamples:\n  assay collection policy contracts strike\n"
    "  assay collection policy contracts"
)
@click.argument("name")
@click.argument("policy", required=False, type=click.Choice([one.value for one in Policy]))
@click.pass_obj
def policy(terminal: Terminal, name: str, policy: str | None) -> None:
    """Say, or with POLICY choose, what becomes of sentences that are not supported.

    \b
    show     they are shown with their verdict (the default)
    strike   they are left out, and how many
    quote    one of them, and the best passages are quoted instead
    abstain  one of them, and the question is declined
    """
    from app.audit import COMMAND_LINE

    assay = open_assay()
    target = assay.store.collection(name)
    if policy is not None:
        assay.sharing.choose_policy(COMMAND_LINE, target, Policy(policy))
    terminal.line(f"{name!r}: {assay.policies.among([target.id])[target.id].value}")


@collection.command(epilog="\b\nExample:\n  assay collection remove contracts")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def remove(terminal: Terminal, name: str, yes: bool) -> None:  # noqa: FBT001
    """Delete a collection with everything in it, and print the receipt."""
    from app.audit import COMMAND_LINE
    from app.cli.library import show_receipt

    assay = open_assay()
    target = assay.store.collection(name)
    if not (yes or terminal.is_json):
        count = len(assay.collections.document_ids(target))
        click.confirm(f"Delete {name!r} with its {count} documents?", abort=True)
    show_receipt(terminal, assay.deletions.delete_collection(COMMAND_LINE, target))
