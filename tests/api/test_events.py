"""GET /api/events: seen by the client over lost connections, and raw."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest
from api_support import Workshop, refused, until

from clowdy_tui.client import Clowdy
from clowdy_tui.client.events import parse
from clowdy_tui.domain.events import Event, EventBus
from clowdy_tui.domain.schemas import EventOut
from clowdy_tui.gateway import events
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.platform import Platform


async def lines(*given: str) -> AsyncIterator[str]:
    for line in given:
        yield line


async def test_the_parser_takes_events_apart() -> None:
    given = lines(
        ": a comment",
        "id: e-1",
        "event: one",
        'data: {"a":',
        "data: 1}",
        "",
        "retry: 5",
        "",
        "id:e-2",
        'data:{"b": 2}',
        "",
        "event: cut off",
        "data: {}",
    )
    assert [event async for event in parse(given)] == [
        EventOut(id="e-1", type="one", data={"a": 1}),
        EventOut(id="e-2", type="message", data={"b": 2}),
    ]


def test_an_event_is_for_its_owner_and_what_is_nobodys_for_who_administers() -> None:
    anna = Actor("anna", frozenset({"read"}))
    hers, theirs, nobodys = (Event("e-1", "x", {}, owner) for owner in ("anna", "bert", ""))
    assert [events.may_see(anna, event) for event in (hers, theirs, nobodys)] == [True, False, False]
    assert [events.may_see(LOCAL, event) for event in (hers, theirs, nobodys)] == [False, False, True]


def test_an_event_cannot_break_out_of_its_line() -> None:
    encoded = events.encode(Event("e-1", "x", {"text": "a\n\nevent: evil\r\u2028"}, ""))
    assert encoded.count(b"\n") == 4
    assert b"\r" not in encoded


async def next_of(stream: AsyncGenerator[EventOut, None], *types: str) -> EventOut:
    """The next event of one of these types."""
    async with asyncio.timeout(60):
        async for event in stream:
            if event.type in types:
                return event
    raise AssertionError(f"the stream ended before {types}")


async def test_what_happens_is_told(owner: Clowdy, other: Clowdy) -> None:
    async with aclosing(owner.events()) as mine, aclosing(other.events()) as theirs:
        hello = await anext(mine)
        assert (hello.type, hello.data) == ("hello", {"id": hello.id, "version": "1.2.3"})
        assert (await anext(theirs)).type == "hello"
        project = await owner.projects.create("Told")
        made = await next_of(mine, "project.created")
        assert made.data["project"]["id"] == project.id
        shop = Workshop(owner, project)
        function = await shop.function("def handler(event, context):\n    print('seen')\n")
        assert (await next_of(mine, "function.created")).data["function_id"] == function.id
        await owner.variables.set(project.id, "SECRET", "geheim")
        told = await next_of(mine, "variable.set")
        assert "geheim" not in told.model_dump_json()
        result = await owner.invoke(function.id)
        started = await next_of(mine, "invocation.started")
        assert started.data["invocation_id"] == result.invocation_id
        log = await next_of(mine, "invocation.log")
        assert [line["text"] for line in log.data["lines"]] == ["seen"]
        assert (await next_of(mine, "invocation.finished")).data["status"] == "success"
        await owner.projects.delete(project.id)
        assert (await next_of(mine, "project.deleted")).data["project_id"] == project.id
        own = await other.projects.create("Theirs")
        seen = await anext(theirs)
        assert (seen.type, seen.data["project"]["id"]) == ("project.created", own.id), "and nothing of the owner's"
        await other.projects.delete(own.id)


async def test_events_missed_meanwhile_are_caught_up(owner: Clowdy) -> None:
    async with aclosing(owner.events()) as first:
        hello = await anext(first)
    project = await owner.projects.create("Missed")
    async with aclosing(owner.events(after=hello.id)) as again:
        assert (await anext(again)).type == "hello"
        missed = await next_of(again, "project.created", "gap")
        assert missed.data["project"]["id"] == project.id
    async with aclosing(owner.events(after=missed.id)) as later:
        await owner.projects.delete(project.id)
        assert (await next_of(later, "project.created", "project.deleted")).type == "project.deleted"


@pytest.mark.parametrize("after", ["0-5", "nonsense", "x\ndata: {}\n"])
async def test_an_id_that_is_not_known_any_more_is_a_gap(local: httpx.AsyncClient, after: str) -> None:
    async with local.stream("GET", "/api/events", params={"after": after}) as response:
        assert response.headers["content-type"] == "text/event-stream"
        parsed = parse(response.aiter_lines())
        async with aclosing(parsed):
            assert [(await anext(parsed)).type for _ in range(2)] == ["hello", "gap"]


async def test_events_ask_for_the_scope(stranger: Clowdy, with_scopes: Callable[..., Awaitable[Clowdy]]) -> None:
    await refused(anext(stranger.events()), 401)
    await refused(anext((await with_scopes("invoke")).events()), 403)


async def test_a_quiet_stream_beats_and_ends_with_its_token(
    gateway: Gateway, owner: Clowdy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    made = await owner.tokens.create("brief", scopes=["read"], user="nobody-else")
    headers = {"Authorization": f"Bearer {made.token}"}
    beats = 0
    async with (
        asyncio.timeout(60),
        httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=10) as http,
        http.stream("GET", "/api/events") as response,
    ):
        async for line in response.aiter_lines():
            if line == ": heartbeat":
                beats += 1
                if beats == 2:
                    await owner.tokens.revoke(made.id)
    assert beats >= 2


async def test_the_gateway_goes_and_comes_back(platform: Platform, scratch: Path) -> None:
    path = scratch / "again.sock"
    config = GatewayConfig(port=0, socket_path=path)
    async with Clowdy(socket=path) as client, aclosing(client.events()) as stream:
        lost = await anext(stream)
        assert lost.type == "connection.lost"
        assert "No gateway answers at" in lost.data["detail"]
        async with Gateway(platform, config):
            assert (await next_of(stream, "connection.restored", "hello")).type == "connection.restored"
            assert (await anext(stream)).type == "hello"
        assert (await anext(stream)).type == "connection.lost"
        platform.bus.publish("project.updated", {"project_id": "meanwhile"}, owner="local")
        async with Gateway(platform, config):
            assert [(await anext(stream)).type for _ in range(2)] == ["connection.restored", "hello"]
            assert (await next_of(stream, "project.updated", "gap")).data == {"project_id": "meanwhile"}


async def test_a_reader_ends_when_its_client_closes(owner: Clowdy, gateway: Gateway) -> None:
    client = Clowdy(socket=gateway.socket_path)
    began = asyncio.Event()

    async def read() -> list[str]:
        seen = []
        async for event in client.events():
            seen.append(event.type)
            began.set()
        return seen

    reader = asyncio.create_task(read())
    await began.wait()
    await client.close()
    async with asyncio.timeout(60):
        assert (await reader)[0] == "hello"


async def test_a_reader_that_is_cancelled_leaves_nothing(gateway: Gateway) -> None:
    before = asyncio.all_tasks()
    async with Clowdy(socket=gateway.socket_path) as client:

        async def read() -> None:
            async for _ in client.events():
                pass

        reader = asyncio.create_task(read())
        await asyncio.sleep(0)
        reader.cancel()
        await asyncio.wait([reader])
        assert reader.cancelled()

    async def gone() -> bool:
        return not [task for task in asyncio.all_tasks() - before if "_write" in repr(task.get_coro())]

    await until(gone)


async def test_a_slow_reader_costs_no_memory_and_gets_a_gap(
    platform: Platform, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = EventBus(ring_size=50)
    monkeypatch.setattr(platform, "bus", bus)
    path = scratch / "slow.sock"
    async with Gateway(platform, GatewayConfig(port=0, socket_path=path)) as gateway:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1024)
        writer.write(b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"hello")
        for number in range(3000):
            bus.publish("project.updated", {"number": number, "filler": "x" * 1000}, owner="local")
            if number % 10 == 0:
                await asyncio.sleep(0)
        assert _held(gateway) < 300_000, "of three million"
        seen = b""
        async with asyncio.timeout(60):
            while b'"number": 2999' not in seen[-3000:]:
                seen += await reader.read(1 << 20)
        assert b"event: gap" in seen
        assert seen.count(b"event: project.updated") < 3000
        writer.close()
        await writer.wait_closed()


def _held(gateway: Gateway) -> int:
    """Bytes that wait to be sent."""
    servers = [runner.server for runner in gateway._runners if runner.server is not None]
    transports = [connection.transport for server in servers for connection in server.connections]
    return sum(transport.get_write_buffer_size() for transport in transports if transport is not None)
