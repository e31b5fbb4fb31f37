"""Reads the database of the web app `clowdy`, Clowdy TUI's ancestor. Opens it for reading only.

Its exact schema differs from release to release, so what is there is looked at, and a table or column may have one of
several names. Understood are:

- `projects` (or `project`): id, name, slug, description, user_id (owner_id, owner), created_at
- `functions` (`function`): id, name, code (source_code, source), description, runtime, status or is_active,
  network_enabled, project_id, user_id, created_at
- `function_versions` (`versions`, `function_version`): function_id, version (version_number, number), code, created_at
- `routes` (`route`): id, project_id, function_id, method (http_method), path, description
- `env_vars` (`environment_variables`, `project_env_vars`, `env_var`, `variables`): project_id, key (name), value,
  is_secret

Only id, name and code have to be there. Calls, packages and databases are not taken.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from clowdy_tui.domain.errors import InvalidInput
from clowdy_tui.domain.importing import (
    ImportFunction,
    ImportItem,
    ImportProject,
    ImportRoute,
    ImportVariable,
    ImportVersion,
)

Row = dict[str, Any]

TABLES: Final = {
    "projects": ("projects", "project"),
    "functions": ("functions", "function"),
    "versions": ("function_versions", "function_version", "versions"),
    "routes": ("routes", "route"),
    "variables": ("env_vars", "environment_variables", "project_env_vars", "env_var", "variables"),
}
_NOT_TAKEN: Final = {"invocations": "calls", "invocation": "calls"}
_OWNERS: Final = ("user_id", "owner_id", "owner")
_OURS: Final = {"meta", "invocation_body", "function_version"}


@dataclass(slots=True)
class Found:
    """What a database holds. `loose` are functions without a project, `refused` the rows that cannot be read."""

    projects: list[ImportProject] = field(default_factory=list)
    loose: list[ImportFunction] = field(default_factory=list)
    refused: list[ImportItem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(path: Path, *, keep_users: bool = False) -> Found:
    """Everything that can be taken over. `keep_users`: each thing stays its user's, else it is whoever imports it.

    Raises:
        InvalidInput: it is no such database.
    """
    if not path.is_file():
        raise InvalidInput(f"{path}: there is no such file")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            return _Reader(connection, keep_users).read()
    except sqlite3.Error as error:
        raise InvalidInput(f"{path} cannot be read as a database: {error}") from error


class _Reader:
    def __init__(self, connection: sqlite3.Connection, keep_users: bool) -> None:
        self._connection = connection
        self._keep_users = keep_users
        self._found = Found()

    def read(self) -> Found:
        names = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {str(row[0]) for row in names}
        if tables >= _OURS:
            raise InvalidInput("This is a database of Clowdy TUI's own; to move one, copy the data folder")
        present = {kind: next((name for name in known if name in tables), None) for kind, known in TABLES.items()}
        if present["functions"] is None:
            raise InvalidInput(f"It has no table of functions, but: {', '.join(sorted(tables)) or 'none at all'}")
        self._note_what_is_left(tables, present)
        projects = self._projects(self._rows(present["projects"]))
        self._functions(projects, self._rows(present["functions"]), self._versions(self._rows(present["versions"])))
        self._routes(projects, self._rows(present["routes"]))
        self._variables(projects, self._rows(present["variables"]))
        self._found.projects = list(projects.values())
        return self._found

    def _note_what_is_left(self, tables: set[str], present: dict[str, str | None]) -> None:
        used = {name for name in present.values() if name is not None}
        for name in sorted(tables - used - {"alembic_version"}):
            if name.startswith("sqlite_"):
                continue
            quoted = name.replace('"', '""')
            statement = f'SELECT count(*) FROM "{quoted}"'  # noqa: S608 - a name cannot be bound; it is quoted
            count = self._connection.execute(statement).fetchone()[0]
            if count:
                self._found.notes.append(f"{count} {_NOT_TAKEN.get(name, f'rows of the table {name}')} are not taken")
        missing = [kind for kind, name in present.items() if name is None]
        if missing:
            self._found.notes.append(f"it has no table of {', '.join(missing)}")

    def _rows(self, table: str | None) -> Iterator[Row]:
        if table is None:
            return
        for row in self._connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - one of the names above
            yield {key.lower(): row[key] for key in row.keys()}  # noqa: SIM118 - of a Row, not of a dict

    def _projects(self, rows: Iterable[Row]) -> dict[str, ImportProject]:
        projects: dict[str, ImportProject] = {}
        for row in rows:
            source, name = _text(row, "id"), _text(row, "name")
            if not source or not name:
                self._refuse("project", source, name, "has no id or no name")
                continue
            if _text(row, "requirements_txt").strip():
                self._found.notes.append(f"the packages of {name!r} are not taken: set its requirements anew")
            if _flag(row, "has_database") or _text(row, "database_url"):
                self._found.notes.append(f"the database of {name!r} is not taken")
            projects[source] = ImportProject(
                source=source,
                name=name,
                slug=_text(row, "slug"),
                description=_text(row, "description"),
                created_at=_moment(row, "created_at", "created"),
                owner=self._owner(row),
            )
        return projects

    def _functions(
        self, projects: dict[str, ImportProject], rows: Iterable[Row], versions: dict[str, list[ImportVersion]]
    ) -> None:
        for row in rows:
            source, name = _text(row, "id"), _text(row, "name")
            code = _first(row, "code", "source_code", "source")
            if not source or not name or code is None:
                self._refuse("function", source, name, "has no id, no name or no code")
                continue
            project_source = _text(row, "project_id")
            project = projects.get(project_source)
            if project_source and project is None:
                self._found.notes.append(f"the function {name!r} is on its own now: its project is not there")
            function = ImportFunction(
                source=source,
                name=name,
                code=_string(code),
                description=_text(row, "description"),
                runtime=_text(row, "runtime") or "python",
                status=_status(row),
                network_enabled=_flag(row, "network_enabled", "network"),
                versions=versions.get(source, []),
                created_at=_moment(row, "created_at", "created"),
                owner=self._owner(row) if project is None else None,
            )
            (self._found.loose if project is None else project.functions).append(function)

    def _versions(self, rows: Iterable[Row]) -> dict[str, list[ImportVersion]]:
        versions: dict[str, list[ImportVersion]] = {}
        for row in rows:
            number, code = (
                _first(row, "version", "version_number", "number"),
                _first(row, "code", "source_code", "source"),
            )
            function = _text(row, "function_id")
            try:
                version = ImportVersion(version=number, code=code, created_at=_moment(row, "created_at", "created"))
            except ValidationError:
                self._refuse("version", function, f"version {number}", "has no number or no code")
                continue
            versions.setdefault(function, []).append(version)
        return versions

    def _routes(self, projects: dict[str, ImportProject], rows: Iterable[Row]) -> None:
        for row in rows:
            method, path = _text(row, "method", "http_method").upper() or "ANY", _text(row, "path")
            project = projects.get(_text(row, "project_id"))
            name, source = f"{method} {path}", _text(row, "id") or f"{_text(row, 'project_id')} {method} {path}"
            if project is None:
                self._refuse("route", source, name, "its project is not there")
                continue
            function = _text(row, "function_id")
            description = _text(row, "description")
            project.routes.append(
                ImportRoute(source=source, function_source=function, method=method, path=path, description=description)
            )

    def _variables(self, projects: dict[str, ImportProject], rows: Iterable[Row]) -> None:
        for row in rows:
            key, value = _text(row, "key", "name"), _first(row, "value")
            project = projects.get(_text(row, "project_id"))
            if project is None or not key or value is None:
                self._refuse("variable", _text(row, "id"), key, "its project, its key or its value is not there")
                continue
            secret = _first(row, "is_secret", "secret")
            project.variables.append(
                ImportVariable(key=key, value=_string(value), is_secret=True if secret is None else bool(secret))
            )

    def _owner(self, row: Row) -> str | None:
        return (_text(row, *_OWNERS) or None) if self._keep_users else None

    def _refuse(self, kind: str, source: str, name: str, why: str) -> None:
        item = {"kind": kind, "source": source, "name": name or "(without a name)", "action": "refused", "note": why}
        self._found.refused.append(ImportItem.model_validate(item))


def _first(row: Row, *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _string(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _text(row: Row, *names: str) -> str:
    value = _first(row, *names)
    return "" if value is None else _string(value)


def _flag(row: Row, *names: str) -> bool:
    value = _first(row, *names)
    return value.lower() in {"1", "true", "t", "yes"} if isinstance(value, str) else bool(value)


def _status(row: Row) -> str:
    if "status" in row:
        return _text(row, "status") or "active"
    return "active" if _first(row, "is_active") is None or _flag(row, "is_active") else "inactive"


def _moment(row: Row, *names: str) -> datetime | None:
    """A time as SQLAlchemy writes it (text, UTC without saying so), or as seconds since 1970."""
    value = _first(row, *names)
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        moment = datetime.fromisoformat(_string(value))
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
