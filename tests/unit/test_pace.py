"""The pace of work in the background."""

import asyncio

import pytest

from clowdy_tui.services import pace


async def test_a_step_in_which_the_machine_stood_still_is_not_rested_from_for_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", rest)
    for took_s in (0.02, 300.0):
        times = iter([0.0, took_s])
        monkeypatch.setattr(pace.time, "perf_counter", lambda times=times: next(times))
        one = pace.Pace()
        with one.step():
            pass
        await one.rest()
    assert rests == [0.04, 0.5]
