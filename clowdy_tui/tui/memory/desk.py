"""From the desk to what is kept of it, and back."""

from collections.abc import Callable, Sequence
from dataclasses import astuple
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from textual.widgets.text_area import Selection

from clowdy_tui.tui.desk import document_of, has_file
from clowdy_tui.tui.memory.drafts import Draft
from clowdy_tui.tui.memory.layout import Layout, OpenFile
from clowdy_tui.tui.memory.memory import Recalled, Unsaved
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.state import Place, ScreenState
from clowdy_tui.tui.widgets.code_area import CodeArea
from clowdy_tui.tui.widgets.dock import DockTab
from clowdy_tui.tui.widgets.editor import Document

if TYPE_CHECKING:
    from clowdy_tui.tui.screens.workbench import Workbench


def unsaved(workbench: "Workbench") -> Sequence[Unsaved]:
    """The files with unsaved changes."""
    found = []
    for document in workbench.tabs.unsaved():
        area = workbench.tabs.area_of(document)
        if area is not None:
            stamp = (id(area.document), area.document.revision, document.version)
            found.append(Unsaved(document.key, stamp, partial(_draft, document, area)))
    return found


def layout(workbench: "Workbench", state: ScreenState) -> Layout:
    """The desk as it is."""
    tabs = workbench.tabs
    files = []
    for document in tabs.documents:
        area = tabs.area_of(document)
        if area is not None:
            start, end = area.selection
            files.append(OpenFile(*document.key, start, end, round(area.scroll_offset.y)))
    return Layout(
        files=tuple(files),
        panes=tuple(pane.key for pane in tabs.panes),
        active=tabs.front,
        region=state.region,
        dock=workbench.dock.shown,
        classes=workbench.panes,
        folds=tuple((astuple(place), opened) for place, opened in workbench.project_tree.folds.items()),
    )


def restore(
    workbench: "Workbench", state: ScreenState, recalled: Recalled, open_pane: Callable[[Place], None]
) -> list[Draft]:
    """Lay the desk out as it was left. Drafts come back as unsaved files; those that differ from what is saved return.

    A file whose function or path is gone is not opened, unless it has a draft; nor is the pane of a project that is
    gone. `open_pane` opens one, without the focus.
    """
    tabs, kept = workbench.tabs, recalled.layout
    if kept == Layout() and not recalled.drafts:
        return []
    unsaved_before = {document.key for document in tabs.unsaved()}
    drafts = {draft.key: draft for draft in recalled.drafts}
    for file in kept.files:
        if file.key not in drafts:
            function = state.functions.get(file.function_id)
            if function is None or not has_file(function, file.path):
                continue
            document = document_of(function, file.path)
            tabs.open(document, focus=False)
        else:
            document = _reopen(workbench, state, drafts.pop(file.key))
        area = tabs.area_of(document)
        if area is not None:
            area.selection = Selection(file.anchor, file.cursor)
            area.call_after_refresh(area.scroll_to, None, file.top, animate=False, force=True)
    for draft in drafts.values():
        document = _reopen(workbench, state, draft)
        area = tabs.area_of(document)
        if area is not None:
            area.move_cursor((draft.row, draft.column))
    for kind, project_id in kept.panes:
        if kind in PANES and (project_id in state.projects if project_id else not PANES[kind].in_tree):
            open_pane(Place(PANES[kind].id, project_id or None))
    tabs.show(kept.active)
    if kept.folds:
        lengths = len(astuple(Place()))
        folds: Any = kept.folds
        workbench.project_tree.fold({Place(*place): opened for place, opened in folds if len(place) == lengths})
    workbench.set_panes(kept.classes)
    for tab in get_args(DockTab):
        if tab == kept.dock:
            workbench.show_dock(tab)
    if tabs.front is not None:
        workbench.show_editor(True)
    workbench.go("editor" if drafts else kept.region if tabs.front is not None else "tree")
    unsaved_now = {document.key for document in tabs.unsaved()} - unsaved_before
    return [draft for draft in recalled.drafts if draft.key in unsaved_now]


def _draft(document: Document, area: CodeArea) -> Draft:
    row, column = area.cursor_location
    return Draft(
        *document.key,
        name=document.name,
        version=document.version,
        base=document.text,
        text=area.text,
        row=row,
        column=column,
    )


def _reopen(workbench: "Workbench", state: ScreenState, draft: Draft) -> Document:
    document = Document(draft.function_id, draft.path, draft.name, draft.base, draft.version)
    workbench.tabs.restore(document, draft.text)
    function = state.functions.get(draft.function_id)
    if function is not None and has_file(function, draft.path):
        # Somebody may have saved since: that is marked now, and asked about when it is saved.
        workbench.tabs.refresh_document(document_of(function, draft.path))
    return document
