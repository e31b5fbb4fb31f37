"""An answer that goes out while the function still makes it."""

import asyncio
from typing import Final, Self

from aiohttp import HttpVersion11, web
from multidict import CIMultiDict

from clowdy_tui.domain.errors import InvalidAnswer
from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.engine.streaming import Flow
from clowdy_tui.gateway.answer import EMPTY, read_head
from clowdy_tui.gateway.connections import reset
from clowdy_tui.gateway.signature import SERVER

# As much waits here for a caller who reads slowly; beyond that the function is held back.
HIGH_WATER: Final = 64 * 1024

# What an answer that is to be broken off gets for the pieces that were made before.
LAST_PIECES_S: Final = 1.0


class StreamedAnswer:
    """Takes a stream for one request, for as long as it is entered. `finish` is for one that has `begun`."""

    __slots__ = (
        "_flow",
        "_over",
        "_request",
        "_request_id",
        "_response",
        "_size",
        "_waiting",
        "_wake",
        "_writer",
        "fault",
    )

    def __init__(self, request: web.Request, request_id: str) -> None:
        self.fault: InvalidAnswer | None = None
        """What is wrong with its head: nothing was sent yet."""
        self._request = request
        self._request_id = request_id
        self._flow: Flow | None = None
        self._writer: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        return self._writer is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nobody waits for it any more."""
        if self._writer is not None:
            self._writer.cancel()

    # What the engine tells.

    def begin(self, head: bytes, flow: Flow, *, binary: bool) -> None:
        try:
            status, given = read_head(head, binary=binary)
        except InvalidAnswer as fault:
            self.fault = fault
            flow.stop(OutcomeStatus.ERROR, "InvalidAnswer", fault.detail)
            return
        headers = CIMultiDict(given)
        headers.setdefault("Server", SERVER)
        headers["X-Request-Id"] = self._request_id
        self._flow = flow
        self._waiting: list[bytes] = []
        self._size = 0
        self._over = False
        self._wake = asyncio.Event()
        self._response = web.StreamResponse(status=status, headers=headers)
        self._writer = asyncio.get_running_loop().create_task(self._write())
        if self._request.method == "HEAD":
            flow.stop(OutcomeStatus.SUCCESS)

    def feed(self, data: bytes) -> None:
        if self._flow is None or self._response.status in EMPTY:
            return
        self._waiting.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER:
            self._flow.pause()
        self._wake.set()

    def kept(self) -> bytes:
        return b"null"

    # What the request's handler does.

    async def finish(self, outcome: Outcome) -> web.StreamResponse:
        """Send what is left, and end the answer: as it should, or broken off where the call did not succeed."""
        assert self._writer is not None
        self._over = True
        self._wake.set()
        if outcome.status is OutcomeStatus.SUCCESS:
            await self._writer
        else:
            await asyncio.wait({self._writer}, timeout=LAST_PIECES_S)
            self._break_off()
        return self._response

    def _break_off(self) -> None:
        transport = self._request.transport
        if transport is None:
            return
        if self._request.version >= HttpVersion11 and self._writer is not None and self._writer.done():
            # The chunk that would end it is missing: whoever reads sees that it is not whole.
            transport.close()
        else:
            reset(transport)

    async def _write(self) -> None:
        assert self._flow is not None
        try:
            await self._response.prepare(self._request)
            while True:
                if self._waiting:
                    data, self._waiting, self._size = b"".join(self._waiting), [], 0
                    await self._response.write(data)
                    self._flow.resume()
                elif self._over:
                    return
                else:
                    self._wake.clear()
                    await self._wake.wait()
        except ConnectionError:
            self._flow.stop(OutcomeStatus.CANCELLED, "Cancelled", "The caller went away")
