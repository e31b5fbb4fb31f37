"""Where to write the lines of the log that are shown."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from clowdy_tui.tui.screens.dialog import Field, FormDialog, Unfit, Values
from clowdy_tui.tui.text import count
from clowdy_tui.tui.widgets.literal_input import LiteralInput


class SaveLog(FormDialog[str]):
    """Asks for a path. Dismisses with a sentence that says what lies where.

    A file that is there already is named first, and replaced when it is asked for once more.
    """

    heading = "Save the log"
    verb = "Save"
    working = "Writing …"

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(self._write)
        self._lines = lines
        self._warned: str | None = None

    def fields(self) -> Iterable[Field]:
        name = f"~/clowdy-{datetime.now().astimezone():%Y%m%d-%H%M%S}.log"
        yield Field(
            "path", f"File, for {count(len(self._lines), 'line')}", LiteralInput(value=name, select_on_focus=False)
        )

    async def _write(self, values: Values) -> str:
        typed = values["path"].strip()
        if not typed:
            raise Unfit("path", "Name a file")
        known, self._warned = self._warned, typed
        try:
            path = await asyncio.to_thread(_write, typed, self._lines, replace=typed == known)
        except FileExistsError as error:
            raise Unfit("path", f"{typed} is there already; {self.key('field.done')} once more replaces it") from error
        except (OSError, ValueError, RuntimeError) as error:
            raise Unfit("path", f"{typed} cannot be written: {getattr(error, 'strerror', None) or error}") from error
        return f"{count(len(self._lines), 'line')} in {path}"


def _write(typed: str, lines: Sequence[str], *, replace: bool) -> Path:
    path = Path(typed).expanduser()
    if path.is_dir():
        raise ValueError("it is a folder; name a file in it")
    with path.open("w" if replace else "x", encoding="utf-8", errors="replace") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path
