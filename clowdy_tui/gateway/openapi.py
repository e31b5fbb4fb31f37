"""The API's description (OpenAPI 3.1), made of what the endpoints say of themselves and of the schemas."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, TypeAdapter

from clowdy_tui.domain.names import ID_PATTERN, INVOCATION_ID_PATTERN
from clowdy_tui.domain.schemas import Problem, Scope
from clowdy_tui.gateway import problems
from clowdy_tui.gateway.endpoint import Endpoint
from clowdy_tui.gateway.operations import Operation

Json = dict[str, Any]
_Key = tuple[str, int]
_Mode = Literal["validation", "serialization"]

_REF: Final = "#/components/schemas/{model}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")

# What stands in a path, by its name.
_PATH: Final[Mapping[str, Json]] = {
    "number": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
    "key": {"type": "string", "minLength": 1},
    "slug": {"type": "string", "minLength": 1},
    "path": {"type": "string"},
}
_ID: Final[Json] = {"type": "string", "pattern": ID_PATTERN}
_INVOCATION_ID: Final[Json] = {"type": "string", "pattern": INVOCATION_ID_PATTERN}

_REFUSALS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("BadRequest", "It cannot be done as things are"),
    401: ("Unauthorized", "A token or key is needed, or the one that was shown is not valid"),
    403: ("Forbidden", "The token has not the scope, or is not the administrator's"),
    404: ("NotFound", "There is no such thing, or it belongs to somebody else"),
    405: ("MethodNotAllowed", "The path takes other methods"),
    408: ("TooSlow", "The request did not come in time"),
    409: ("Conflict", "Something else is in the way, or somebody else was quicker"),
    413: ("BodyTooLarge", "The body is over the limit"),
    415: ("Encoded", "The body is compressed, which only functions take"),
    417: ("Unexpected", "`Expect` asks for something else than `100-continue`"),
    422: ("InvalidInput", "The request is not what it must be; `errors` names each field"),
    429: ("TooMany", "Too many calls at once, too many requests, or too many wrong tokens from there"),
    431: ("HeadTooLarge", "The head has too long a line, or too many headers"),
    500: ("Failed", "The function raised an error, or something went wrong inside Clowdy"),
    501: ("TransferEncoding", "The body has another transfer encoding than `chunked`"),
    502: ("FunctionFailed", "The function crashed, ran out of memory, or answered with what cannot be sent"),
    503: ("Unavailable", "Something that Clowdy leans on is not there now"),
    504: ("TimedOut", "The function took too long"),
    505: ("HttpVersion", "The request is neither HTTP/1.1 nor HTTP/1.0"),
}
_HEADERS: Final[Mapping[int, Json]] = {
    401: {"WWW-Authenticate": {"description": "How to authenticate", "schema": {"type": "string"}}},
    405: {"Allow": {"description": "The methods that the path takes", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}},
}

# Whoever shows a token may be refused for it, and the database may be away.
_WITH_TOKEN: Final = (401, 429, 503)

# What any request may be told before anybody asks what it is for.
_ANYWHERE: Final = (417, 431, 505)

_SIGNED: Final[Json] = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
_TIMED: Final[Json] = {"Server-Timing": {"$ref": "#/components/headers/ServerTiming"}}
_SHARED_HEADERS: Final[Json] = {
    "RequestId": {
        "description": "What the request is called: what its own header of that name said, else an id",
        "schema": {"type": "string"},
    },
    "ServerTiming": {
        "description": "Milliseconds that the call took: `queue`, `init`, `run`; there where one was made, but not "
        "with an answer that streams",
        "schema": {"type": "string"},
    },
}


@dataclass(frozen=True, slots=True)
class _Facts:
    """What endpoints of either kind come down to. `content_type` None: anything."""

    name: str
    methods: Sequence[str]
    path: str
    tag: str
    summary: str
    scope: Scope | None
    is_public: bool
    takes_key: bool
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    body_required: bool
    answer: Any
    content_type: str | None
    any_status: bool
    may_go_on: bool
    statuses: frozenset[int]
    headers: Sequence[tuple[str, str]]
    is_timed: bool = False
    streams: Any = None


def make_document(endpoints: Iterable[Endpoint], operations: Iterable[Operation], *, version: str) -> Json:
    """The whole description."""
    facts = [*map(_of_endpoint, endpoints), *map(_of_operation, operations)]
    schemas = _Schemas(facts)
    paths: dict[str, Json] = {}
    for each in facts:
        item = paths.setdefault(each.path, {})
        for method in each.methods:
            item[method.lower()] = _operation(each, method, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Clowdy",
            "version": version or "0",
            "summary": "Your own serverless cloud in one terminal.",
            "description": "HEAD is answered wherever GET is. On the owner's unix socket no token is needed.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in facts)],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "headers": _SHARED_HEADERS,
            "responses": {
                name: _refusal(status, description, schemas)
                for status, (name, description) in _REFUSALS.items()
                if any(status in each.statuses for each in facts if not each.any_status)
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of Clowdy's own, or a JWT of the issuer that is set. Scopes as needed.",
                },
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-api-key",
                    "description": "A key of the project, at routes that ask for one.",
                },
            },
        },
    }


def _of_endpoint(endpoint: Endpoint) -> _Facts:
    # A query parameter that means nothing is refused everywhere.
    statuses = {422, 500, *_ANYWHERE, *_WITH_TOKEN, *endpoint.statuses}
    if endpoint.scope is not None:
        statuses.add(403)
    if endpoint.body is not None:
        statuses |= {408, 413, 415, 501}
    return _Facts(
        name=endpoint.handler.__name__,
        methods=(endpoint.method,),
        path=endpoint.path,
        tag=endpoint.handler.__module__.rpartition(".")[2],
        summary=endpoint.summary,
        scope=endpoint.scope,
        is_public=endpoint.scope is None,
        takes_key=False,
        query=endpoint.query,
        body=endpoint.body,
        body_required=True,
        answer=endpoint.answer,
        content_type=(endpoint.content_type or "application/json").partition(";")[0],
        any_status=False,
        may_go_on=endpoint.may_go_on,
        statuses=frozenset(statuses),
        headers=(),
        streams=endpoint.streams,
    )


def _of_operation(operation: Operation) -> _Facts:
    return _Facts(
        name=operation.name,
        methods=operation.methods,
        path=operation.path,
        tag=operation.tag,
        summary=operation.summary,
        scope=operation.scope,
        is_public=operation.is_public,
        takes_key=operation.takes_key,
        query=operation.query,
        body=operation.body,
        body_required=False,
        answer=operation.answer,
        content_type=operation.content_type,
        any_status=operation.any_status,
        may_go_on=False,
        statuses=frozenset((*_ANYWHERE, *operation.statuses)),
        headers=operation.headers,
        is_timed=operation.is_timed,
    )


class _Schemas:
    """The schemas of all bodies, answers and queries: made at once, so that each has one name."""

    def __init__(self, facts: Sequence[_Facts]) -> None:
        wanted: list[tuple[_Key, _Mode, TypeAdapter[Any]]] = [
            (("problem", 0), "serialization", TypeAdapter(Problem)),
        ]
        for index, each in enumerate(facts):
            wanted.append((("answer", index), "serialization", TypeAdapter(each.answer)))
            if each.streams is not None:
                wanted.append((("event", index), "serialization", TypeAdapter(each.streams)))
            if each.body is not None:
                wanted.append((("body", index), "validation", TypeAdapter(each.body)))
            if each.query is not None:
                wanted.append((("query", index), "validation", TypeAdapter(each.query)))
        found, definitions = TypeAdapter.json_schemas(wanted, ref_template=_REF)
        self._found: dict[_Key, Json] = {key: schema for (key, _), schema in found.items()}
        self._index = {id(each): index for index, each in enumerate(facts)}
        self.definitions: dict[str, Json] = definitions.get("$defs", {})
        self._queries: dict[_Key, Json] = {}
        # A query is told parameter by parameter, and is no schema of its own.
        for key, schema in self._found.items():
            if key[0] == "query":
                self._queries[key] = self.definitions[schema["$ref"].rpartition("/")[2]]
        for key in self._queries:
            self.definitions.pop(self._found[key]["$ref"].rpartition("/")[2], None)

    @property
    def problem(self) -> Json:
        return self._found["problem", 0]

    def answer(self, facts: _Facts) -> Json:
        return self._found["answer", self._index[id(facts)]]

    def event(self, facts: _Facts) -> Json:
        return self._found["event", self._index[id(facts)]]

    def body(self, facts: _Facts) -> Json:
        return self._found["body", self._index[id(facts)]]

    def query(self, facts: _Facts) -> Json:
        return self._queries.get(("query", self._index[id(facts)]), {})


def _operation(facts: _Facts, method: str, schemas: _Schemas) -> Json:
    name = facts.name if len(facts.methods) == 1 else f"{facts.name}_{method.lower()}"
    found: Json = {
        "operationId": name,
        "tags": [facts.tag],
        "summary": facts.summary,
        "security": _security(facts),
        "responses": _responses(facts, method, schemas),
    }
    if parameters := [*_in_path(facts), *_in_query(facts, schemas), *_in_headers(facts)]:
        found["parameters"] = parameters
    if facts.body is not None:
        content = {"application/json": {"schema": schemas.body(facts)}}
        found["requestBody"] = {"required": facts.body_required, "content": content}
    elif facts.content_type is None and method not in {"GET", "HEAD", "OPTIONS"}:
        found["requestBody"] = {"required": False, "content": {"*/*": {}}}
    return found


def _security(facts: _Facts) -> list[Json]:
    shown: list[Json] = [{}] if facts.is_public else []
    if 401 in facts.statuses:
        shown.append({"token": [facts.scope] if facts.scope else []})
    if facts.takes_key:
        shown.append({"key": []})
    return shown


def _in_path(facts: _Facts) -> list[Json]:
    def schema(name: str) -> Json:
        if name == "id" and "/invocations/{id}" in facts.path:
            return _INVOCATION_ID
        if name == "id" and facts.path.startswith("/api/pool/"):
            return {"type": "string", "minLength": 1}
        return _PATH.get(name, _ID)

    names = _PARAMETER.findall(facts.path)
    return [{"name": name, "in": "path", "required": True, "schema": schema(name)} for name in names]


def _in_query(facts: _Facts, schemas: _Schemas) -> list[Json]:
    query = schemas.query(facts)
    found = []
    for name, given in query.get("properties", {}).items():
        schema = {key: value for key, value in given.items() if key not in {"title", "description"}}
        # A parameter that is not there is left out: there is no null in a query.
        if choices := [each for each in schema.pop("anyOf", []) if each != {"type": "null"}]:
            schema = {key: value for key, value in schema.items() if value is not None} | choices[0]
        parameter = {"name": name, "in": "query", "required": name in query.get("required", []), "schema": schema}
        if "description" in given:
            parameter["description"] = given["description"]
        found.append(parameter)
    return found


def _in_headers(facts: _Facts) -> list[Json]:
    return [
        {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}
        for name, description in facts.headers
    ]


def _responses(facts: _Facts, method: str, schemas: _Schemas) -> Json:
    responses: Json = {}
    headers = _SIGNED | _TIMED if facts.is_timed else _SIGNED
    if facts.any_status:
        responses["default"] = {"description": "What the function answers", "headers": headers, "content": {"*/*": {}}}
    else:
        content: Json = {str(facts.content_type): {"schema": schemas.answer(facts)}}
        if facts.streams is not None:
            content["text/event-stream"] = {"schema": schemas.event(facts)}
        responses["200"] = {"description": "Done", "headers": headers, "content": content}
    if facts.may_go_on:
        responses["202"] = {**responses["200"], "description": "Begun; it goes on"}
    for status in sorted(facts.statuses):
        name, description = _REFUSALS[status]
        if facts.any_status:
            # A function may answer with the same status in its own way.
            content = {problems.CONTENT_TYPE: {"schema": schemas.problem}, "*/*": {}}
            responses[str(status)] = {
                "description": f"{description}; or the function's own",
                "headers": headers | _HEADERS.get(status, {}),
                "content": content,
            }
        else:
            responses[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return responses


def _refusal(status: int, description: str, schemas: _Schemas) -> Json:
    return {
        "description": description,
        "headers": _SIGNED | _HEADERS.get(status, {}),
        "content": {problems.CONTENT_TYPE: {"schema": schemas.problem}},
    }
