"""The person's own editor: the screen steps aside for it, and takes over what it has written."""

import asyncio
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from textual.app import SuspendNotSupported

from clowdy_tui.tui import messages
from clowdy_tui.tui.widgets.editor import Document

if TYPE_CHECKING:
    from clowdy_tui.tui.app import ClowdyApp

FALLBACKS: Final = ("sensible-editor", "nano", "vim", "vi")
_TAKE_A_LINE: Final = {"vi", "vim", "nvim", "nano", "emacs", "emacsclient", "kak", "micro", "joe", "ne"}
"""Editors that go to a line where `+12` comes before the file."""


def find_editor() -> list[str]:
    """The command of `$VISUAL`, else `$EDITOR`, else of an editor that is usually there; empty where none is.

    Raises:
        ValueError: a quotation mark in one of them has no other.
    """
    for variable in ("VISUAL", "EDITOR"):
        said = os.environ.get(variable, "")
        try:
            command = shlex.split(said)
        except ValueError as error:
            raise ValueError(f"${variable} is {said}, and that is no command: {error}") from error
        if command:
            return command
    return next(([name] for name in FALLBACKS if shutil.which(name)), [])


async def edit_elsewhere(app: "ClowdyApp", document: Document) -> None:
    """Let the person's editor have the file; what it saved comes back as unsaved changes, one undo takes it back.

    The loop goes on meanwhile, and with it a gateway that lives in the screen.
    """
    area = app.workbench.tabs.area_of(document)
    if area is None:
        return
    try:
        command = find_editor()
    except ValueError as error:
        app.tell("There is no editor", str(error), severity="warning")
        return
    if not command:
        app.tell("There is no editor", "Set $EDITOR to the one that you like.", severity="warning")
        return
    text, line = area.text, area.line
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="clowdy-edit-"))
    try:
        path = folder / PurePosixPath(document.name).name
        await asyncio.to_thread(path.write_bytes, text.encode("utf-8", "replace"))
        place = [f"+{line}"] if Path(command[0]).name in _TAKE_A_LINE else []
        problem = await _run(app, [*command, *place, str(path)])
        if problem:
            app.tell(f"{document.name} stays as it is", problem, severity="warning")
            return
        written = (await asyncio.to_thread(path.read_bytes)).decode("utf-8", "replace")
    except OSError as error:
        app.tell(f"{document.name} stays as it is", str(error), severity="error")
        return
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    if written == text:
        app.tell("Nothing was changed")
    else:
        app.post_message(messages.EditedElsewhere(document, written))


async def _run(app: "ClowdyApp", command: list[str]) -> str:
    """Run it in the terminal; why what it wrote is not to be taken, or an empty text."""
    try:
        # Nothing is painted while another program has the terminal.
        with app.suspend(), app.batch_update(), _deaf_to_its_keys():
            # Nothing may be raised in here: the terminal would not be taken back.
            try:
                process = await asyncio.create_subprocess_exec(*command)
            except OSError as error:
                return f"{command[0]} does not start: {error.strerror or error}"
            code = await process.wait()
    except SuspendNotSupported:
        return "This terminal cannot be handed to another program."
    finally:
        app.refresh(layout=True)
    return "" if code == 0 else f"{Path(command[0]).name} ended with {code}."


@contextmanager
def _deaf_to_its_keys() -> Iterator[None]:
    """The terminal sends ctrl+c to everybody in it; meant is the editor."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        # Not ignored, for that would be inherited by the editor.
        loop.add_signal_handler(number, lambda: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
