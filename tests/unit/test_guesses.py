"""Who tries secrets is slowed down, alone, and costs no memory."""

import pytest

from clowdy_tui.gateway import guesses
from clowdy_tui.gateway.guesses import EACH_S, MOST, Guesses, TooManyGuesses


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(tries: Guesses, source: str, times: int = 1) -> None:
    for _ in range(times):
        tries.check(source, "wrong")
        tries.was_wrong(source)


def test_after_so_many_wrong_ones_there_is_one_in_so_many_seconds() -> None:
    clock = Clock()
    tries = Guesses(clock)
    fail(tries, "192.0.2.1", MOST)
    for _ in range(3):
        with pytest.raises(TooManyGuesses) as caught:
            tries.check("192.0.2.1", "right")
        assert caught.value.headers == {"Retry-After": "3"}
        assert caught.value.status == 429
        clock.now += EACH_S
        fail(tries, "192.0.2.1")
    clock.now += MOST * EACH_S
    fail(tries, "192.0.2.1", MOST)
    with pytest.raises(TooManyGuesses):
        tries.check("192.0.2.1", "right")


def test_others_do_not_notice() -> None:
    tries = Guesses(Clock())
    tries.was_right("192.0.2.1", "known")
    fail(tries, "192.0.2.1", MOST)
    tries.check("192.0.2.2", "right")
    tries.check("192.0.2.1", "known")
    with pytest.raises(TooManyGuesses):
        tries.check("192.0.2.1", "new")
    tries.was_right("192.0.2.2", "new")
    with pytest.raises(TooManyGuesses):
        tries.check("192.0.2.1", "new")


def test_one_household_is_one_source() -> None:
    tries = Guesses(Clock())
    for number in range(MOST):
        fail(tries, f"2001:db8::{number:x}")
    with pytest.raises(TooManyGuesses):
        tries.check("2001:db8::ffff", "x")
    tries.check("2001:db8:0:1::1", "x")
    fail(tries, "fe80::1%eth0")
    fail(tries, "::no address")


def test_memory_is_bounded() -> None:
    clock = Clock()
    tries = Guesses(clock)
    for number in range(3 * guesses._SOURCES):
        tries.was_wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        tries.was_right("192.0.2.1", str(number))
    assert len(tries._forgotten_at) == guesses._SOURCES
    assert len(tries._welcome) == guesses._WELCOME
    clock.now += EACH_S + 1
    tries.was_wrong("192.0.2.9")
    assert len(tries._forgotten_at) == 1, "what is forgotten is not kept"
