"""Routes, and the API keys that open them."""

from typing import Literal

from clowdy_tui.domain.schemas.base import Incoming, Moment, Name, Outgoing

Method = Literal["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "ANY"]
Auth = Literal["none", "token", "api_key"]
PayloadFormat = Literal["clowdy", "aws-2.0"]


class RouteIn(Incoming):
    function_id: str
    method: Method
    path: str
    description: str = ""
    payload_format: PayloadFormat = "clowdy"
    auth: Auth = "none"


class RoutePatch(Incoming):
    function_id: str | None = None
    method: Method | None = None
    path: str | None = None
    description: str | None = None
    payload_format: PayloadFormat | None = None
    auth: Auth | None = None


class RouteOut(Outgoing):
    """`url` is where the route answers, parameters and all, as far as the gateway knows its own address."""

    id: str
    project_id: str
    function_id: str
    function_name: str
    method: str
    path: str
    description: str
    payload_format: str
    auth: str
    url: str
    created_at: Moment
    updated_at: Moment


class KeyIn(Incoming):
    name: Name


class KeyOut(Outgoing):
    """An API key of a project."""

    id: str
    name: str
    created_at: Moment


class KeyCreated(KeyOut):
    """The only answer that ever holds the key itself; it is sent as the header `x-api-key`."""

    key: str
