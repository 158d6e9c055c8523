"""`assay user` and `assay key`."""

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal
from retrieval.types import Access


@click.group()
def user() -> None:
    """Add users, set passwords, grant access."""


@user.command(epilog="\b\nExample:\n  assay user add maria")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Reads every collection.")
@click.pass_obj
def add(terminal: Terminal, name: str, admin: bool) -> None:  # noqa: FBT001
    """Add a user and print a generated password, once."""
    from app.accounts import generate_password

    assay = open_assay()
    principal = assay.access.add_user(name, is_administrator=admin)
    password = generate_password()
    assay.accounts.set_password(principal, password)
    terminal.line(f"user {name!r} added; the password, shown this once, is: {password}")


@user.command(
    epilog="\b\nExamples:\n  assay user password admin\n  assay user password maria --ask"
)
@click.argument("name")
@click.option("--ask", is_flag=True, help="Ask for the new password instead of generating one.")
@click.pass_obj
def password(terminal: Terminal, name: str, ask: bool) -> None:  # noqa: FBT001
    """Set a new password, print it once, and end the user's sessions."""
    from app.accounts import generate_password

    assay = open_assay()
    principal = assay.access.principal(name)
    if ask:
        new = click.prompt("New password", hide_input=True, confirmation_prompt=True)
        assay.accounts.set_password(principal, new)
        terminal.line(f"the password of {name!r} is set")
        return
    new = generate_password()
    assay.accounts.set_password(principal, new)
    terminal.line(f"the new password of {name!r}, shown this once, is: {new}")


@user.command(
    epilog="\b\nExamples:\n  assay user grant maria contracts\n"
    "  assay user grant maria contracts none"
)
@click.argument("name")
@click.argument("collection")
@click.argument(
    "access",
    type=click.Choice([*(access.value for access in Access), "none"]),
    default=Access.READ.value,
)
@click.pass_obj
def grant(terminal: Terminal, name: str, collection: str, access: str) -> None:
    """Say what a user or group may do with a collection; `none` takes it away."""
    assay = open_assay()
    principal, target = assay.access.principal(name), assay.store.collection(collection)
    if access == "none":
        assay.access.revoke(principal, target)
        terminal.line(f"{name!r} has no grant on {collection!r} any more")
        return
    assay.access.grant(principal, target, Access(access))
    terminal.line(f"{name!r} may {access} {collection!r}")


@click.group()
def key() -> None:
    """Make, list and revoke API keys."""


@key.command(name="list", epilog="\b\nExample:\n  assay key list")
@click.pass_obj
def list_keys(terminal: Terminal) -> None:
    """List API keys: number, owner, name, first characters."""
    for found in open_assay().accounts.list_keys():
        state = "revoked" if found.revoked_at else "in use"
        terminal.line(f"{found.id}  {found.owner}  {found.name}  {found.prefix}…  {state}")


@key.command(epilog="\b\nExample:\n  assay key revoke 3")
@click.argument("number", type=int)
@click.pass_obj
def revoke(terminal: Terminal, number: int) -> None:
    """Make an API key useless from now on."""
    open_assay().accounts.revoke_key(number)
    terminal.line(f"key {number} is revoked")


@key.command(epilog="\b\nExample:\n  assay key create --user maria --name laptop")
@click.option("--user", "owner", default="admin", show_default=True, help="Whose rights it has.")
@click.option("--name", default="key", show_default=True, help="What the list calls it.")
@click.pass_obj
def create(terminal: Terminal, owner: str, name: str) -> None:
    """Make an API key and print it, once."""
    assay = open_assay()
    secret = assay.accounts.create_key(assay.access.principal(owner), name)
    terminal.line(f"the key, shown this once, is: {secret}")
