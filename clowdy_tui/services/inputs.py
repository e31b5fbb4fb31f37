"""Functions' saved inputs: kept with the function, so that every screen and the command line have the same ones."""

import json

from clowdy_tui.domain.errors import Conflict, InvalidInput, NotFound
from clowdy_tui.domain.schemas.inputs import MAX_INPUT_BYTES, MAX_INPUTS, SavedInputIn, SavedInputOut
from clowdy_tui.domain.tables import SavedInput
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.changes import whole
from clowdy_tui.services.moments import moment, now_ms
from clowdy_tui.services.owned import owned_function
from clowdy_tui.store.database import Database


class SavedInputService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, actor: Actor, function_id: str) -> list[SavedInputOut]:
        """By name. Raises NotFound."""
        actor.require("read")
        async with self._database.read() as transaction:
            await owned_function(transaction, actor, function_id)
            saved = await transaction.inputs.of_function(function_id)
        return [_out(one) for one in saved]

    @whole
    async def set(self, actor: Actor, function_id: str, wanted: SavedInputIn) -> SavedInputOut:
        """Keep an input under a name; one that is there gets this content.

        Raises:
            NotFound: no such function.
            InvalidInput: it is too large.
            Conflict: the function has as many as there can be.
        """
        actor.require("write")
        text = json.dumps(wanted.input, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) > MAX_INPUT_BYTES:
            raise InvalidInput.of("input", f"must not be over {MAX_INPUT_BYTES // 1024} KiB", kind="input_too_large")
        now = now_ms()
        async with self._database.write() as transaction:
            await owned_function(transaction, actor, function_id)
            saved = await transaction.inputs.get(function_id, wanted.name)
            if saved is None:
                if len(await transaction.inputs.of_function(function_id)) >= MAX_INPUTS:
                    raise Conflict(f"The function has {MAX_INPUTS} saved inputs already, the most there can be")
                saved = SavedInput(
                    function_id=function_id, name=wanted.name, input=text, created_at=now, updated_at=now
                )
            saved.input, saved.updated_at = text, now
            await transaction.inputs.add(saved)
        return _out(saved)

    @whole
    async def delete(self, actor: Actor, function_id: str, name: str) -> None:
        """Raises NotFound."""
        actor.require("write")
        async with self._database.write() as transaction:
            await owned_function(transaction, actor, function_id)
            if await transaction.inputs.get(function_id, name) is None:
                raise NotFound("Saved input not found")
            await transaction.inputs.delete(function_id, name)


def _out(saved: SavedInput) -> SavedInputOut:
    return SavedInputOut(
        name=saved.name,
        input=json.loads(saved.input),
        created_at=moment(saved.created_at),
        updated_at=moment(saved.updated_at),
    )
