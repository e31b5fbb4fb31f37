"""The files beside a function's entry: made, renamed and deleted, each as a new version."""

from typing import TYPE_CHECKING

from clowdy_tui.client import ApiError, GatewayGone
from clowdy_tui.domain.schemas import FunctionOut, FunctionPatch
from clowdy_tui.tui import messages
from clowdy_tui.tui.screens.confirm import ask_delete
from clowdy_tui.tui.screens.dialog import Unfit, Values
from clowdy_tui.tui.screens.file_form import FileForm, path_fault
from clowdy_tui.tui.widgets.highlight import language_of

if TYPE_CHECKING:
    from clowdy_tui.tui.app import ClowdyApp

_BEGINNINGS = {"json": "{}\n"}
"""What a new file holds at first: where nothing is no text of the language, a little."""


async def new_file(app: "ClowdyApp", function: FunctionOut) -> None:
    """A new file, opened afterwards."""
    made = ""

    async def create(values: Values) -> FunctionOut:
        nonlocal made
        made = values["path"].strip()
        _check_path(function, made)
        text = _BEGINNINGS.get(language_of(made), "")
        return await _put(app, function, {**_current(app, function).files, made: text}, f"new file {made}")

    changed = await app.push_screen_wait(FileForm(create, function))
    if changed is not None:
        app.post_message(messages.FunctionFetched(changed))
        app.post_message(messages.OpenFile(function.id, made))


async def rename_file(app: "ClowdyApp", function: FunctionOut, path: str) -> None:
    """Another path for a file; where it is open, it stays so."""
    document = app.desk.document(function.id, path)
    if document is not None and app.workbench.tabs.is_dirty(document):
        app.tell(f"{path} is not saved", app.keymap.say("Save it first ({function.save}); then it can be renamed."),
                 severity="warning")  # fmt: skip
        return
    to = ""

    async def rename(values: Values) -> FunctionOut:
        nonlocal to
        to = values["path"].strip()
        if to == path:
            return _current(app, function)
        _check_path(function, to)
        files = dict(_current(app, function).files)
        files[to] = files.pop(path)
        return await _put(app, function, files, f"{path} is now {to}")

    changed = await app.push_screen_wait(FileForm(rename, function, path))
    if changed is not None and to != path:
        app.post_message(messages.CloseFile(function.id, path))
        app.post_message(messages.FunctionFetched(changed))
        if document is not None:
            app.post_message(messages.OpenFile(function.id, to))


async def delete_file(app: "ClowdyApp", function: FunctionOut, path: str) -> None:
    """Delete a file; earlier versions keep it."""
    document = app.desk.document(function.id, path)
    goes = ["what imports it does not find it any more"]
    if document is not None and app.workbench.tabs.is_dirty(document):
        goes.append("what was typed into it and not saved")
    kept = f"Version {function.active_version} keeps it."
    if await app.push_screen_wait(ask_delete("file", path, *goes, remark=kept)) != "delete":
        return
    files = {name: text for name, text in _current(app, function).files.items() if name != path}
    try:
        changed = await _put(app, function, files, f"{path} deleted")
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed(f"{path} is still there", str(error)))
    else:
        app.post_message(messages.CloseFile(function.id, path))
        app.post_message(messages.FunctionFetched(changed))
        app.tell(f"{path} is deleted", kept)


def _current(app: "ClowdyApp", function: FunctionOut) -> FunctionOut:
    return app.state.functions.get(function.id, function)


def _check_path(function: FunctionOut, path: str) -> None:
    if not path:
        raise Unfit("path", "must be given")
    if fault := path_fault(function, path):
        raise Unfit("path", fault)


async def _put(app: "ClowdyApp", function: FunctionOut, files: dict[str, str], message: str) -> FunctionOut:
    base = _current(app, function).active_version
    changes = FunctionPatch(files=files, base_version=base, message=message)
    return await app.client.functions.update(function.id, changes)
