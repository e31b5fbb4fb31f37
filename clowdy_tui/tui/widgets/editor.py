"""The editor pane: open files as tabs, which of them are unsaved, and a line that says where one is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static, TextArea

from clowdy_tui.tui.binding import say
from clowdy_tui.tui.widgets.code_area import CodeArea
from clowdy_tui.tui.widgets.editor_overlays import EditorOverlays
from clowdy_tui.tui.widgets.editor_status import EditorStatus
from clowdy_tui.tui.widgets.highlight import language_of
from clowdy_tui.tui.widgets.tabs import Tab, TabBar

if TYPE_CHECKING:
    from clowdy_tui.tui.panes.pane import ProjectPane
    from clowdy_tui.tui.widgets.code_area_marks import Problem

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Document:
    """One file of a function, as the gateway has it: `text` is that of `version`. `name` is what its tab reads."""

    function_id: str
    path: str
    name: str
    text: str
    version: int
    language: str = ""

    @property
    def key(self) -> Key:
        """What tells it from other files."""
        return self.function_id, self.path


@dataclass(slots=True)
class _Open:
    document: Document
    area: CodeArea
    saved: list[str]
    dirty: bool = False
    elsewhere: int | None = None


class EditorTabs(EditorOverlays):
    """Open files, and panes as tabs after them. Holds texts and marks; saving, asking and fetching is done by whoever
    gets its messages.

    `ssh`: no blinking cursor.
    """

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")

    @dataclass
    class SaveRequested(Message):
        """Somebody wants `text` to be the next version of `document`."""

        document: Document
        text: str

    @dataclass
    class DirtyChanged(Message):
        """A file has unsaved changes, or no longer has."""

        document: Document
        dirty: bool

    @dataclass
    class TextChanged(Message):
        """Something was typed into a file."""

        document: Document

        def can_replace(self, message: Message) -> bool:
            """One is as good as several."""
            return isinstance(message, EditorTabs.TextChanged) and message.document == self.document

    @dataclass
    class CursorMoved(Message):
        """Where the cursor of the active file is; both from 1, the column in characters."""

        line: int
        column: int

    @dataclass
    class ActiveChanged(Message):
        """Another file is in front, or none: a pane, or nothing at all."""

        document: Document | None

    @dataclass
    class CloseRequested(Message):
        """A file with unsaved changes is to be closed. `close(document, force=True)` does it."""

        document: Document

    def __init__(self, *, ssh: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._blink = not ssh
        self._ready = False
        self._waiting: list[tuple[Document, bool]] = []
        self._files: dict[Key, _Open] = {}
        self._panes: dict[Key, ProjectPane] = {}
        self._active: Key | None = None
        self.heading: Widget | None = None
        """The text area or pane that was given the focus, until it has it."""

    def compose(self) -> ComposeResult:
        """Tabs, the text area of each file of which one is shown, and the line beneath."""
        yield TabBar()
        with Vertical(id="areas"):
            yield Static(
                say(self, "No file is open.\n\nChoose a function in the tree ({pane.tree}) and press {Tree.open}."),
                id="empty",
                markup=False,
            )
        yield EditorStatus()

    def on_mount(self) -> None:
        """Open what was asked for before there was a screen."""
        self._ready = True
        self._show()
        for document, focus in self._waiting:
            self.open(document, focus=focus)
        self._waiting.clear()

    @property
    def active(self) -> Document | None:
        """The file in front."""
        return self._files[self._active].document if self._active in self._files else None

    @property
    def front(self) -> Key | None:
        """The key of the file or pane in front; None where nothing is open."""
        return self._active

    @property
    def area(self) -> CodeArea | None:
        """The text area in front."""
        return self._files[self._active].area if self._active in self._files else None

    @property
    def pane(self) -> ProjectPane | None:
        """The pane in front."""
        return self._panes.get(self._active) if self._active else None

    @property
    def in_front(self) -> Widget | None:
        """The text area or the pane in front."""
        return self.pane or self.area

    @property
    def panes(self) -> list[ProjectPane]:
        """All open panes, in the order of their tabs."""
        return list(self._panes.values())

    @property
    def documents(self) -> list[Document]:
        """All open files, in the order of their tabs."""
        return [file.document for file in self._files.values()]

    def area_of(self, document: Document) -> CodeArea | None:
        """The file's text area; None where it is not open."""
        file = self._files.get(document.key)
        return file.area if file else None

    def text_of(self, document: Document) -> str | None:
        """The file's text as it stands in the editor; None where it is not open."""
        area = self.area_of(document)
        return area.text if area else None

    def is_dirty(self, document: Document) -> bool:
        """Whether the file is open and has unsaved changes."""
        file = self._files.get(document.key)
        return file is not None and file.dirty

    def unsaved(self) -> list[Document]:
        """The files with unsaved changes."""
        return [file.document for file in self._files.values() if file.dirty]

    def open(self, document: Document, *, focus: bool = True) -> None:
        """Bring a file to the front, opened if it is not; an open one keeps its text and is brought up to date."""
        if not self._ready:
            self._waiting.append((document, focus))
            return
        file = self._files.get(document.key)
        if file is None:
            language = document.language or language_of(document.path)
            area = CodeArea(document.text, language=language, blink=self._blink)
            file = self._files[document.key] = _Open(document, area, list(area.document.lines))
            self.query_one("#areas").mount(area)
        else:
            self.refresh_document(document)
        self._activate(document.key)
        if focus:
            self.heading = file.area
            file.area.focus()

    def restore(self, document: Document, text: str) -> None:
        """Open a file with a text that was typed over the document's; undo takes it back to that."""
        self.open(document, focus=False)
        file = self._files[document.key]
        file.area.replace_text(text)
        self._compare(file)

    def open_pane(self, pane: ProjectPane, *, focus: bool = True) -> None:
        """Bring a pane to the front, as a tab after the files; one with the same key stays where it is open."""
        shown = self._panes.setdefault(pane.key, pane)
        if not shown.is_attached:
            self.query_one("#areas").mount(shown)
        self._activate(pane.key)
        if focus:
            self.heading = shown
            shown.call_after_refresh(shown.take_focus)

    def close_pane(self, pane: ProjectPane) -> None:
        """Close a pane; what is beside it comes to the front."""
        if self._panes.get(pane.key) is not pane:
            return
        keys = self._keys()
        place = keys.index(pane.key)
        had_focus = pane.has_focus_within
        del self._panes[pane.key]
        keys.remove(pane.key)
        if self._active == pane.key:
            self._activate(keys[min(place, len(keys) - 1)] if keys else None)
            if had_focus:
                self.focus_front()
        else:
            self._draw()
        pane.remove()

    def focus_front(self) -> bool:
        """Give what is in front the focus; False where nothing is open."""
        self.heading = self.in_front
        if self.pane is not None and not self.pane.is_mounted:
            self.pane.call_after_refresh(self.pane.take_focus)
        elif self.pane is not None:
            self.pane.take_focus()
        elif self.area is not None:
            self.area.focus()
        else:
            return False
        return True

    def close(self, document: Document | None = None, *, force: bool = False) -> bool:
        """Close a file (the active one if none is named). One with unsaved changes asks first: False, and a message."""
        document = document or self.active
        if document is None or document.key not in self._files:
            return True
        file = self._files[document.key]
        if file.dirty and not force:
            self.post_message(self.CloseRequested(file.document))
            return False
        keys = self._keys()
        place = keys.index(document.key)
        had_focus = file.area.has_focus
        del self._files[document.key]
        file.area.remove()
        if self._active == document.key:
            keys.remove(document.key)
            self._activate(keys[min(place, len(keys) - 1)] if keys else None)
            if had_focus:
                self.focus_front()
        else:
            self._draw()
        return True

    def show(self, key: Key | None) -> None:
        """Bring an open file or pane to the front, without the focus; one that is not open is passed over."""
        if key in self._keys():
            self._activate(key)

    def redraw_panes(self) -> None:
        """Draw the state anew in the pane in front, and the names of all."""
        if self.pane is not None:
            self.pane.draw()
        self._draw()

    def next(self) -> None:
        """Go to the tab on the right, round about."""
        self._step(1)

    def previous(self) -> None:
        """Go to the tab on the left, round about."""
        self._step(-1)

    def show_problems(self, document: Document, problems: Sequence[Problem]) -> None:
        """Mark what is wrong in an open file, and say it where the cursor is on it."""
        if area := self.area_of(document):
            area.show_problems(problems)
            self._draw()

    def request_save(self) -> None:
        """Ask for the active file to be saved."""
        if self._active in self._files:
            file = self._files[self._active]
            self.post_message(self.SaveRequested(file.document, file.area.text))

    def mark_saved(self, function_id: str, path: str, version: int, text: str) -> None:
        """`text` is now version `version`. What was typed since then stays unsaved."""
        file = self._files.get((function_id, path))
        if file is None:
            return
        file.document = replace(file.document, version=version, text=text)
        file.elsewhere = None
        self._set_saved(file, text)

    def refresh_document(self, document: Document) -> None:
        """The gateway has this now. A clean file follows and keeps its cursor; a dirty one is marked as changed."""
        file = self._files.get(document.key)
        if file is None:
            return
        if file.dirty and document.text not in (file.document.text, file.area.text):
            file.elsewhere = document.version
            self._draw()
            return
        if not file.dirty and document.text != file.area.text:
            file.area.replace_text(document.text)
        file.document = document
        self._set_saved(file, document.text)

    def _set_saved(self, file: _Open, text: str) -> None:
        file.saved = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._compare(file)
        self._draw()

    def _compare(self, file: _Open) -> None:
        dirty = file.area.document.lines != file.saved
        if dirty != file.dirty:
            file.dirty = dirty
            self.post_message(self.DirtyChanged(file.document, dirty))
            self._draw()

    def _step(self, by: int) -> None:
        if self._active:
            keys = self._keys()
            self._activate(keys[(keys.index(self._active) + by) % len(keys)])
            self.focus_front()

    def _keys(self) -> list[Key]:
        return [*self._files, *self._panes]

    def _activate(self, key: Key | None) -> None:
        changed = key != self._active
        self._active = key
        self._show()
        if self.pane is not None:
            self.pane.draw()
        if changed:
            self.post_message(self.ActiveChanged(self.active))

    def _show(self) -> None:
        for key, file in self._files.items():
            file.area.display = key == self._active
        for key, pane in self._panes.items():
            pane.display = key == self._active
        if self._ready:
            self.query_one("#empty").display = self._active is None
            self._draw()

    def _draw(self) -> None:
        if not self._ready:
            return
        bar = self.query_one(TabBar)
        bar.set_tabs(list(self._tabs()), self._active)
        bar.display = bool(self._keys())
        status = self.query_one(EditorStatus)
        status.display = self._active in self._files
        self._follow()
        if self._active in self._files:
            file = self._files[self._active]
            status.show(
                language=file.area.code_language.title,
                version=file.document.version,
                dirty=file.dirty,
                elsewhere=file.elsewhere,
                line=file.area.line,
                column=file.area.column,
                problem=file.area.marks.problem_at(file.area.line - 1),
                problems=len(file.area.marks.problems),
            )

    def _tabs(self) -> Iterator[Tab]:
        names = [file.document.name for file in self._files.values()]
        for key, file in self._files.items():
            document = file.document
            label = document.name
            if names.count(label) > 1 and document.path != label:
                label = f"{label} · {document.path}"
            yield Tab(key, label, file.dirty, file.elsewhere is not None)
        for key, pane in self._panes.items():
            yield Tab(key, pane.label)

    def _file_of(self, area: TextArea) -> _Open | None:
        return next((file for file in self._files.values() if file.area is area), None)

    @on(TextArea.Changed)
    def _text_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        file = self._file_of(event.text_area)
        if file is not None:
            self._compare(file)
            if file.area is self.area:
                self._search_again()
            self.post_message(self.TextChanged(file.document))

    @on(TextArea.SelectionChanged)
    def _cursor_moved(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        if event.text_area is self.area:
            self._draw()
            self.post_message(self.CursorMoved(self.area.line, self.area.column))

    @on(TabBar.Chosen)
    def _tab_chosen(self, event: TabBar.Chosen) -> None:
        event.stop()
        for file in list(self._files.values()):
            if file.document.key == event.key:
                self._activate(file.document.key)
                file.area.focus()
        for pane in self.panes:
            if pane.key == event.key:
                self.open_pane(pane)

    @on(TabBar.CloseChosen)
    def _close_chosen(self, event: TabBar.CloseChosen) -> None:
        event.stop()
        for file in list(self._files.values()):
            if file.document.key == event.key:
                self.close(file.document)
        for pane in self.panes:
            if pane.key == event.key:
                self.close_pane(pane)
