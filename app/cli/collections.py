"""`assay collection`."""

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option
from retrieval.types import Policy


@click.group()
def collection() -> None:
    """List collections, and choose how strict answers over them are."""


@collection.command(name="list", epilog="\b\nExample:\n  assay collection list --json")
@json_option
@click.pass_obj
def list_collections(terminal: Terminal) -> None:
    """List collections with their policies."""
    assay = open_assay()
    found = assay.store.collections()
    chosen = assay.policies.among(one.id for one in found)
    if terminal.is_json:
        rows = [{"collection": one.name, "policy": chosen[one.id].value} for one in found]
        terminal.result({"collections": rows})
        return
    for one in found:
        terminal.line(f"{chosen[one.id].value:8} {one.name}")
    if not found:
        terminal.line("there is no collection yet; `assay ingest` makes the first")


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
    assay = open_assay()
    target = assay.store.collection(name)
    if policy is not None:
        assay.policies.choose(target, Policy(policy))
    terminal.line(f"{name!r}: {assay.policies.among([target.id])[target.id].value}")
