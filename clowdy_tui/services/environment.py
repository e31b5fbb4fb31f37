"""A project's environment variables: encrypted at rest, a secret shown only to who asks with the right scope."""

from typing import Final

from clowdy_tui.domain import events, names
from clowdy_tui.domain.databases import DATABASE_URL
from clowdy_tui.domain.dotenv import DotenvIn, DotenvOut, read_dotenv, write_dotenv
from clowdy_tui.domain.errors import Conflict, FieldError, InvalidInput, NotFound
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.redaction import MASK
from clowdy_tui.domain.schemas import VariableIn, VariableOut
from clowdy_tui.domain.tables import Variable
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.changes import whole
from clowdy_tui.services.cipher import Cipher
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.moments import moment, now_ms
from clowdy_tui.services.owned import owned_project
from clowdy_tui.store.database import Database, Transaction

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
            Conflict: the name is the project's database's.
        """
        actor.require("write")
        check_variable(wanted)
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            variable = await self._put(transaction, project_id, wanted)
        await self._directory.refresh_project(project_id)
        self._bus.publish(events.VARIABLE_SET, {"project_id": project_id, "key": wanted.key}, owner=project.owner)
        return self._out(variable, reveal=False)

    @whole
    async def import_dotenv(self, actor: Actor, project_id: str, wanted: DotenvIn) -> DotenvOut:
        """Set what a `.env` file holds, all of it or, where a line is wrong, nothing.

        Raises:
            NotFound: no such project.
            InvalidInput: a line is none, or holds what no environment can; each is named.
        """
        actor.require("write")
        found = [
            VariableIn(key=key, value=value, is_secret=wanted.is_secret) for key, value in read_dotenv(wanted.text)
        ]
        _check_all(found)
        done = DotenvOut(set=[], unchanged=[])
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            for one in found:
                before = await transaction.variables.get(project_id, one.key)
                if before is not None and self._has(before, one):
                    done.unchanged.append(one.key)
                else:
                    await self._put(transaction, project_id, one)
                    done.set.append(one.key)
        if done.set:
            await self._directory.refresh_project(project_id)
        for key in done.set:
            self._bus.publish(events.VARIABLE_SET, {"project_id": project_id, "key": key}, owner=project.owner)
        return done

    async def export_dotenv(self, actor: Actor, project_id: str, reveal: bool = False) -> str:
        """All variables as a `.env` file; without `reveal` a secret is a comment that names it. Raises as `list`."""
        variables = await self.list(actor, project_id, reveal=reveal)
        return write_dotenv((one.key, None if one.is_secret and not reveal else one.value) for one in variables)

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

    async def _put(self, transaction: Transaction, project_id: str, wanted: VariableIn) -> Variable:
        now = now_ms()
        if wanted.key == DATABASE_URL and await transaction.databases.get(project_id) is not None:
            raise Conflict(f"{DATABASE_URL} is the project's database's: remove that first, or take another name")
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
        return variable

    def _has(self, variable: Variable, wanted: VariableIn) -> bool:
        return variable.is_secret == wanted.is_secret and self._cipher.decrypt(variable.value_encrypted) == wanted.value

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


def _check_all(variables: list[VariableIn]) -> None:
    faults: list[FieldError] = []
    for variable in variables:
        try:
            check_variable(variable)
        except InvalidInput as error:
            faults.append(FieldError(("text", variable.key[:80]), f"{variable.key[:80]}: {error.detail}", "dotenv"))
    if faults:
        raise InvalidInput("; ".join(fault.msg for fault in faults), errors=tuple(faults))
