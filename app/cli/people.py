"""`assay user`, `assay group` and `assay key`."""

from typing import TYPE_CHECKING

import click

from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option
from app.errors import CommandFailed
from app.scopes import LEAST, Scope, scopes_text
from retrieval.types import Access

if TYPE_CHECKING:
    from app.settings import Settings


@click.group()
def user() -> None:
    """Add, list, disable and remove users, set passwords, grant access."""


@user.command(epilog="\b\nExample:\n  assay user add maria")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Administers, and reads every collection.")
@click.pass_obj
def add(terminal: Terminal, name: str, admin: bool) -> None:  # noqa: FBT001
    """Add a user and print a generated password, once."""
    from app.audit import COMMAND_LINE

    added = open_assay().administration.add_user(COMMAND_LINE, name, is_administrator=admin)
    terminal.line(f"user {name!r} added; the password, shown this once, is: {added.password}")


@user.command(name="list", epilog="\b\nExample:\n  assay user list")
@json_option
@click.pass_obj
def list_users(terminal: Terminal) -> None:
    """List users: name, what they are, groups."""
    from app.api.people_wire import user_json

    users = open_assay().people.users()
    if terminal.is_json:
        terminal.result({"users": [user_json(found) for found in users]})
        return
    for found in users:
        words = ["administrator" if found.principal.is_administrator else "reader"]
        words += ["disabled"] if found.disabled_at else []
        groups = f"  groups: {', '.join(found.groups)}" if found.groups else ""
        terminal.line(f"{found.principal.name}  {', '.join(words)}{groups}")


@user.command(
    epilog="\b\nExamples:\n  assay user password admin\n  assay user password maria --ask"
)
@click.argument("name")
@click.option("--ask", is_flag=True, help="Ask for the new password instead of generating one.")
@click.pass_obj
def password(terminal: Terminal, name: str, ask: bool) -> None:  # noqa: FBT001
    """Set a new password, print it once, and end the user's sessions."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    principal = assay.access.principal(name)
    if ask:
        new = click.prompt("New password", hide_input=True, confirmation_prompt=True)
        assay.administration.new_password(COMMAND_LINE, principal, new)
        terminal.line(f"the password of {name!r} is set")
        return
    new = assay.administration.new_password(COMMAND_LINE, principal)
    terminal.line(f"the new password of {name!r}, shown this once, is: {new}")


@user.command(epilog="\b\nExample:\n  assay user login admin")
@click.argument("name")
@click.pass_obj
def login(terminal: Terminal, name: str) -> None:
    """Print a link that logs a user in once, without a password, within 15 minutes."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    token = assay.own_account.make_login_link(COMMAND_LINE, assay.people.named("user", name))
    terminal.line(f"{assay.settings.address}/login/once/{token}")
    terminal.note("it is good for once, within 15 minutes, while `assay serve` runs")


@user.command(epilog="\b\nExample:\n  assay user tie maria 248289761001")
@click.argument("name")
@click.argument("subject")
@click.pass_obj
def tie(terminal: Terminal, name: str, subject: str) -> None:
    """Have whom the provider knows as SUBJECT log in as a user."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    assay.administration.tie(
        COMMAND_LINE, assay.people.named("user", name), _issuer(assay.settings), subject
    )
    terminal.line(f"{subject!r} logs in as {name!r}")


@user.command(epilog="\b\nExample:\n  assay user untie maria")
@click.argument("name")
@click.pass_obj
def untie(terminal: Terminal, name: str) -> None:
    """Have nobody at a provider log in as a user any more; sessions end."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    gone = assay.administration.untie(COMMAND_LINE, assay.people.named("user", name))
    terminal.line(f"{name!r} is tied to nobody at a provider; {gone} could log in so until now")


def _issuer(settings: "Settings") -> str:
    if settings.provider is None:
        raise CommandFailed("there is no provider to log in at; set ASSAY_OIDC_ISSUER first")
    return settings.provider.issuer


@user.command(epilog="\b\nExamples:\n  assay user admin maria\n  assay user admin maria --no")
@click.argument("name")
@click.option("--no", "is_taken", is_flag=True, help="Make the user a reader again.")
@click.pass_obj
def admin(terminal: Terminal, name: str, is_taken: bool) -> None:  # noqa: FBT001
    """Make a user an administrator, or not one any more."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    found = assay.people.named("user", name)
    assay.administration.set_administrator(COMMAND_LINE, found, is_administrator=not is_taken)
    what = "no administrator any more" if is_taken else "an administrator"
    terminal.line(f"{name!r} is {what}")


@user.command(epilog="\b\nExample:\n  assay user disable maria")
@click.argument("name")
@click.pass_obj
def disable(terminal: Terminal, name: str) -> None:
    """Let a user neither log in nor read; sessions end, and keys are of no use."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    assay.administration.disable(COMMAND_LINE, assay.people.named("user", name))
    terminal.line(f"{name!r} is disabled; `assay user enable` lets the user in again")


@user.command(epilog="\b\nExample:\n  assay user enable maria")
@click.argument("name")
@click.pass_obj
def enable(terminal: Terminal, name: str) -> None:
    """Let a user in again."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    assay.administration.enable(COMMAND_LINE, assay.people.named("user", name))
    terminal.line(f"{name!r} may log in")


@user.command(epilog="\b\nExample:\n  assay user remove maria")
@click.argument("name")
@click.pass_obj
def remove(terminal: Terminal, name: str) -> None:
    """Delete a user with grants, sessions and keys; the audit log stays."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    assay.administration.remove_user(COMMAND_LINE, assay.people.named("user", name))
    terminal.line(f"user {name!r} is removed")


@user.command(
    epilog="\b\nExamples:\n  assay user grant maria contracts\n"
    "  assay user grant legal contracts write\n  assay user grant maria contracts none"
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
    from app.audit import COMMAND_LINE

    assay = open_assay()
    principal, target = assay.access.principal(name), assay.store.collection(collection)
    if access == "none":
        assay.sharing.revoke(COMMAND_LINE, principal, target)
        terminal.line(f"{name!r} has no grant on {collection!r} any more")
        return
    assay.sharing.grant(COMMAND_LINE, principal, target, Access(access))
    terminal.line(f"{name!r} may {access} {collection!r}")


@click.group()
def group() -> None:
    """Make groups, list them, say who belongs to them."""


@group.command(name="add", epilog="\b\nExample:\n  assay group add legal")
@click.argument("name")
@click.pass_obj
def add_group(terminal: Terminal, name: str) -> None:
    """Make a group; `assay user grant` grants to it, and so to its members."""
    from app.audit import COMMAND_LINE

    open_assay().administration.add_group(COMMAND_LINE, name)
    terminal.line(f"group {name!r} added")


@group.command(name="list", epilog="\b\nExample:\n  assay group list")
@json_option
@click.pass_obj
def list_groups(terminal: Terminal) -> None:
    """List groups with their members."""
    from app.api.people_wire import group_json

    groups = open_assay().people.groups()
    if terminal.is_json:
        terminal.result({"groups": [group_json(found) for found in groups]})
        return
    for found in groups:
        terminal.line(f"{found.principal.name}  {', '.join(found.members) or 'nobody'}")


@group.command(name="remove", epilog="\b\nExample:\n  assay group remove legal")
@click.argument("name")
@click.pass_obj
def remove_group(terminal: Terminal, name: str) -> None:
    """Delete a group; its members lose what they had through it."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    assay.administration.remove_group(COMMAND_LINE, assay.people.named("group", name))
    terminal.line(f"group {name!r} is removed")


@group.command(epilog="\b\nExample:\n  assay group join legal maria")
@click.argument("name")
@click.argument("member")
@click.pass_obj
def join(terminal: Terminal, name: str, member: str) -> None:
    """Make a user a member of a group."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    people = assay.people
    assay.administration.join(
        COMMAND_LINE, people.named("user", member), people.named("group", name)
    )
    terminal.line(f"{member!r} belongs to {name!r}")


@group.command(epilog="\b\nExample:\n  assay group leave legal maria")
@click.argument("name")
@click.argument("member")
@click.pass_obj
def leave(terminal: Terminal, name: str, member: str) -> None:
    """End a membership."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    people = assay.people
    assay.administration.leave(
        COMMAND_LINE, people.named("user", member), people.named("group", name)
    )
    terminal.line(f"{member!r} does not belong to {name!r} any more")


@click.group()
def key() -> None:
    """Make, list and revoke API keys."""


@key.command(name="list", epilog="\b\nExample:\n  assay key list")
@click.pass_obj
def list_keys(terminal: Terminal) -> None:
    """List API keys: number, owner, name, first characters, scopes."""
    for found in open_assay().accounts.keys.all():
        state = "revoked" if found.revoked_at else "in use"
        if found.expires_at is not None and not found.revoked_at:
            state = f"until {found.expires_at:%Y-%m-%d %H:%M}"
        terminal.line(
            f"{found.id}  {found.owner}  {found.name}  {found.prefix}…  "
            f"{scopes_text(found.scopes)}  {state}"
        )


@key.command(epilog="\b\nExample:\n  assay key revoke 3")
@click.argument("number", type=int)
@click.pass_obj
def revoke(terminal: Terminal, number: int) -> None:
    """Make an API key useless from now on."""
    from app.audit import COMMAND_LINE, Object

    assay = open_assay()
    assay.accounts.keys.revoke(number)
    assay.audit.record(COMMAND_LINE, "key.revoked", Object("key", number))
    terminal.line(f"key {number} is revoked")


@key.command(
    epilog="\b\nExamples:\n  assay key create --user maria --name laptop\n"
    "  assay key create --user maria --scope read --scope write --days 90"
)
@click.option("--user", "owner", default="admin", show_default=True, help="Whose rights it has.")
@click.option("--name", default="key", show_default=True, help="What the list calls it.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    default=[scope.value for scope in LEAST],
    show_default=True,
    help="What it may be used for; may be given several times.",
)
@click.option("--days", type=int, help="After how many it expires  [default: never]")
@click.pass_obj
def create(
    terminal: Terminal, owner: str, name: str, scopes: tuple[str, ...], days: int | None
) -> None:
    """Make an API key and print it, once."""
    from app.audit import COMMAND_LINE

    assay = open_assay()
    secret = assay.own_account.create_key(
        COMMAND_LINE,
        assay.access.principal(owner),
        name,
        frozenset(Scope(scope) for scope in scopes),
        days,
    )
    terminal.line(f"the key, shown this once, is: {secret}")
