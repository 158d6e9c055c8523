"""What people do to collections, and with whom they share them; each of it is logged."""

from app.audit import Actor, AuditLog, Object
from app.errors import AccessDenied, UnknownEntry
from retrieval.access import AccessList
from retrieval.collections import Collections
from retrieval.policies import Policies
from retrieval.types import Access, Collection, Policy, Principal

_WORDS = {
    Access.READ: "read",
    Access.WRITE: "bring documents into, or delete them from,",
    Access.MANAGE: "manage",
}


class Sharing:
    """Checks what somebody may do with a collection, and does it."""

    def __init__(
        self,
        access: AccessList,
        collections: Collections,
        policies: Policies,
        audit: AuditLog,
    ) -> None:
        self._access = access
        self._collections = collections
        self._policies = policies
        self._audit = audit

    def require(self, principal: Principal, number: int, access: Access) -> Collection:
        """The collection of this number, if `principal` may do this with it.

        Raises:
            UnknownEntry: there is none, or it may not even be read: which of them is not said.
            AccessDenied: it may be read, and not this.
        """
        level = self._access.levels(principal).get(number)
        collection = self._collections.find(number) if level is not None else None
        if level is None or collection is None:
            raise UnknownEntry("collection", number)
        if not level.includes(access):
            raise AccessDenied(
                f"you may not {_WORDS[access]} the collection {collection.name!r}; ask who manages "
                "it, or an administrator"
            )
        return collection

    def create(self, actor: Actor, name: str) -> Collection:
        """Make a collection, private to administrators.

        Raises:
            NameTaken, NameUnusable: see `Collections.create`.
        """
        made = self._collections.create(name)
        self._record(actor, "collection.added", made, name=made.name)
        return made

    def rename(self, actor: Actor, collection: Collection, name: str) -> Collection:
        """Give a collection another name.

        Raises:
            NameTaken, NameUnusable: see `Collections.rename`.
        """
        renamed = self._collections.rename(collection, name)
        self._record(
            actor, "collection.renamed", renamed, name=renamed.name, before=collection.name
        )
        return renamed

    def remove_empty(self, actor: Actor, collection: Collection) -> None:
        """Delete a collection in which nothing is.

        Raises:
            CollectionNotEmpty: something is.
        """
        self._collections.remove(collection)
        self._record(actor, "collection.removed", collection, name=collection.name)

    def choose_policy(self, actor: Actor, collection: Collection, policy: Policy) -> None:
        """Say what becomes of sentences that a collection's documents do not support."""
        before = self._policies.among([collection.id])[collection.id]
        self._policies.choose(collection, policy)
        self._record(actor, "policy.chosen", collection, policy=policy.value, before=before.value)

    def grant(
        self, actor: Actor, principal: Principal, collection: Collection, access: Access
    ) -> None:
        """Say what a user or group may do with a collection."""
        self._access.grant(principal, collection, access)
        self._record(
            actor, "grant.given", collection, principal=principal.name, access=access.value
        )

    def revoke(self, actor: Actor, principal: Principal, collection: Collection) -> None:
        """Take a grant away."""
        self._access.revoke(principal, collection)
        self._record(actor, "grant.taken", collection, principal=principal.name)

    def _record(self, actor: Actor, action: str, of: Collection, **details: str) -> None:
        self._audit.record(
            actor, action, Object("collection", of.id), collection_id=of.id, **details
        )
