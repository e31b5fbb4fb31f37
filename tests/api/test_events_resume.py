"""Connections that are cut in the middle of a busy stream: nothing comes twice afterwards, and nothing is missing."""

import asyncio
import json
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from api_support import Workshop

from clowdy_tui.client import Clowdy
from clowdy_tui.client import events as client_events
from clowdy_tui.client.events import LOST, parse
from clowdy_tui.domain.events import GAP, EventBus
from clowdy_tui.domain.schemas import EventOut
from clowdy_tui.gateway import events
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.platform import Platform

TOLD = "project.updated"


class Cutter:
    """A wire to the gateway that breaks, with a reset, after so many bytes of the answer, over and over."""

    def __init__(self, port: int, chance: random.Random) -> None:
        self._port = port
        self._chance = chance
        self.cuts = 0
        self._wires: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        def begin(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
            self._wires.add(asyncio.create_task(self._carry(near, back)))

        server = await asyncio.start_server(begin, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for wire in self._wires:
                wire.cancel()
            await asyncio.gather(*self._wires, return_exceptions=True)
            await server.wait_closed()

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, there = await asyncio.open_connection("127.0.0.1", self._port)
        up = asyncio.create_task(_pump(near, there))
        try:
            room = self._chance.randrange(200, 40_000)
            while chunk := await far.read(4096):
                if room <= len(chunk):
                    back.write(chunk[:room])
                    await back.drain()
                    self.cuts += 1
                    break
                room -= len(chunk)
                back.write(chunk)
                await back.drain()
        except ConnectionError:
            pass
        finally:
            up.cancel()
            await asyncio.gather(up, return_exceptions=True)
            for writer in (back, there):
                # No goodbye: what is under way is lost, as with a cable that is pulled out.
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
                with suppress(ConnectionError):
                    await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(4096):
            writer.write(chunk)
            await writer.drain()


async def test_cut_off_in_the_middle_and_nothing_is_lost_or_doubled(
    gateway: Gateway, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_events, "_FIRST_PAUSE_S", 0.001)
    cutter = Cutter(gateway.port, random.Random(7))
    function = await shop.function("def handler(event, context):\n    print('seen')\n    return event\n")
    token = (await shop.client.tokens.create("reader")).token
    seen: list[EventOut] = []
    total, calls = 4000, 60

    publish = gateway.platform.bus.publish

    async def tell() -> None:
        for number in range(total):
            publish(TOLD, {"test": "resume", "number": number, "filler": "x" * 100}, owner="local")
            if number % 20 == 0:
                await asyncio.sleep(0.002)

    async def call() -> list[str]:
        return [(await shop.client.invoke(function.id, number)).invocation_id for number in range(calls)]

    async def load() -> list[str]:
        _, invocations = await asyncio.gather(tell(), call())
        publish(TOLD, {"test": "over"}, owner="local")
        return invocations

    async with cutter.open() as url, Clowdy(url=url, token=token) as client, aclosing(client.events()) as stream:
        while (await anext(stream)).type != "hello":
            pass
        loading = asyncio.create_task(load())
        async with asyncio.timeout(40):
            async for event in stream:
                seen.append(event)
                if event.data.get("test") == "over":
                    break
        invocations = await loading

    assert cutter.cuts > 10, "or this has proved nothing"
    assert sum(event.type == LOST for event in seen) > 10
    assert not [event for event in seen if event.type == GAP], "the ring held all of it"
    assert [event.data["number"] for event in seen if event.data.get("test") == "resume"] == [*range(total)]
    finished = [event.data["invocation_id"] for event in seen if event.type == "invocation.finished"]
    assert sorted(id_ for id_ in finished if id_ in set(invocations)) == sorted(invocations)
    told = [event.id for event in seen if event.type not in {"hello", LOST, "connection.restored"}]
    assert len(told) == len(set(told))


async def test_what_fell_out_of_the_ring_leaves_a_mark_and_what_is_in_it_comes(
    platform: Platform, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = EventBus(ring_size=100)
    monkeypatch.setattr(platform, "bus", bus)
    path = scratch / "ring.sock"
    public_url = platform.public_url

    async def read(after: str | None, count: int) -> list[EventOut]:
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        headers = {} if after is None else {"Last-Event-ID": after}
        async with (
            asyncio.timeout(60),
            httpx.AsyncClient(base_url="http://clowdy", transport=transport, timeout=10) as http,
            http.stream("GET", "/api/events", headers=headers) as response,
            aclosing(parse(response.aiter_lines())) as stream,
        ):
            return [await anext(stream) for _ in range(count)]

    def publish(first: int, count: int) -> None:
        for number in range(first, first + count):
            bus.publish(TOLD, {"number": number}, owner="local")

    def numbers(seen: list[EventOut]) -> list[int]:
        return [event.data["number"] for event in seen if event.type == TOLD]

    async with Gateway(platform, GatewayConfig(port=0, socket_path=path)):
        publish(0, 3)
        (hello,) = await read(None, 1)
        publish(3, 100)
        seen = await read(hello.id, 101)
        assert numbers(seen) == [*range(3, 103)], "the whole ring, and no mark: nothing is missing"
        assert [event.type for event in seen].count(GAP) == 0
        assert seen[0].type == "hello"
        assert seen[0].id == hello.id, "who is cut off right here comes back to the same place"
        publish(103, 1)
        seen = await read(hello.id, 102)
        assert [event.type for event in seen[:3]] == ["hello", GAP, TOLD], "one is missing: said first"
        assert numbers(seen) == [*range(4, 104)]
        mark = seen[1]
        assert numbers(await read(mark.id, 101)) == [*range(4, 104)], "who is cut off at the mark has no other"
        other = EventBus(ring_size=100)
        other.epoch = "0"
        seen = await read(other.last_id, 2)
        assert [event.type for event in seen] == ["hello", GAP], "an id of a gateway that is no more"
    platform.public_url = public_url


async def test_a_busy_stream_ends_with_its_token_too(
    gateway: Gateway, shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.1)
    made = await shop.client.tokens.create("brief", scopes=["read"])
    headers = {"Authorization": f"Bearer {made.token}"}
    is_over = asyncio.Event()

    async def publish() -> None:
        while not is_over.is_set():
            gateway.platform.bus.publish(TOLD, {"test": "busy"}, owner="local")
            await asyncio.sleep(0.01)

    busy = asyncio.create_task(publish())
    heard = 0
    try:
        async with (
            asyncio.timeout(60),
            httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=60, trust_env=False) as http,
            http.stream("GET", "/api/events") as response,
        ):
            async for line in response.aiter_lines():
                if line.startswith("data:") and "test" in json.loads(line.removeprefix("data:")):
                    heard += 1
                    if heard == 5:
                        await shop.client.tokens.revoke(made.id)
    finally:
        is_over.set()
        await busy
    assert heard >= 5
