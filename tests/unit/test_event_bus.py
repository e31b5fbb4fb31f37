import asyncio
from collections.abc import AsyncIterator

import pytest

from clowdy_tui.domain.events import GAP, Event, EventBus


async def take(events: AsyncIterator[list[Event]], count: int) -> list[Event]:
    """The next `count` events at least."""
    taken: list[Event] = []
    async with asyncio.timeout(60):
        async for batch in events:
            taken += batch
            if len(taken) >= count:
                break
    return taken


async def test_readers_get_what_comes_and_only_what_they_may() -> None:
    bus = EventBus()
    bus.publish("before", {}, owner="ada")
    everything = asyncio.create_task(take(bus.subscribe(), 2))
    hers = asyncio.create_task(take(bus.subscribe(allows=lambda event: event.owner == "ada"), 1))
    await asyncio.sleep(0)
    bus.publish("x", {"n": 1}, owner="bob")
    bus.publish("y", {"n": 2}, owner="ada")
    assert [event.type for event in await everything] == ["x", "y"]
    assert [event.type for event in await hers] == ["y"]


async def test_a_reader_that_comes_back_catches_up() -> None:
    bus = EventBus()
    bus.publish("a", {}, owner="")
    seen = bus.last_id
    bus.publish("b", {}, owner="")
    bus.publish("c", {}, owner="")
    assert [event.type for event in await take(bus.subscribe(seen), 2)] == ["b", "c"]


@pytest.mark.parametrize("after", ["0-5", "nonsense", "", "{epoch}-99", "{epoch}-x"])
async def test_an_id_that_is_not_of_this_process_is_a_gap(after: str) -> None:
    bus = EventBus()
    bus.publish("a", {}, owner="")
    assert [event.type for event in await take(bus.subscribe(after.format(epoch=bus.epoch)), 1)] == [GAP]


async def test_a_reader_that_fell_behind_the_ring_is_told() -> None:
    bus = EventBus(ring_size=3)
    bus.publish("0", {}, owner="")
    seen = bus.last_id
    for number in range(1, 10):
        bus.publish(str(number), {}, owner="")
    assert [event.type for event in await take(bus.subscribe(seen), 4)] == [GAP, "7", "8", "9"]


async def test_a_reader_that_goes_leaves_nothing_behind() -> None:
    bus = EventBus()
    reading = asyncio.create_task(take(bus.subscribe(), 1))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    assert not bus._waiters
