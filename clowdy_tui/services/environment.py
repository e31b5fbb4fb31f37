"""A project's environment variables: encrypted at rest, a secret shown only to who asks with the right scope."""

from typing import Final

from clowdy_tui.domain import events, names
from clowdy_tui.domain.errors import InvalidInput, NotFound
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.schemas import VariableIn, VariableOut
from clowdy_tui.domain.tables import Variable
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.changes import whole
from clowdy_tui.services.cipher import Cipher
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.moments import moment, now_ms
from clowdy_tui.services.owned import owned_project
from clowdy_tui.store.database import Database

MASK: Final = "****"
MAX_KEY_LENGTH: Final = 255
MAX_VALUE_BYTES: Final = 64 * 1024
MAX_VARIABLES: Final = 500


class EnvironmentService:
    def __init__(self, database: Database, directory: Directory, bus: EventBus, cipher: Cipher) -> None:
        self._database = database
        self._directory = directory
        self._bus = bus
        self._cipher = cipher

    async def list(self, actor: Actor, project_id: str, reveal: bool = False) -> list[VariableOut]:
        """By key; a secret's value reads `****` unless `reveal`.

        Raises:
            Forbidden: `reveal` without the scope of that name.
            NotFound: no such project.
        """
        actor.require("read")
        if reveal:
            actor.require("reveal")
        async with self._database.read() as transaction:
            await owned_project(transaction, actor, project_id)
            variables = await transaction.variables.of_project(project_id)
        return [self._out(variable, reveal=reveal) for variable in variables]

    @whole
    async def set(self, actor: Actor, project_id: str, wanted: VariableIn) -> VariableOut:
        """Make or replace a variable; in effect with the next call.

        Raises:
            NotFound: no such project.
            InvalidInput: a key or value that no environment can hold.
        """
        actor.require("write")
        check_variable(wanted)
        now = now_ms()
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            variable = await transaction.variables.get(project_id, wanted.key)
            encrypted = self._cipher.encrypt(wanted.value)
            if variable is None:
                if len(await transaction.variables.of_project(project_id)) >= MAX_VARIABLES:
                    raise InvalidInput.of(
                        "key", f"the project has {MAX_VARIABLES} variables already, the most there can be"
                    )
                variable = Variable(
                    id=names.new_id(),
                    project_id=project_id,
                    key=wanted.key,
                    value_encrypted=encrypted,
                    created_at=now,
                    updated_at=now,
                )
            variable.value_encrypted = encrypted
            variable.is_secret = wanted.is_secret
            variable.updated_at = now
            await transaction.variables.add(variable)
        await self._directory.refresh_project(project_id)
        self._bus.publish(events.VARIABLE_SET, {"project_id": project_id, "key": wanted.key}, owner=project.owner)
        return self._out(variable, reveal=False)

    @whole
    async def delete(self, actor: Actor, project_id: str, key: str) -> None:
        """Raises NotFound."""
        actor.require("write")
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            variable = await transaction.variables.get(project_id, key)
            if variable is None:
                raise NotFound("Variable not found")
            await transaction.variables.delete(variable.id)
        await self._directory.refresh_project(project_id)
        self._bus.publish(events.VARIABLE_DELETED, {"project_id": project_id, "key": key}, owner=project.owner)

    def _out(self, variable: Variable, *, reveal: bool) -> VariableOut:
        hidden = variable.is_secret and not reveal
        return VariableOut(
            id=variable.id,
            key=variable.key,
            value=MASK if hidden else self._cipher.decrypt(variable.value_encrypted),
            is_secret=variable.is_secret,
            created_at=moment(variable.created_at),
            updated_at=moment(variable.updated_at),
        )


def check_variable(wanted: VariableIn) -> None:
    """Raises InvalidInput for a key or value that no environment can hold."""
    if not names.IDENTIFIER.match(wanted.key) or len(wanted.key) > MAX_KEY_LENGTH:
        raise InvalidInput.of("key", "must be letters, digits and _, not beginning with a digit", kind="variable_key")
    if "\0" in wanted.value:
        raise InvalidInput.of("value", "must not hold a zero byte", kind="variable_value")
    if len(wanted.value.encode()) > MAX_VALUE_BYTES:
        raise InvalidInput.of("value", f"must not be over {MAX_VALUE_BYTES // 1024} KiB", kind="variable_value")
