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

    def __init__(self, lines: list[str], path: Path) -> None:
        self._lines = lines
        self._keys = MultiFernet([Fernet(line) for line in lines])
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
            if not lines:
                raise ValueError("it is empty")
            return cls(lines, path)
        except FileNotFoundError as error:
            raise StartError(
                f"The key file {path} is missing, and this data folder has variables that were encrypted with it. "
                "Put it back from a backup, or name where it is with --secret-key-file. Nothing was changed."
            ) from error
        except OSError as error:
            raise StartError(f"The key file {path} cannot be read: {error.strerror or error}.") from error
        except ValueError as error:
            why = str(error).rstrip(".")
            raise StartError(
                f"The key file {path} holds no valid key: {why}. Put the right file back. Nothing was changed."
            ) from error

    def encrypt(self, text: str) -> bytes:
        return self._keys.encrypt(text.encode())

    def decrypt(self, token: bytes) -> str:
        """Raises StartError where another key encrypted it."""
        try:
            return self._keys.decrypt(token).decode()
        except InvalidToken as error:
            raise self._wrong_key() from error

    def anew(self, token: bytes) -> bytes:
        """The same, encrypted with the first key. Raises StartError where another key encrypted it."""
        try:
            return self._keys.rotate(token)
        except InvalidToken as error:
            raise self._wrong_key() from error

    def add_key(self) -> None:
        """From now on a new key encrypts; the others stay in the file, behind it. Blocks.

        Raises:
            OSError: the file cannot be written; all is as it was.
        """
        self._keep([Fernet.generate_key().decode(), *self._lines])

    def drop_old_keys(self) -> None:
        """Keep the first key alone: nothing may be encrypted with another one any more. Raises as `add_key`."""
        self._keep(self._lines[:1])

    def proof(self) -> str:
        """What to keep so that a later start can tell whether it has the same key."""
        return self._keys.encrypt(_PROOF).decode()

    def check(self, proof: str) -> None:
        """Raises StartError where another key made this proof."""
        try:
            self._keys.decrypt(proof.encode())
        except InvalidToken as error:
            raise self._wrong_key() from error

    def _keep(self, lines: list[str]) -> None:
        _write(self.path.resolve(), lines)
        self._lines = lines
        self._keys = MultiFernet([Fernet(line) for line in lines])

    def _wrong_key(self) -> StartError:
        return StartError(
            f"The variables of this data folder were encrypted with another key than the one in {self.path}. "
            "Put the right key file back, or name it with --secret-key-file. Nothing was changed."
        )


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(path, [Fernet.generate_key().decode()])


def _write(path: Path, lines: list[str]) -> None:
    # Whole or not at all: half a key after a power cut would be a lost one.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        unfinished.unlink(missing_ok=True)
