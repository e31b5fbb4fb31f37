"""What the actions of the editor do. Whether they may be done was looked at before."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from clowdy_tui.tui.editing.checking import next_problem
from clowdy_tui.tui.editing.external import edit_elsewhere
from clowdy_tui.tui.editing.files import new_file
from clowdy_tui.tui.screens.go_to_line import GoToLine, Location
from clowdy_tui.tui.versions.flow import show_versions
from clowdy_tui.tui.widgets.code_area import CodeArea

if TYPE_CHECKING:
    from clowdy_tui.tui.app import ClowdyApp

Command = Callable[["ClowdyApp"], None]


def _in_text(act: Callable[[CodeArea], None]) -> Command:
    """Something that is done in the text in front, which gets the focus."""

    def command(app: "ClowdyApp") -> None:
        if area := app.workbench.tabs.area:
            app.workbench.go("editor")
            act(area)

    return command


def _go_to_line(app: "ClowdyApp") -> None:
    area = app.workbench.tabs.area
    if area is None:
        return
    before = area.selection

    def show(location: Location) -> None:
        area.move_cursor(location, center=True)

    def end(location: Location | None) -> None:
        if location is None:
            area.selection = before
        area.focus()

    app.push_screen(GoToLine(lines=area.document.line_count, line=area.line, show=show), end)


def _versions(app: "ClowdyApp") -> None:
    if function := app.state.target:
        app.start_flow(show_versions, function)


def _complete(app: "ClowdyApp") -> None:
    app.workbench.go("editor")
    app.completing.now(asked=True)


def _external(app: "ClowdyApp") -> None:
    if document := app.workbench.tabs.active:
        app.start_flow(edit_elsewhere, document)


def _new_file(app: "ClowdyApp") -> None:
    if function := app.state.target:
        app.start_flow(new_file, function)


def _format(app: "ClowdyApp") -> None:
    if document := app.workbench.tabs.active:
        app.checking.format(document)


EDITOR_COMMANDS: Mapping[str, Command] = {
    "editor.find": lambda app: app.workbench.tabs.find(),
    "editor.replace": lambda app: app.workbench.tabs.find(replace=True),
    "editor.line": _go_to_line,
    "editor.comment": _in_text(lambda area: area.action_toggle_comment()),
    "editor.format": _format,
    "editor.problem": next_problem,
    "editor.complete": _complete,
    "editor.external": _external,
    "file.new": _new_file,
    "function.versions": _versions,
    "editor.undo": _in_text(lambda area: area.action_undo()),
    "editor.redo": _in_text(lambda area: area.action_redo()),
}
