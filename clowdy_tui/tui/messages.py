"""What workers and widgets tell the app. Workers change nothing themselves: they post one of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message

from clowdy_tui.tui.session import Session
from clowdy_tui.tui.state import Place, Snapshot

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import (
        EventOut,
        FunctionOut,
        Health,
        InvocationDetail,
        InvokeOut,
        Problem,
        ProjectOut,
        RouteOut,
        VersionOut,
    )
    from clowdy_tui.tui.memory.memory import Recalled
    from clowdy_tui.tui.panes.pane import ProjectPane
    from clowdy_tui.tui.widgets.code_area_marks import Problem as CodeProblem
    from clowdy_tui.tui.widgets.editor import Document


@dataclass
class Perform(Message):
    """Somebody asked for an action by its id: a key, a click, the palette, the leader."""

    action_id: str


@dataclass
class SessionEntered(Message):
    session: Session


@dataclass
class SessionFailed(Message):
    problem: str


@dataclass
class RecalledDesk(Message):
    """What the last screen left is read."""

    recalled: Recalled


@dataclass
class Loaded(Message):
    snapshot: Snapshot


@dataclass
class Failed(Message):
    """Something that was asked for in passing did not work; `title` says what, `problem` why."""

    title: str
    problem: str


@dataclass
class Done(Message):
    """Something that was asked for in passing is done; `title` says what, `text` where or how."""

    title: str
    text: str = ""


@dataclass
class GatewayEvent(Message):
    """Something happened at the gateway, or to the connection (`connection.lost`, `connection.restored`)."""

    event: EventOut


@dataclass
class ProjectFetched(Message):
    project: ProjectOut


@dataclass
class FunctionFetched(Message):
    function: FunctionOut
    open: bool = False


@dataclass
class RoutesFetched(Message):
    project_id: str
    routes: list[RouteOut]


@dataclass
class PaneChose(Message):
    """The cursor of a pane in the centre is on something else; actions mean that from now on."""

    pane: ProjectPane
    place: Place


@dataclass
class PaneStale(Message):
    """A pane of the centre wants its data anew."""

    pane: ProjectPane


@dataclass
class PaneFetched(Message):
    """The data of the pane with this key, or the `problem` that kept it from coming."""

    key: tuple[str, str]
    data: Any
    problem: str | None = None


@dataclass
class HealthFetched(Message):
    health: Health
    warm: int


@dataclass
class Gone(Message):
    """A project or a function is no more, here or at the gateway."""

    project_id: str | None = None
    function_id: str | None = None


@dataclass
class Saved(Message):
    """`text` of the file `path` is in the function's active version now."""

    function: FunctionOut
    path: str
    text: str
    made_version: bool


@dataclass
class SaveRefused(Message):
    """Somebody else saved since (`problem` has the diff): what was typed stays, the person decides."""

    function_id: str
    path: str
    text: str
    problem: Problem


@dataclass
class SaveFailed(Message):
    function_id: str
    path: str
    problem: str


@dataclass
class RunFinished(Message):
    function_id: str
    result: InvokeOut


@dataclass
class RunFailed(Message):
    function_id: str
    problem: str


@dataclass
class CallFetched(Message):
    call: InvocationDetail


@dataclass
class PlaceChanged(Message):
    """The tree's cursor is on something else."""

    place: Place


@dataclass
class PlaceChosen(Message):
    """Enter or a click on something in the tree."""

    place: Place


@dataclass
class Reveal(Message):
    """Show a place in the tree and put the cursor on it."""

    place: Place


@dataclass
class TakeTheirs(Message):
    """What was typed into the file `path` gives way to what the gateway has."""

    function: FunctionOut
    path: str


@dataclass
class OpenFile(Message):
    """Bring a function's file to the front."""

    function_id: str
    path: str


@dataclass
class EditedElsewhere(Message):
    """What the person's own editor has made of a file."""

    document: Document
    text: str


@dataclass
class NamesFound(Message):
    """Names (and where each is from) that fit `prefix`, typed at that revision; `asked` for by a key."""

    document: Document
    revision: int
    names: list[tuple[str, str]]
    prefix: str
    asked: bool


@dataclass
class RestoreVersion(Message):
    """A version's files are wanted in the editor, unsaved."""

    function_id: str
    version: VersionOut


@dataclass
class Checked(Message):
    """What is wrong with a file, as its text stood at that revision."""

    document: Document
    revision: int
    problems: list[CodeProblem]


@dataclass
class CheckFailed(Message):
    problem: str


@dataclass
class Tidied(Message):
    """How a file looks tidied, as its text stood at that revision."""

    document: Document
    revision: int
    text: str


@dataclass
class CloseFile(Message):
    """Close a file, whatever is in it."""

    function_id: str
    path: str
