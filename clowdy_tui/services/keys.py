"""A project's API keys: what its clients show at routes with `auth: api_key`. Made, listed, taken back."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

from clowdy_tui.domain import events, names
from clowdy_tui.domain.errors import Conflict, NotFound
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.schemas import KeyCreated, KeyIn, KeyOut
from clowdy_tui.domain.tables import ApiKey, Project
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.changes import whole
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.moments import moment, now_ms
from clowdy_tui.services.owned import owned_project
from clowdy_tui.store.database import Database

PREFIX: Final = "clowdy_key_"
# Each is compared with at a call.
MOST_KEYS: Final = 100


class KeyService:
    def __init__(self, database: Database, directory: Directory, bus: EventBus) -> None:
        self._database = database
        self._directory = directory
        self._bus = bus

    async def list(self, actor: Actor, project_id: str) -> list[KeyOut]:
        """Newest first. Raises NotFound."""
        actor.require("read")
        async with self._database.read() as transaction:
            await owned_project(transaction, actor, project_id)
            keys = await transaction.keys.of_project(project_id)
        return [_out(key) for key in keys]

    @whole
    async def create(self, actor: Actor, project_id: str, wanted: KeyIn) -> KeyCreated:
        """Make a key; this answer is the only one that holds it.

        Raises:
            NotFound: no such project.
            Conflict: the project has as many keys as there can be.
        """
        actor.require("write")
        secret = PREFIX + secrets.token_urlsafe(32)
        key = ApiKey(
            id=names.new_id(), project_id=project_id, name=wanted.name, hash=hash_key(secret), created_at=now_ms()
        )
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            if len(await transaction.keys.of_project(project_id)) >= MOST_KEYS:
                raise Conflict(f"The project has {MOST_KEYS} keys already, the most there can be")
            await transaction.keys.add(key)
        await self._changed(events.KEY_CREATED, project, key.id)
        return KeyCreated(**_out(key).model_dump(), key=secret)

    @whole
    async def delete(self, actor: Actor, project_id: str, key_id: str) -> None:
        """Take a key back, at once. Raises NotFound."""
        actor.require("write")
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            key = await transaction.keys.get(key_id)
            if key is None or key.project_id != project_id:
                raise NotFound("Key not found")
            await transaction.keys.delete(key_id)
        await self._changed(events.KEY_DELETED, project, key_id)

    async def _changed(self, event: str, project: Project, key_id: str) -> None:
        await self._directory.refresh_project(project.id)
        self._bus.publish(event, {"project_id": project.id, "key_id": key_id}, owner=project.owner)


def hash_key(secret: str) -> str:
    """What is kept of a key. It has 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def is_among(secret: str, hashes: Iterable[str]) -> bool:
    """Whether a key is one of those with these hashes. Takes as long for one that is nearly right as for any other."""
    shown = hash_key(secret)
    return sum([hmac.compare_digest(shown, kept) for kept in hashes]) > 0


def _out(key: ApiKey) -> KeyOut:
    return KeyOut(id=key.id, name=key.name, created_at=moment(key.created_at))
