"""From the list of versions to what is done with one."""

from typing import TYPE_CHECKING

from clowdy_tui.client import ApiError, GatewayGone
from clowdy_tui.domain.schemas import FunctionOut, VersionOut
from clowdy_tui.tui import messages
from clowdy_tui.tui.state import ENTRY_PATH
from clowdy_tui.tui.text import count
from clowdy_tui.tui.versions.diffing import Bundle, bundle_of
from clowdy_tui.tui.versions.screen import Chosen, VersionsScreen

if TYPE_CHECKING:
    from clowdy_tui.tui.app import ClowdyApp
    from clowdy_tui.tui.core import Core


async def show_versions(app: "ClowdyApp", function: FunctionOut) -> None:
    """Show a function's versions, and do what is chosen."""
    screen = VersionsScreen(function, _in_editor(app, function))
    chosen = app.push_screen(screen, wait_for_dismiss=True)
    try:
        versions = await app.client.functions.versions(function.id)
    except (ApiError, GatewayGone) as error:
        # Once it is shown: an answer may come before.
        screen.call_after_refresh(screen.fail, str(error))
    else:
        screen.call_after_refresh(screen.take, versions)
    match await chosen:
        case Chosen("activate", version):
            await _activate(app, function, version)
        case Chosen("restore", version):
            app.post_message(messages.RestoreVersion(function.id, version))


NOT_SAVED = "Not saved yet: {function.save} makes a new version of it, {text.undo} brings back what stood there."


async def _activate(app: "ClowdyApp", function: FunctionOut, version: VersionOut) -> None:
    try:
        changed = await app.client.functions.activate(function.id, version.version)
    except (ApiError, GatewayGone) as error:
        problem = f"Version {function.active_version} of {function.name} stays the active one"
        app.post_message(messages.Failed(problem, str(error)))
    else:
        app.post_message(messages.FunctionFetched(changed))
        said = f"Version {function.active_version} stays; activating it takes this back."
        app.tell(f"{function.name} answers with version {version.version} now", said)


def restore(app: "Core", function: FunctionOut, version: VersionOut) -> None:
    """Put a version's files into the editor, unsaved: those that differ from what stands there."""
    wanted = bundle_of(version)
    changed = [path for path, text in wanted.items() if app.desk.put(function, path, text)]
    # The entry, or the first that changed, is what one wants to see.
    if changed:
        app.desk.open(function, ENTRY_PATH if ENTRY_PATH in changed else changed[0])
        app.workbench.show_editor(True)
        app.workbench.go("editor")
    extra = sorted(function.files.keys() - wanted.keys())
    note = f"It has no {', '.join(extra)}; delete that in the tree where it shall go." if extra else ""
    if changed:
        said = f"{count(len(changed), 'file')} as in version {version.version}"
        app.tell(said, note or app.keymap.say(NOT_SAVED))
    else:
        app.tell(f"The editor shows version {version.version} already", note)


def _in_editor(app: "ClowdyApp", function: FunctionOut) -> Bundle | None:
    """The function's files as they stand in the editor; None where none of them has unsaved changes."""
    open_ = {document.path: app.desk.text_of(document) for document in app.desk.documents_of(function.id)}
    if function.id not in app.state.unsaved:
        return None
    return {ENTRY_PATH: function.code, **function.files, **open_}
