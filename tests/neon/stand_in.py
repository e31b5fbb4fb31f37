"""Neon's API on this machine, as its OpenAPI document has it: every request and every answer is held against that."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

from aiohttp import web
from openapi_schema_validator import OAS30Validator

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent / "openapi.json").read_text())
KEY = "neon-key-of-the-tests"
URI = "postgresql://neondb_owner:npg_s3cret-word@ep-cool-1.eu-central-1.aws.neon.tech/neondb?sslmode=require"


class NeonStandIn:
    """Serves the calls of `openapi.json` at `url` while it is entered.

    `faults` answer in its place while they last: for each call the first one is asked. `lasting` is how often an
    operation is said to run before it is done, `ending` how it ends.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.projects: dict[str, dict[str, Any]] = {}
        self.breaches: list[str] = []
        self.faults: list[tuple[int, dict[str, Any]]] = []
        self.lasting = 2
        self.ending: dict[str, Any] = {"status": "finished"}
        self.organizations = [_filled("Organization", id="org-first-1", name="Ours")]
        self._operations: dict[str, int] = {}
        self.url = ""

    async def __aenter__(self) -> "NeonStandIn":
        app = web.Application()
        app.router.add_route("*", "/api/v2/{path:.*}", self._serve)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/api/v2"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        assert not self.breaches, self.breaches

    async def _serve(self, request: web.Request) -> web.Response:
        path = "/" + request.match_info["path"]
        found = _operation(request.method.lower(), path)
        self.calls.append((request.method, path))
        if found is None:
            self.breaches.append(f"{request.method} {path}: there is no such call")
            return web.json_response({"message": "not found", "code": ""}, status=404)
        operation, parameters, names = found
        body = await request.json() if request.can_read_body else None
        self.bodies.append(body)
        self._check_request(request, path, operation, parameters, names, body)
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            status, answer = 401, {"message": "authentication required", "code": ""}
        elif self.faults:
            status, answer = self.faults.pop(0)
        else:
            status, answer = self._answer(operation["operationId"], names, body)
        responses = operation["responses"]
        schema = _schema_of(responses.get(str(status), responses["default"]))
        self._check(schema, answer, f"the answer {status} to {request.method} {path}")
        return web.json_response(answer, status=status)

    def _answer(self, name: str, names: dict[str, str], body: Any) -> tuple[int, dict[str, Any]]:
        project = self.projects.get(names.get("project_id", ""))
        if "project_id" in names and project is None:
            return 404, {"message": "project not found", "code": "PROJECT_NOT_FOUND"}
        match name:
            case "getCurrentUserOrganizations":
                return 200, {"organizations": self.organizations}
            case "createProject":
                id_ = f"cool-sun-{len(self.calls)}"
                self.projects[id_] = made = _filled("Project", id=id_, name=body["project"]["name"])
                operations = [
                    _filled("Operation", id=str(uuid.uuid4()), project_id=id_, action=action, status="running")
                    for action in ("create_timeline", "start_compute")
                ]
                self._operations |= {one["id"]: self.lasting for one in operations}
                branch = _filled("Branch", id="br-1", project_id=id_)
                answer = {"connection_uris": [], "roles": [], "databases": [], "endpoints": [], "branch": branch}
                return 201, {"project": made, "operations": operations, **answer}
            case "getProjectOperation":
                id_ = names["operation_id"]
                self._operations[id_] -= 1
                changes = {"status": "running"} if self._operations[id_] > 0 else self.ending
                names = {"id": id_, "project_id": names["project_id"], "action": "create_timeline"}
                return 200, {"operation": _filled("Operation", **names, **changes)}
            case "getConnectionURI":
                return 200, {"uri": URI}
            case "deleteProject":
                return 200, {"project": self.projects.pop(names["project_id"])}
            case "getProject":
                return 200, {"project": project}
            case _:
                raise AssertionError(name)

    def _check_request(
        self,
        request: web.Request,
        path: str,
        operation: dict[str, Any],
        parameters: list[dict[str, Any]],
        names: dict[str, str],
        body: Any,
    ) -> None:
        where = f"{request.method} {path}"
        known = {one["name"] for one in parameters if one["in"] == "query"}
        self.breaches += [f"{where}: unknown query {name}" for name in request.query if name not in known]
        for one in parameters:
            given = request.query.get(one["name"]) if one["in"] == "query" else names.get(one["name"])
            if given is None and one.get("required"):
                self.breaches.append(f"{where}: {one['name']} is missing")
            elif given is not None and one["schema"].get("type") == "string":
                self._check(one["schema"], given, f"{one['name']} of {where}")
        wanted = operation.get("requestBody")
        if wanted is None and body is not None:
            self.breaches.append(f"{where}: takes no body")
        elif wanted is not None:
            self._check(wanted["content"]["application/json"]["schema"], body, f"the body of {where}")

    def _check(self, schema: dict[str, Any], value: Any, what: str) -> None:
        validator = OAS30Validator({**schema, "components": DOCUMENT["components"]})
        self.breaches += [f"{what}: {error.message}" for error in validator.iter_errors(value)]


def _operation(method: str, path: str) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, str]] | None:
    for pattern, item in DOCUMENT["paths"].items():
        matched = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern), path)
        if matched and method in item:
            parameters = [*item.get("parameters", []), *item[method].get("parameters", [])]
            return item[method], parameters, matched.groupdict()
    return None


def _schema_of(response: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema: dict[str, Any] = response["content"]["application/json"]["schema"]
    return schema


def _filled(schema: str, /, **given: Any) -> dict[str, Any]:
    """A value of this schema with all that it must have."""
    value: dict[str, Any] = _value({"$ref": f"/{schema}"})
    return {**value, **given}


def _value(schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _value(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: _value(schema["properties"][name]) for name in schema.get("required", [])}
        case "array":
            return []
        case "integer" | "number":
            return max(schema.get("minimum", 0), 1)
        case "boolean":
            return False
    return {"date-time": "2025-03-01T12:00:00Z", "uuid": str(uuid.uuid4())}.get(schema.get("format", ""), "x")
