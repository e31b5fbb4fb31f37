"""How the client reaches the gateway: JSON over HTTP, by the owner's unix socket or by TCP with a token."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from clowdy_tui.client.errors import ApiError, GatewayGone
from clowdy_tui.domain.schemas import Problem

# A call may take as long as the function may run, plus its wait for an instance: the gateway ends it, not we.
_TIMEOUT: Final = httpx.Timeout(None, connect=5.0)

Answer = TypeVar("Answer")


_adapters: dict[Any, TypeAdapter[Any]] = {}


def _adapter(answer: type[Answer]) -> TypeAdapter[Answer]:
    if (adapter := _adapters.get(answer)) is None:
        adapter = _adapters[answer] = TypeAdapter(answer)
    return adapter


class Connection:
    """One gateway's address and the open connections to it.

    Give `socket` (the owner's, no token) or `url` (like `http://127.0.0.1:8000`, with the token where one is needed).

    Raises:
        ValueError: neither or both were given, or the token cannot be one.
    """

    def __init__(self, *, socket: Path | None = None, url: str | None = None, token: str | None = None) -> None:
        if (socket is None) == (url is None):
            raise ValueError("Give either the gateway's socket or its URL")
        self.where = str(socket) if socket is not None else str(url).rstrip("/")
        headers = {"accept": "application/json"}
        if token and (token := token.strip()):
            if not (token.isascii() and token.isprintable()):
                raise ValueError("The token holds characters that no token has")
            headers["authorization"] = f"Bearer {token}"
        # To read all the world's certificates takes as long as a hundred calls: only where one will be looked at.
        verify = socket is None and not self.where.lower().startswith("http:")
        self._http = httpx.AsyncClient(
            base_url="http://clowdy" if socket is not None else self.where,
            transport=httpx.AsyncHTTPTransport(uds=str(socket), verify=False) if socket is not None else None,
            verify=verify,
            headers=headers,
            timeout=_TIMEOUT,
            # The proxy of the environment is for the internet, not for a gateway that was named by its address.
            trust_env=False,
        )

    def is_closed(self) -> bool:
        return self._http.is_closed

    async def close(self) -> None:
        await self._http.aclose()

    async def call(
        self,
        answer: type[Answer],
        method: str,
        path: str,
        *,
        body: BaseModel | Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send one request; the answer is checked against `answer`. Of a model only the fields that were set are sent.

        Raises:
            ApiError: the gateway refused.
            GatewayGone: nobody answered.
        """
        response = await self._send(method, path, body, query)
        try:
            return _read(answer, response.content)
        except (ValueError, RecursionError) as error:
            raise ApiError(self._stranger(response)) from error

    async def text(self, method: str, path: str) -> str:
        """Like `call`, where the answer is text and not JSON."""
        return (await self._send(method, path, None, None)).text

    async def _send(
        self, method: str, path: str, body: BaseModel | Mapping[str, Any] | None, query: Mapping[str, Any] | None
    ) -> httpx.Response:
        content = _content(body)
        try:
            response = await self._http.request(
                method,
                path,
                content=content,
                headers={"content-type": "application/json"} if content is not None else None,
                params=_query(query),
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self.gone(error) from error
        if response.is_error:
            raise ApiError(_problem(response))
        return response

    async def download(self, path: str, take: Callable[[bytes], object]) -> None:
        """Like `call`, where the answer is a file, handed on in pieces as it comes."""
        try:
            async with self._http.stream("GET", path) as response:
                if response.is_error:
                    await response.aread()
                    raise ApiError(_problem(response))
                async for piece in response.aiter_raw():
                    take(piece)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self.gone(error) from error

    async def upload(self, path: str, pieces: AsyncIterator[bytes]) -> None:
        """Send a file. Raises as `call`."""
        try:
            headers = {"content-type": "application/octet-stream"}
            response = await self._http.post(path, content=pieces, headers=headers)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self.gone(error) from error
        if response.is_error:
            raise ApiError(_problem(response))

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        headers: Mapping[str, str],
        read_timeout: float,
        method: str = "GET",
        body: BaseModel | Mapping[str, Any] | None = None,
    ) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of an answer that comes bit by bit, or does not end.

        Raises:
            ApiError, GatewayGone: as `call`; also while lines are read.
        """
        timeout = httpx.Timeout(read_timeout, connect=_TIMEOUT.connect)
        try:
            content = _content(body)
            typed = {"content-type": "application/json"} if content is not None else {}
            async with self._http.stream(
                method, path, content=content, headers={**headers, **typed}, timeout=timeout
            ) as response:
                if response.is_error:
                    await response.aread()
                    raise ApiError(_problem(response))
                yield response.aiter_lines()
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self.gone(error) from error

    def gone(self, error: Exception) -> GatewayGone:
        """What to say when nobody answers."""
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.InvalidURL):
            return GatewayGone(f"No gateway answers at {self.where}. Start one with: clowdy serve")
        return GatewayGone(f"The gateway at {self.where} went away before it answered")

    def _stranger(self, response: httpx.Response) -> Problem:
        return Problem(
            type="not-clowdy",
            title="Not a Clowdy answer",
            status=response.status_code,
            detail=f"What answers at {self.where} does not speak this version's API",
        )


def _read(answer: type[Answer], content: bytes) -> Answer:
    adapter = _adapter(answer)
    try:
        return adapter.validate_json(content)
    except ValidationError:
        # pydantic's parser refuses some of what a function may return and JSON allows: half a surrogate pair, say.
        return adapter.validate_python(json.loads(content))


def _content(body: BaseModel | Mapping[str, Any] | None) -> bytes | None:
    if body is None:
        return None
    fields = body.model_dump(mode="json", exclude_unset=True) if isinstance(body, BaseModel) else body
    return json.dumps(fields, allow_nan=False).encode()


def _query(query: Mapping[str, Any] | None) -> dict[str, str] | None:
    if query is None:
        return None
    return {name: _text(value) for name, value in query.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _problem(response: httpx.Response) -> Problem:
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        text = " ".join(response.text[:200].split())
        return Problem(
            title=response.reason_phrase, status=response.status_code, detail=text or response.reason_phrase or "Failed"
        )
