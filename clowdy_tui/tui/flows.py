"""What takes more than one step: ask in a dialog, do it at the gateway, say what came of it.

Each runs in a worker; it shows dialogs and posts messages, and changes nothing itself.
"""

from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.message import Message

from clowdy_tui.client import ApiError, GatewayGone
from clowdy_tui.domain.schemas import (
    FunctionIn,
    FunctionOut,
    FunctionPatch,
    ProjectGone,
    ProjectOut,
    RouteIn,
    RouteOut,
    RoutePatch,
)
from clowdy_tui.tui import messages, work
from clowdy_tui.tui.screens.confirm import Choice, DeleteByName, Question, ask_delete
from clowdy_tui.tui.screens.conflict import ConflictDialog
from clowdy_tui.tui.screens.dialog import Values
from clowdy_tui.tui.screens.forms import NO_PROJECT, FunctionForm, ProjectForm, RouteForm
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.text import count, visible
from clowdy_tui.tui.widgets.editor import Document

if TYPE_CHECKING:
    from clowdy_tui.tui.app import ClowdyApp

LISTED = 4

TEMPLATE = '''\
def handler(event, context):
    """Answers with what it was given."""
    print("called with", event)
    return {"you sent": event}
'''


async def new_project(app: "ClowdyApp") -> ProjectOut | None:
    """A new project, chosen in the tree afterwards."""

    async def create(values: Values) -> ProjectOut:
        return await app.client.projects.create(values["name"], values["description"])

    project = await app.push_screen_wait(ProjectForm(create))
    if project is not None:
        app.post_message(messages.ProjectFetched(project))
        app.post_message(messages.Reveal(Place("project", project.id)))
    return project


async def new_function(app: "ClowdyApp", code: str = TEMPLATE) -> FunctionOut | None:
    """A new function, from a template unless its code is there already, opened afterwards."""

    async def create(values: Values) -> FunctionOut:
        project_id = None if values["project_id"] == NO_PROJECT else values["project_id"]
        function = FunctionIn(name=values["name"], description=values["description"], code=code, project_id=project_id)
        return await app.client.functions.create(function)

    projects = app.state.projects_by_name()
    chosen = app.state.project
    if not projects:
        chosen = await new_project(app)
        if chosen is None:
            return None
        projects = [chosen]
    form = FunctionForm(create, projects=projects, project_id=chosen.id if chosen else None)
    function = await app.push_screen_wait(form)
    if function is not None:
        app.post_message(messages.FunctionFetched(function, open=True))
    return function


async def save_deleted(app: "ClowdyApp", document: Document, text: str) -> None:
    """The file's function was deleted elsewhere: what was typed becomes a new one, if the person wants that."""
    if await new_function(app, text) is not None:
        app.post_message(messages.CloseFile(document.function_id, document.path))


async def new_route(app: "ClowdyApp", project: ProjectOut, function_id: str | None) -> None:
    """A new route of a project, to `function_id` unless another is chosen."""

    async def create(values: Values) -> RouteOut:
        return await app.client.routes.create(project.id, RouteIn.model_validate(dict(values)))

    functions = app.state.functions_of(project.id)
    form = RouteForm(create, slug=project.slug, functions=functions, function_id=function_id)
    route = await app.push_screen_wait(form)
    if route is not None:
        _show_route(app, project, route)
        copy = app.keymap.say("Copy it as curl with {route.copy} in the tree", "tree")
        app.tell(f"{route.method} {route.path} answers now", copy)


async def edit_route(app: "ClowdyApp", project: ProjectOut, route: RouteOut) -> None:
    async def update(values: Values) -> RouteOut:
        return await app.client.routes.update(project.id, route.id, RoutePatch.model_validate(dict(values)))

    form = RouteForm(update, slug=project.slug, functions=app.state.functions_of(project.id), route=route)
    changed = await app.push_screen_wait(form)
    if changed is not None:
        _show_route(app, project, changed)


async def edit_project(app: "ClowdyApp", project: ProjectOut) -> None:
    async def update(values: Values) -> ProjectOut:
        return await app.client.projects.update(project.id, **values)

    changed = await app.push_screen_wait(ProjectForm(update, project))
    if changed is not None:
        app.post_message(messages.ProjectFetched(changed))


async def edit_function(app: "ClowdyApp", function: FunctionOut) -> None:
    async def update(values: Values) -> FunctionOut:
        return await app.client.functions.update(function.id, FunctionPatch.model_validate(dict(values)))

    changed = await app.push_screen_wait(FunctionForm(update, function=function))
    if changed is not None:
        app.post_message(messages.FunctionFetched(changed))


async def delete_project(app: "ClowdyApp", project: ProjectOut) -> None:
    functions = app.state.functions_of(project.id)
    routes = app.state.routes.get(project.id, [])
    goes = [count(len(functions), "function") + " with every version", count(len(routes), "route"), "its variables"]
    if project.has_database:
        goes.append("its database with all data")
    if await app.push_screen_wait(DeleteByName("project", project.name, *goes)) == "delete":
        await _delete(app, project.name, app.client.projects.delete(project.id), messages.Gone(project_id=project.id))


async def delete_function(app: "ClowdyApp", function: FunctionOut) -> None:
    routes = app.state.routes_to(function.id)
    goes = [count(function.active_version, "version"), "its log of calls"]
    goes += _some([f"the route {route.method} {route.path}" for route in routes], "route")
    if await app.push_screen_wait(ask_delete("function", function.name, *goes)) == "delete":
        gone = messages.Gone(function_id=function.id)
        await _delete(app, function.name, app.client.functions.delete(function.id), gone)


async def delete_route(app: "ClowdyApp", project: ProjectOut, route: RouteOut) -> None:
    name = f"{route.method} {route.path}"
    goes = [f"calls of {route.url} are answered with 404", f"{route.function_name} itself stays"]
    if await app.push_screen_wait(ask_delete("route", name, *goes)) == "delete":
        left = [other for other in app.state.routes.get(project.id, []) if other.id != route.id]
        gone = messages.RoutesFetched(project.id, left)
        await _delete(app, name, app.client.routes.delete(project.id, route.id), gone)


def _some(lines: list[str], kind: str) -> list[str]:
    """As many of these as stand in a dialog of a low terminal, and how many more there are."""
    more = len(lines) - LISTED
    return [*lines[:LISTED], f"{count(more, f'more {kind}')}"] if more > 1 else lines


async def ask_unsaved(app: "ClowdyApp", names: list[str], leaving: str, *, drafts: bool = False) -> str | None:
    """What to do about unsaved files: `save`, `keep` (as drafts, where offered), `discard`, or None."""
    body = Content.assemble(
        (count(len(names), "file") + " not saved:\n", ""),
        *((f"\n- {visible(name)}", "bold") for name in _some(names, "file")),
    )
    choices = [Choice("save", "Save all" if len(names) > 1 else "Save", "s", "main"),
               *([Choice("keep", "Keep as draft", "k")] if drafts else []),
               Choice("discard", "Discard", "d", "danger")]  # fmt: skip
    return await app.push_screen_wait(Question(leaving, body, choices))


async def ask_gateway(app: "ClowdyApp") -> str | None:
    """What becomes of the gateway that this screen hosts: `stop`, `leave`, or None to stay."""
    body = Content.assemble(
        "The gateway runs inside this screen.\n",
        ("Stopped, no function answers any more. In the background, all go on answering.", "$muted"),
    )
    choices = [Choice("stop", "Stop it", "s", "danger"), Choice("leave", "Leave it running", "l", "main")]
    return await app.push_screen_wait(Question("Quit", body, choices))


async def save_all(app: "ClowdyApp", documents: list[Document]) -> bool:
    """Save files one after the other; False where one was not saved, and then it was said why."""
    fresh: dict[str, FunctionOut] = {}
    for document in documents:
        function = fresh.get(document.function_id) or app.state.functions.get(document.function_id)
        if function is None:
            continue
        # Of one function's files the second goes on top of the version that the first has made.
        base = function.active_version if function.id in fresh else document.version
        text = app.desk.text_of(document)
        outcome: list[Message] = []
        await work.save(app.client, outcome.append, function, document.path, text, base_version=base)
        saved = outcome[0]
        app.post_message(saved)
        if not isinstance(saved, messages.Saved):
            return False
        fresh[function.id] = saved.function
    return True


async def close_unsaved(app: "ClowdyApp", document: Document) -> None:
    """Close a file with unsaved changes: save them, drop them, or stay."""
    answer = await ask_unsaved(app, [document.name], "Close")
    if answer == "discard" or (answer == "save" and await save_all(app, [document])):
        app.post_message(messages.CloseFile(document.function_id, document.path))


async def settle_conflict(app: "ClowdyApp", document: Document, refused: messages.SaveRefused) -> None:
    """Somebody else saved first: show what they changed, and do what the person says."""
    extra = refused.problem.model_extra or {}
    name = document.name
    active = int(extra.get("active_version") or 0)
    dialog = ConflictDialog(name, base_version=document.version, active_version=active, diff=str(extra.get("diff", "")))
    answer = await app.push_screen_wait(dialog)
    if answer == "overwrite":
        app.save(document, refused.text, active)
        return
    try:
        theirs = await app.client.functions.get(document.function_id)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed(f"What others saved of {name} could not be loaded", str(error)))
        return
    if answer == "take":
        app.post_message(messages.TakeTheirs(theirs, refused.path))
    else:
        app.post_message(messages.FunctionFetched(theirs))


async def leave(app: "ClowdyApp") -> None:
    """Quit, unless something unsaved or the gateway that runs in here makes the person stay."""
    unsaved = app.desk.unsaved
    answer: str | None = "save"
    if unsaved:
        drafts = app.options.state_dir is not None
        answer = await ask_unsaved(app, [document.name for document in unsaved], "Quit", drafts=drafts)
        if answer is None or (answer == "save" and not await save_all(app, unsaved)):
            return
    discard = answer != "keep"
    session = app.state.session
    if session is not None and session.hosted and session.detach is not None:
        fate = await ask_gateway(app)
        if fate is not None:
            _end(app, detach=fate == "leave", discard=discard)
    else:
        _end(app, detach=False, discard=discard)


def _end(app: "ClowdyApp", *, detach: bool, discard: bool) -> None:
    if discard:
        app.remembering.forget_drafts()
    app.end(detach=detach)


async def _delete(app: "ClowdyApp", name: str, deleting: Any, gone: messages.Gone | messages.RoutesFetched) -> None:
    try:
        done = await deleting
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed(f"{name} is still there", str(error)))
    else:
        app.post_message(gone)
        left = done.left if isinstance(done, ProjectGone) else []
        app.tell(f"{name} is deleted", "\n".join(left), severity="warning" if left else "information")


def _show_route(app: "ClowdyApp", project: ProjectOut, route: RouteOut) -> None:
    others = [other for other in app.state.routes.get(project.id, []) if other.id != route.id]
    routes = sorted([*others, route], key=lambda route: (route.path, route.method))
    app.post_message(messages.RoutesFetched(project.id, routes))
    app.post_message(messages.Reveal(Place("route", project.id, route.function_id, route.id)))
