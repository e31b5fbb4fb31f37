"""The forms: for a project, a function, a route."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import get_args

from textual import on
from textual.content import Content
from textual.widgets import Input

from clowdy_tui.domain.errors import InvalidInput
from clowdy_tui.domain.names import clean_name, parse_route, slugify
from clowdy_tui.domain.schemas import FunctionOut, Method, ProjectOut, RouteOut
from clowdy_tui.tui.screens.dialog import Field, FormDialog, Values
from clowdy_tui.tui.text import visible
from clowdy_tui.tui.widgets.choices import ChoiceField
from clowdy_tui.tui.widgets.literal_input import LiteralInput

NO_PROJECT = "-"
AUTH = (
    ("anybody", "none"),
    ("who has one of your tokens", "token"),
    ("who sends one of the project's API keys", "api_key"),
)
PAYLOAD = (("method, path, params, query, headers, body", "clowdy"), ("as API Gateway's HTTP API 2.0", "aws-2.0"))


class ProjectForm(FormDialog[ProjectOut]):
    """Make a project, or change one."""

    def __init__(self, submit: Callable[[Values], Awaitable[ProjectOut]], project: ProjectOut | None = None) -> None:
        super().__init__(submit)
        self._project = project
        self.heading = f"Project {project.name}" if project else "New project"
        self.verb, self.working = ("Save", "Saving …") if project else ("Create", "Creating …")

    def fields(self) -> Iterable[Field]:
        project = self._project
        yield Field("name", "Name", LiteralInput(project.name if project else "", placeholder="shop", id="name"))
        description = LiteralInput(project.description if project else "", placeholder="optional", id="description")
        yield Field("description", "Description", description)

    @on(Input.Changed, "#name")
    def _show_address(self, event: Input.Changed) -> None:
        field = self.field("name")
        if not event.value.strip():
            field.complain("")
            return
        try:
            slug = self._project.slug if self._project else slugify(clean_name(event.value))
        except InvalidInput as error:
            field.complain(error.errors[0].msg)
        else:
            field.remark(Content.styled(f"its routes answer below /api/gateway/{visible(slug)}/", "$muted"))


class FunctionForm(FormDialog[FunctionOut]):
    """Make a function, or rename one."""

    def __init__(
        self,
        submit: Callable[[Values], Awaitable[FunctionOut]],
        *,
        projects: Sequence[ProjectOut] = (),
        project_id: str | None = None,
        function: FunctionOut | None = None,
    ) -> None:
        super().__init__(submit)
        self._function = function
        self._projects = projects
        self._project_id = project_id
        self.heading = f"Function {function.name}" if function else "New function"
        self.verb, self.working = ("Save", "Saving …") if function else ("Create", "Creating …")

    def fields(self) -> Iterable[Field]:
        function = self._function
        yield Field("name", "Name", LiteralInput(function.name if function else "", placeholder="hello", id="name"))
        description = LiteralInput(function.description if function else "", placeholder="optional", id="description")
        yield Field("description", "Description", description)
        if function is None:
            choices = [(Content(visible(project.name)), project.id) for project in self._projects]
            choices.append((Content("no project: on its own, without routes"), NO_PROJECT))
            chosen = self._project_id or (choices[0][1])
            select = ChoiceField(choices, value=chosen, allow_blank=False, id="project_id")
            yield Field("project_id", "Project", select)

    @on(Input.Changed, "#name")
    def _check_name(self, event: Input.Changed) -> None:
        self.field("name").complain(_name_fault(event.value))


class RouteForm(FormDialog[RouteOut]):
    """Make a route, or change one. The pattern is checked as one types."""

    conflict_field = "path"

    def __init__(
        self,
        submit: Callable[[Values], Awaitable[RouteOut]],
        *,
        slug: str,
        functions: Sequence[FunctionOut],
        function_id: str | None = None,
        route: RouteOut | None = None,
    ) -> None:
        super().__init__(submit)
        self._slug = slug
        self._functions = functions
        self._function_id = route.function_id if route else function_id
        self._route = route
        self.heading = f"Route {route.method} {route.path}" if route else "New route"
        self.verb, self.working = ("Save", "Saving …") if route else ("Create", "Creating …")

    def fields(self) -> Iterable[Field]:
        route = self._route
        path = LiteralInput(route.path if route else "/", placeholder="/orders/:id", id="path", select_on_focus=False)
        yield Field("path", "Path", path)
        methods = [(method, method) for method in get_args(Method)]
        method = ChoiceField(methods, value=route.method if route else "GET", allow_blank=False, id="method")
        yield Field("method", "Method", method)
        functions = [(Content(visible(function.name)), function.id) for function in self._functions]
        known = {function.id for function in self._functions}
        chosen = self._function_id if self._function_id in known else functions[0][1]
        function = ChoiceField(functions, value=chosen, allow_blank=False, id="function_id")
        yield Field("function_id", "Function", function)
        auth = ChoiceField(AUTH, value=route.auth if route else "none", allow_blank=False, id="auth")
        yield Field("auth", "Who may call it", auth)
        payload = ChoiceField(
            PAYLOAD, value=route.payload_format if route else "clowdy", allow_blank=False, id="payload_format"
        )
        yield Field("payload_format", "Event", payload)
        description = LiteralInput(route.description if route else "", placeholder="optional", id="description")
        yield Field("description", "Description", description)

    @on(Input.Changed, "#path")
    def _check_path(self, event: Input.Changed) -> None:
        field = self.field("path")
        try:
            pattern = parse_route(event.value)
        except InvalidInput as error:
            field.complain(error.errors[0].msg)
            return
        parameters = [segment.text for segment in pattern.segments if segment.kind != "literal"]
        found = f" · gives {', '.join(parameters)}" if parameters else " · :name takes a segment, *rest the rest"
        field.remark(Content.styled(f"/api/gateway/{visible(self._slug + pattern.path)}{visible(found)}", "$muted"))


def _name_fault(name: str) -> str:
    if not name.strip():
        return ""
    try:
        clean_name(name)
    except InvalidInput as error:
        return error.errors[0].msg
    return ""
