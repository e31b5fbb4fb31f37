"""Changes the key that encrypts what is kept, and lets go of the one before."""

import asyncio
from pathlib import Path
from typing import Final

from clowdy_tui.domain.errors import Forbidden, StartError, Unavailable
from clowdy_tui.domain.rotation import Rotated
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.changes import whole
from clowdy_tui.services.cipher import Cipher
from clowdy_tui.store.database import DATABASE_NAME, Database
from clowdy_tui.store.meta import glance, holds_secrets

PROOF: Final = "secret_key_proof"


def check_key(data_dir: Path, path: Path) -> None:
    """Whether a gateway can begin with this key file, found out without making or changing anything.

    Raises:
        StartError: something in the data folder is encrypted, and not with what is in the file.
    """
    database = data_dir / DATABASE_NAME
    proof = glance(database).get(PROOF)
    if proof is not None and holds_secrets(database):
        Cipher.load(path, may_create=False).check(proof)


class RotationService:
    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher
        self._one_at_a_time = asyncio.Lock()

    @whole
    async def rotate(self, actor: Actor) -> Rotated:
        """Make a new key, encrypt every value with it, and take the old keys out of the file.

        Whenever it is broken off, the file holds every key that something is encrypted with.

        Raises:
            Forbidden: the actor does not administer this Clowdy.
            Unavailable: the file cannot be written, or a value is encrypted with a key that is not in it.
        """
        actor.require("write")
        if not actor.administers:
            raise Forbidden("Only who administers this Clowdy can change its key")
        async with self._one_at_a_time:
            try:
                await asyncio.to_thread(self._cipher.add_key)
            except OSError as error:
                reason = error.strerror or error
                raise Unavailable(
                    f"The key file {self._cipher.path} cannot be written: {reason}. Nothing was changed."
                ) from error
            try:
                count = await self._encrypt_anew()
            except StartError as error:
                raise Unavailable(error.detail) from error
            try:
                await self._database.outlive_power_cuts()
                await asyncio.to_thread(self._cipher.drop_old_keys)
            except OSError as error:
                raise Unavailable(
                    f"Everything is encrypted with the new key, and the old one could not be taken out of "
                    f"{self._cipher.path}: {error.strerror or error}. Try again."
                ) from error
        return Rotated(values=count)

    async def _encrypt_anew(self) -> int:
        async with self._database.write() as transaction:
            variables = await transaction.variables.all()
            for variable in variables:
                variable.value_encrypted = self._cipher.anew(variable.value_encrypted)
                await transaction.variables.add(variable)
            databases = await transaction.databases.all()
            for row in databases:
                for name in ("url_encrypted", "admin_encrypted"):
                    if token := getattr(row, name):
                        setattr(row, name, self._cipher.anew(token))
                await transaction.databases.put(row)
            await transaction.meta.set(PROOF, self._cipher.proof())
        return len(variables) + len(databases)
