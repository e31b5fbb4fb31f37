"""Variables at rest: encrypted with a key that lies beside the database, or wherever the owner keeps it."""

import os
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from clowdy_tui.domain.errors import StartError

KEY_NAME: Final = "secret.key"
_PROOF: Final = b"clowdy"


class Cipher:
    """Encrypts and decrypts. A key file may hold several keys, one a line: the first encrypts, all decrypt."""

    def __init__(self, keys: MultiFernet, path: Path) -> None:
        self._keys = keys
        self.path = path

    @classmethod
    def load(cls, path: Path, *, may_create: bool) -> "Cipher":
        """Read the key file, or make it where that is allowed: where nothing is encrypted with a lost one yet.

        Raises:
            StartError: it is missing, cannot be read, or holds no key. Nothing is written then.
        """
        try:
            if may_create and not path.exists():
                _create(path)
            text = path.read_text("ascii")
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            keys = [Fernet(line) for line in lines]
            if not keys:
                raise ValueError("it is empty")
        except FileNotFoundError as error:
            raise StartError(
                f"The key file {path} is missing, and this data folder has variables that were encrypted with it. "
                "Put it back from a backup, or name where it is with --secret-key-file. Nothing was changed."
            ) from error
        except OSError as error:
            raise StartError(f"The key file {path} cannot be read: {error.strerror or error}.") from error
        except ValueError as error:
            raise StartError(
                f"The key file {path} holds no valid key: {error}. Put the right file back. Nothing was changed."
            ) from error
        return cls(MultiFernet(keys), path)

    def encrypt(self, text: str) -> bytes:
        return self._keys.encrypt(text.encode())

    def decrypt(self, token: bytes) -> str:
        """Raises StartError where another key encrypted it."""
        try:
            return self._keys.decrypt(token).decode()
        except InvalidToken as error:
            raise self._wrong_key() from error

    def proof(self) -> str:
        """What to keep so that a later start can tell whether it has the same key."""
        return self._keys.encrypt(_PROOF).decode()

    def check(self, proof: str) -> None:
        """Raises StartError where another key made this proof."""
        try:
            self._keys.decrypt(proof.encode())
        except InvalidToken as error:
            raise self._wrong_key() from error

    def _wrong_key(self) -> StartError:
        return StartError(
            f"The variables of this data folder were encrypted with another key than the one in {self.path}. "
            "Put the right key file back, or name it with --secret-key-file. Nothing was changed."
        )


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Whole or not at all: half a key after a power cut would be a lost one.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
