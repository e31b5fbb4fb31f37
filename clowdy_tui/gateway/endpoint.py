"""An endpoint of the management API, as facts: method, path, schemas, scope. The facts do the parsing and answering.

The OpenAPI document is made from the same facts, so a handler has nothing to say about either.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from clowdy_tui.domain.errors import FieldError, InvalidInput, NotFound
from clowdy_tui.domain.names import ID_PATTERN, parse_invocation_id
from clowdy_tui.domain.schemas import Scope
from clowdy_tui.gateway import auth, problems
from clowdy_tui.gateway.bodies import parse_json, refused
from clowdy_tui.gateway.context import Context
from clowdy_tui.gateway.uploads import read_plain_body
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.platform import Platform

_HEADERS: Final = {"Content-Type": "application/json"}
_ID_ALPHABET: Final = frozenset("0123456789abcdef")

Body = TypeVar("Body", bound="BaseModel | None")
Query = TypeVar("Query", bound="BaseModel | None")


class Parameters(BaseModel):
    """A query string. A name that means nothing is refused, as in a body."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Page(Parameters):
    """Which part of a list: up to `limit` items, those after (that is: older than) the item `before`."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
    before: Annotated[str, Field(pattern=ID_PATTERN)] | None = None


@dataclass(frozen=True, slots=True)
class Call(Generic[Body, Query]):
    """One request to an endpoint, checked."""

    gateway: Context
    request: web.Request
    caller: Actor | None
    body: Body
    query: Query

    @property
    def platform(self) -> Platform:
        return self.gateway.platform

    @property
    def actor(self) -> Actor:
        """Who calls. Where an endpoint has a scope there is always somebody."""
        if self.caller is None:
            raise auth.stranger()
        return self.caller

    def id(self, parameter: str, what: str) -> str:
        """An id from the path. One that cannot be an id is as unknown as one that is not there."""
        text = self.request.match_info[parameter]
        if len(text) != 12 or not _ID_ALPHABET.issuperset(text):
            raise NotFound(f"{what} not found")
        return text

    def invocation_id(self, parameter: str) -> str:
        text = self.request.match_info[parameter]
        if parse_invocation_id(text) is None:
            raise NotFound("Invocation not found")
        return text

    def text(self, parameter: str, what: str) -> str:
        """Any text from the path."""
        text = self.request.match_info[parameter]
        # Bytes that are no UTF-8 come as halves of surrogate pairs, which nothing of ours is named with.
        if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
            raise NotFound(f"{what} not found")
        return text

    def number(self, parameter: str, what: str) -> int:
        """A version's number from the path."""
        text = self.request.match_info[parameter]
        if not (text.isascii() and text.isdecimal() and len(text) <= 9):
            raise NotFound(f"{what} not found")
        return int(text)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a handler returns where the work goes on after the answer, which is then 202."""

    answer: Any


Handler = Callable[[Call[Any, Any]], Awaitable[Any]]
StandIn = Callable[[Context, web.Request], Actor | None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the management API has at one method and path.

    `scope` None: public. `statuses`: the refusals that belong to this endpoint, beside those that every one has.
    `content_type`: where the answer is text that goes out as it is, and not JSON. `may_go_on`: it may be `Accepted`.
    `streams`: what its events are, where whoever accepts server-sent events gets those; the handler then returns the
    response. `stand_in`: as whom anybody is answered, where a setting opens the endpoint.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope | None
    answer: Any
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    summary: str
    statuses: tuple[int, ...]
    leave_out_none: bool
    content_type: str | None
    may_go_on: bool
    stand_in: StandIn | None
    streams: Any
    adapter: TypeAdapter[Any] = field(repr=False)

    async def serve(self, gateway: Context, door: auth.Door, request: web.Request) -> web.StreamResponse:
        """Check the caller, read the request, call the handler, write what it returns."""
        caller = self.stand_in(gateway, request) if self.stand_in is not None else None
        if caller is None:
            caller = await door.actor(request)
        if self.scope is not None:
            if caller is None:
                raise auth.stranger()
            caller.require(self.scope)
        query = read_query(self.query or Parameters, request)
        body = None
        if self.body is not None:
            body = read_body(self.body, await read_plain_body(request, gateway.config.body_timeout_s))
        result = await self.handler(Call(gateway, request, caller, body, query))
        if isinstance(result, web.StreamResponse):
            return result
        if self.content_type is not None:
            return web.Response(body=result.encode(), headers={"Content-Type": self.content_type})
        status = 200
        if isinstance(result, Accepted):
            status, result = 202, result.answer
        content = self.adapter.dump_json(result, by_alias=True, exclude_none=self.leave_out_none)
        return web.Response(status=status, body=content, headers=_HEADERS)


def endpoint(
    method: str,
    path: str,
    *,
    scope: Scope | None,
    answer: Any,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    statuses: tuple[int, ...] = (),
    leave_out_none: bool = False,
    content_type: str | None = None,
    may_go_on: bool = False,
    stand_in: StandIn | None = None,
    streams: Any = None,
) -> Callable[[Handler], Endpoint]:
    """Make a handler an endpoint. Its docstring's first line is the summary."""

    def decorate(handler: Handler) -> Endpoint:
        return Endpoint(
            method=method,
            path=path,
            handler=handler,
            scope=scope,
            answer=answer,
            body=body,
            query=query,
            summary=(handler.__doc__ or "").partition("\n")[0],
            statuses=statuses,
            leave_out_none=leave_out_none,
            content_type=content_type,
            may_go_on=may_go_on,
            stand_in=stand_in,
            streams=streams,
            adapter=TypeAdapter(answer),
        )

    return decorate


Model = TypeVar("Model", bound=BaseModel)


def read_body(schema: type[Model], body: bytes) -> Model:
    """A request's body.

    Raises:
        InvalidInput: it is missing, not JSON, or not what the schema wants; names each field.
    """
    if not body:
        raise refused("is missing: send a JSON object", kind="missing")
    value = parse_json(body)
    try:
        return schema.model_validate(value, strict=None)
    except ValidationError as error:
        raise problems.invalid(error) from error


def read_query(schema: type[Model], request: web.Request) -> Model:
    """A request's query string.

    Raises:
        InvalidInput: a name is unknown, there twice, or has a value that it cannot have.
    """
    given = request.rel_url.query
    if len(given) != len(set(given)):
        twice = next(name for name in given if len(given.getall(name)) > 1)
        raise InvalidInput(
            f"query.{twice}: is there twice",
            errors=(FieldError(loc=("query", twice), msg="is there twice", type="duplicate_field"),),
        )
    try:
        return schema.model_validate(dict(given))
    except ValidationError as error:
        raise problems.invalid(error, within=("query",)) from error
