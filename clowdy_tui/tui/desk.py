"""The files on the desk: what is open, saved, changed elsewhere. Keeps the editor's tabs and the state in step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from clowdy_tui.tui.state import ENTRY_PATH, ScreenState
from clowdy_tui.tui.widgets.editor import Document, EditorTabs

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import FunctionOut


class Desk:
    """What the app's handlers do to the open files."""

    def __init__(self, state: ScreenState, tabs: Callable[[], EditorTabs]) -> None:
        self._state = state
        self._tabs = tabs

    @property
    def active(self) -> Document | None:
        """The file in front."""
        return self._tabs().active

    @property
    def unsaved(self) -> list[Document]:
        return self._tabs().unsaved()

    def text_of(self, document: Document) -> str:
        """The file as it stands in the editor."""
        return self._tabs().text_of(document) or ""

    def documents_of(self, function_id: str) -> list[Document]:
        """A function's open files."""
        return [document for document in self._tabs().documents if document.function_id == function_id]

    def document(self, function_id: str, path: str) -> Document | None:
        """An open file; None where it is not open."""
        return next((document for document in self.documents_of(function_id) if document.path == path), None)

    def open(self, function: FunctionOut, path: str = ENTRY_PATH) -> None:
        """Bring a function's file to the front, opening it where it is not open."""
        self._tabs().open(document_of(function, path))

    def take(self, function: FunctionOut) -> list[Document]:
        """Bring a function's open files up to date; those that have changes of their own come back, only marked."""
        before = self.documents_of(function.id)
        for document in before:
            if has_file(function, document.path):
                self._tabs().refresh_document(document_of(function, document.path))
            elif not self._tabs().is_dirty(document):
                # It was deleted or renamed elsewhere.
                self.close(document)
        return [
            document
            for document in self.documents_of(function.id)
            if document.version != function.active_version and self._tabs().is_dirty(document)
        ]

    def replace(self, function: FunctionOut, path: str) -> None:
        """Put what the gateway has in the place of what was typed; undo brings that back."""
        document = document_of(function, path)
        tabs = self._tabs()
        tabs.open(document)
        if tabs.area is not None:
            tabs.area.replace_text(document.text)
        tabs.mark_saved(function.id, path, document.version, document.text)

    def put(self, function: FunctionOut, path: str, text: str) -> bool:
        """Put a text into a function's file, opened and unsaved; False where it stands there already."""
        document = self.document(function.id, path) or document_of(function, path)
        tabs = self._tabs()
        standing = tabs.text_of(document)
        if text == (document.text if standing is None else standing):
            return False
        tabs.restore(document, text)
        return True

    def mark_saved(self, function: FunctionOut, path: str, text: str) -> None:
        """The file is saved; the function's other open files go on from the same version."""
        self._tabs().mark_saved(function.id, path, function.active_version, text)
        self.take(function)

    def close(self, document: Document) -> None:
        """Close a file, whatever is in it."""
        self._tabs().close(document, force=True)

    def close_clean(self, function_ids: Iterable[str]) -> list[Document]:
        """Close the files of functions that are gone; those with unsaved changes stay open, and come back."""
        kept = []
        for document in [document for id_ in function_ids for document in self.documents_of(id_)]:
            if self._tabs().is_dirty(document):
                kept.append(document)
            else:
                self.close(document)
        return kept

    def note_unsaved(self) -> None:
        """Tell the state which functions have unsaved files."""
        self._state.unsaved = {document.function_id for document in self.unsaved}
        self._state.unsaved_files = {document.key for document in self.unsaved}

    def note_active(self) -> None:
        """Tell the state what is in front."""
        active = self.active
        self._state.open_function = active.function_id if active else None


def has_file(function: FunctionOut, path: str) -> bool:
    """Whether the function's active version has such a file."""
    return path == ENTRY_PATH or path in function.files


def document_of(function: FunctionOut, path: str) -> Document:
    """A function's file as the editor opens it."""
    if path == ENTRY_PATH:
        return Document(function.id, path, f"{function.name}.py", function.code, function.active_version)
    # One that the active version does not have begins empty: saving adds it.
    text = function.files.get(path, "")
    return Document(function.id, path, f"{function.name}/{path}", text, function.active_version)
