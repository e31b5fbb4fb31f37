"""The hot path's memory: which deployment a function is, which routes a project has. No call reads the database."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from clowdy_tui.domain.databases import DATABASE_URL
from clowdy_tui.domain.redaction import Redactor
from clowdy_tui.domain.tables import ApiKey, Function, FunctionVersion, Project, ProjectDatabase, Route, Variable
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.services.cipher import Cipher
from clowdy_tui.services.project_rules import ProjectRules, make_rules
from clowdy_tui.services.routing import RouteEntry, Router
from clowdy_tui.store.database import Database

_OTHER_VERSIONS: Final = 64

Retire = Callable[[str, str | None], None]
"""Called with a function's id and the one deployment key whose instances may stay."""

Warm = Callable[[Deployment], None]
"""Called with a deployment that wants instances before its first call."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a call of a function needs to know. `capture` is the project's: all, errors or none.

    `redactor` hides the secrets that this deployment was given in what is kept and shown of the call.
    `database` is the project's own cluster, which has to run while the call may want it.
    """

    deployment: Deployment
    status: str
    visibility: str
    owner: str
    project_id: str | None
    capture: str = "all"
    redactor: Redactor | None = field(default=None, repr=False)
    database: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectEntry:
    """What a request to a project's address needs to know. `open_variables` are those that are no secrets."""

    id: str
    slug: str
    owner: str
    router: Router
    settings: Mapping[str, Any]
    open_variables: Mapping[str, str] = field(default_factory=dict)
    key_hashes: tuple[str, ...] = ()


class Directory:
    """Functions by id, projects by slug. The services refresh what they change before they answer.

    `socket_of` tells the folder of a local database's socket.
    """

    def __init__(
        self, database: Database, cipher: Cipher, *, retire: Retire, warm: Warm, socket_of: Callable[[str], str]
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._retire = retire
        self._warm = warm
        self._socket_of = socket_of
        self._targets: dict[str, Target] = {}
        self._by_slug: dict[str, ProjectEntry] = {}
        self._by_id: dict[str, ProjectEntry] = {}
        self._environments: dict[str, dict[str, str]] = {}
        self._redactors: dict[str, Redactor | None] = {}
        self._rules: dict[str, ProjectRules] = {}
        self._layers: dict[str, str | None] = {}
        self._clusters: dict[str, str] = {}
        self._with_database: set[str] = set()
        self._other_versions: OrderedDict[tuple[str, int], Target] = OrderedDict()
        # What is read must be put in place before somebody else reads, or an older state could come last.
        self._refreshing = asyncio.Lock()

    def function(self, function_id: str) -> Target | None:
        return self._targets.get(function_id)

    def project(self, slug: str) -> ProjectEntry | None:
        return self._by_slug.get(slug)

    def project_by_id(self, project_id: str) -> ProjectEntry | None:
        return self._by_id.get(project_id)

    def rules(self, project_id: str) -> ProjectRules | None:
        """What a project has set for requests to it; None where it has set nothing."""
        return self._rules.get(project_id)

    def has_database(self, project_id: str) -> bool:
        return project_id in self._with_database

    def without_network(self, project_id: str) -> list[str]:
        """The names of the project's functions whose network is off."""
        deployments = [target.deployment for target in self._targets.values() if target.project_id == project_id]
        return sorted(one.function_name for one in deployments if not one.network_enabled)

    def functions(self) -> list[Target]:
        """Every function, in no order."""
        return list(self._targets.values())

    def secrets(self, owner: str) -> list[tuple[str, str]]:
        """Name and value of everything that a user's functions get from their surroundings and that is not open."""
        found: dict[tuple[str, str], None] = {}
        for project in self._by_id.values():
            if project.owner == owner:
                values = dict(self._environments.get(project.id, {}))
                for target in self._targets.values():
                    if target.project_id == project.id:
                        values |= target.deployment.environment
                found |= {(key, value): None for key, value in values.items() if key not in project.open_variables}
        return list(found)

    async def version(self, function_id: str, number: int) -> Target | None:
        """A function as it is, with the files of another version. Reads the database the first time."""
        target = self._targets.get(function_id)
        if target is None or target.deployment.version == number:
            return target
        key = (function_id, number)
        if key not in self._other_versions:
            async with self._refreshing, self._database.read() as transaction:
                function = await transaction.functions.get(function_id)
                version = await transaction.functions.version(function_id, number)
                if function is None or version is None:
                    return None
                self._other_versions[key] = self._target(function, version)
            if len(self._other_versions) > _OTHER_VERSIONS:
                self._other_versions.popitem(last=False)
        return self._other_versions[key]

    async def load(self) -> None:
        """Read everything, at the start.

        Raises:
            StartError: a variable was encrypted with another key.
        """
        async with self._refreshing, self._database.read() as transaction:
            projects = await transaction.projects.all()
            routes = await transaction.routes.all()
            variables = await transaction.variables.all()
            keys = await transaction.keys.all()
            databases = {row.project_id: row for row in await transaction.databases.all()}
            self._layers = {row.project_id: row.layer for row in await transaction.packages.all()}
            functions = await transaction.functions.all_with_active()
        routes_of: dict[str, list[Route]] = {}
        for route in routes:
            routes_of.setdefault(route.project_id, []).append(route)
        variables_of: dict[str, list[Variable]] = {}
        for variable in variables:
            variables_of.setdefault(variable.project_id, []).append(variable)
        keys_of: dict[str, list[ApiKey]] = {}
        for key in keys:
            keys_of.setdefault(key.project_id, []).append(key)
        for project in projects:
            self._put_project(
                project,
                routes_of.get(project.id, []),
                variables_of.get(project.id, []),
                keys_of.get(project.id, []),
                databases.get(project.id),
            )
        for function, version in functions:
            self._targets[function.id] = self._target(function, version)

    async def refresh_project(self, project_id: str) -> None:
        """Take over what changed in a project, its functions included; forget it where it is gone."""
        async with self._refreshing:
            async with self._database.read() as transaction:
                project = await transaction.projects.get(project_id)
                routes = [route for route, _ in await transaction.routes.of_project(project_id)]
                variables = await transaction.variables.of_project(project_id)
                keys = await transaction.keys.of_project(project_id)
                database = await transaction.databases.get(project_id)
                packages = await transaction.packages.get(project_id)
                functions = await transaction.functions.all_with_active(project_id)
            before = self._by_id.pop(project_id, None)
            if before is not None:
                self._by_slug.pop(before.slug, None)
            self._layers[project_id] = packages.layer if packages is not None else None
            self._clusters.pop(project_id, None)
            self._with_database.discard(project_id)
            if project is None:
                self._layers.pop(project_id)
                self._environments.pop(project_id, None)
                self._redactors.pop(project_id, None)
                self._rules.pop(project_id, None)
            else:
                self._put_project(project, routes, variables, keys, database)
            gone = {id_ for id_, target in self._targets.items() if target.project_id == project_id}
            for function, version in functions:
                gone.discard(function.id)
                self._replace(self._target(function, version))
            for function_id in gone:
                self._forget(function_id)

    async def refresh_function(self, function_id: str) -> None:
        """Take over what changed in a function; forget it where it is gone."""
        async with self._refreshing:
            async with self._database.read() as transaction:
                found = await transaction.functions.with_active(function_id)
            if found is None:
                self._forget(function_id)
            else:
                self._replace(self._target(*found))

    def _replace(self, target: Target) -> None:
        deployment = target.deployment
        before = self._targets.get(deployment.function_id)
        self._targets[deployment.function_id] = target
        self._drop_other_versions(deployment.function_id)
        if target.status != "active":
            self._retire(deployment.function_id, None)
        elif before is None or before.deployment.key != deployment.key or before.status != target.status:
            self._retire(deployment.function_id, deployment.key)
            if deployment.min_instances:
                self._warm(deployment)

    def _forget(self, function_id: str) -> None:
        self._drop_other_versions(function_id)
        if self._targets.pop(function_id, None) is not None:
            self._retire(function_id, None)

    def _drop_other_versions(self, function_id: str) -> None:
        for key in [key for key in self._other_versions if key[0] == function_id]:
            del self._other_versions[key]

    def _put_project(
        self,
        project: Project,
        routes: list[Route],
        variables: list[Variable],
        keys: list[ApiKey],
        database: ProjectDatabase | None,
    ) -> None:
        values = {item.key: self._cipher.decrypt(item.value_encrypted) for item in variables}
        open_variables = {item.key: values[item.key] for item in variables if not item.is_secret}
        secrets = [values[item.key] for item in variables if item.is_secret]
        if database is not None and database.status == "ready":
            url = values[DATABASE_URL] = self._cipher.decrypt(database.url_encrypted)
            self._with_database.add(project.id)
            secrets += [url, unquote(urlsplit(url).password or "")]
            if database.provider == "local":
                self._clusters[project.id] = database.reference
        rules = make_rules(project.settings, self._rules.pop(project.id, None))
        if rules is not None:
            self._rules[project.id] = rules
        self._environments[project.id] = values
        self._redactors[project.id] = Redactor.of(secrets)
        router = Router(
            RouteEntry(route.id, route.function_id, route.method, route.path, route.payload_format, route.auth)
            for route in routes
        )
        entry = ProjectEntry(
            project.id,
            project.slug,
            project.owner,
            router,
            project.settings,
            open_variables,
            tuple(key.hash for key in keys),
        )
        self._by_slug[project.slug] = self._by_id[project.id] = entry

    def _target(self, function: Function, version: FunctionVersion) -> Target:
        project = self._by_id.get(function.project_id) if function.project_id else None
        cluster = self._clusters.get(function.project_id) if function.project_id else None
        deployment = Deployment(
            function_id=function.id,
            function_name=function.name,
            owner=function.owner,
            version=version.version,
            files=version.files,
            project_id=function.project_id,
            runtime=function.runtime,
            environment=self._environments.get(function.project_id, {}) if function.project_id else {},
            layer=self._layers.get(function.project_id) if function.project_id else None,
            database_socket=self._socket_of(cluster) if cluster is not None else None,
            network_enabled=function.network_enabled,
            memory_mb=function.memory_mb,
            cpus=function.cpus,
            timeout_s=function.timeout_s,
            max_instances=function.max_instances,
            min_instances=function.min_instances,
            concurrency=function.concurrency,
        )
        return Target(
            deployment=deployment,
            status=function.status,
            visibility=function.visibility,
            owner=function.owner,
            project_id=function.project_id,
            capture=project.settings.get("capture", "all") if project else "all",
            redactor=self._redactors.get(function.project_id) if function.project_id else None,
            database=cluster,
        )
