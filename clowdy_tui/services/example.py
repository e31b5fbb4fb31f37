"""The project that a new installation begins with."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clowdy_tui.domain.schemas import FunctionIn, Method, ProjectIn, ProjectOut, RouteIn
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.functions import FunctionService
from clowdy_tui.services.projects import ProjectService
from clowdy_tui.services.routes import RouteService


@dataclass(frozen=True, slots=True)
class _Example:
    name: str
    description: str
    routes: tuple[tuple[Method, str], ...]


PROJECT_NAME: Final = "Hello Clowdy"
_EXAMPLES: Final = (
    _Example("words", "Counts the words of a text, in an async handler", (("POST", "/words"),)),
    _Example("visits", "Counts its calls: what an instance remembers, and what it logs", (("GET", "/visits"),)),
    _Example(
        "hello", "Greets whoever the path, the query or the input names", (("GET", "/hello"), ("GET", "/hello/:name"))
    ),
)


async def make_example(
    projects: ProjectService, functions: FunctionService, routes: RouteService, templates: Path
) -> ProjectOut:
    """Make the example project from `templates/<name>.py`. Lists are newest first, so the last made stands on top."""
    project = await projects.create(
        LOCAL, ProjectIn(name=PROJECT_NAME, description="Three small functions to look at, change and call")
    )
    for example in _EXAMPLES:
        code = await asyncio.to_thread((templates / f"{example.name}.py").read_text, encoding="utf-8")
        function = await functions.create(
            LOCAL,
            FunctionIn(name=example.name, description=example.description, code=code, project_id=project.id),
        )
        for method, path in example.routes:
            await routes.create(LOCAL, project.id, RouteIn(function_id=function.id, method=method, path=path))
    return await projects.get(LOCAL, project.id)
