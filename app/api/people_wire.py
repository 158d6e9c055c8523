"""People, keys, collections, grants and the audit log as JSON. Secrets only where they are made."""

from datetime import datetime
from typing import Any, TypedDict

from app.audit import Entry
from app.keys import ApiKey
from app.people import Group, User
from app.sessions import Session
from retrieval.access import Grant
from retrieval.collections import CollectionSize
from retrieval.types import Access


class MeJson(TypedDict):
    """Who asks. `viewed_by` is the administrator who looks through these eyes, if one does."""

    id: int
    name: str
    is_administrator: bool
    viewed_by: str | None


class SessionJson(TypedDict):
    """A session that goes on. `agent` is what the browser says it is."""

    id: int
    created_at: str
    last_seen_at: str
    expires_at: str
    agent: str
    is_this_one: bool


class KeyJson(TypedDict):
    """An API key without its text."""

    id: int
    name: str
    prefix: str
    owner: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class UserJson(TypedDict):
    """A user as administrators see one."""

    id: int
    name: str
    is_administrator: bool
    created_at: str
    disabled_at: str | None
    last_seen_at: str | None
    groups: list[str]


class GroupJson(TypedDict):
    """A group with the names of its members."""

    id: int
    name: str
    created_at: str
    members: list[str]


class CollectionJson(TypedDict):
    """A collection and what whoever asks may do with it."""

    id: int
    name: str
    access: str
    documents: int
    passages: int


class GrantJson(TypedDict):
    """What a user or group was granted."""

    principal: str
    kind: str
    access: str


class EntryJson(TypedDict):
    """An entry of the audit log. `details` are names, numbers and counts."""

    id: int
    at: str
    actor: str
    actor_id: int | None
    viewed_as: str | None
    key: int | None
    action: str
    object: str | None
    object_id: int | None
    collection: int | None
    request: str | None
    details: dict[str, Any]


def session_json(session: Session, *, this_one: int | None) -> SessionJson:
    """A session; `this_one` is the number of the one that asks."""
    return {
        "id": session.id,
        "created_at": _moment(session.created_at),
        "last_seen_at": _moment(session.last_seen_at),
        "expires_at": _moment(session.expires_at),
        "agent": session.agent,
        "is_this_one": session.id == this_one,
    }


def key_json(key: ApiKey) -> KeyJson:
    """A key."""
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "owner": key.owner,
        "scopes": sorted(scope.value for scope in key.scopes),
        "created_at": _moment(key.created_at),
        "expires_at": _moment_or_none(key.expires_at),
        "last_used_at": _moment_or_none(key.last_used_at),
        "revoked_at": _moment_or_none(key.revoked_at),
    }


def user_json(user: User) -> UserJson:
    """A user."""
    return {
        "id": user.principal.id,
        "name": user.principal.name,
        "is_administrator": user.principal.is_administrator,
        "created_at": _moment(user.created_at),
        "disabled_at": _moment_or_none(user.disabled_at),
        "last_seen_at": _moment_or_none(user.last_seen_at),
        "groups": list(user.groups),
    }


def group_json(group: Group) -> GroupJson:
    """A group."""
    return {
        "id": group.principal.id,
        "name": group.principal.name,
        "created_at": _moment(group.created_at),
        "members": list(group.members),
    }


def collection_json(size: CollectionSize, access: Access) -> CollectionJson:
    """A collection, for somebody who may do this with it."""
    return {
        "id": size.collection.id,
        "name": size.collection.name,
        "access": access.value,
        "documents": size.documents,
        "passages": size.passages,
    }


def grant_json(grant: Grant) -> GrantJson:
    """A grant on a collection."""
    return {
        "principal": grant.principal.name,
        "kind": "group" if grant.is_group else "user",
        "access": grant.access.value,
    }


def entry_json(entry: Entry) -> EntryJson:
    """An entry of the log."""
    return {
        "id": entry.id,
        "at": _moment(entry.at),
        "actor": entry.actor.name,
        "actor_id": entry.actor.id,
        "viewed_as": entry.actor.viewed_as,
        "key": entry.actor.key_id,
        "action": entry.action,
        "object": None if entry.object is None else entry.object.kind,
        "object_id": None if entry.object is None else entry.object.id,
        "collection": entry.collection_id,
        "request": entry.actor.request,
        "details": dict(entry.details),
    }


def _moment(at: datetime) -> str:
    return f"{at.isoformat(timespec='seconds')}Z"


def _moment_or_none(at: datetime | None) -> str | None:
    return None if at is None else _moment(at)
