"""Code that fills, floods, hides, stops or lies: its call gets an honest outcome, and the next one is fine."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from engine_support import ECHO, Engine, choosing, deployment, texts, until, value

from clowdy_tui.engine.outcome import LogEntry
from clowdy_tui.engine.sandboxes.base import Enforced

Needs = Callable[[Enforced], None]

WRITE_TO_PROTOCOL = """
import os, stat, struct, time
def to_protocol(data):
    for number in range(3, 1024):
        try:
            mode = os.fstat(number).st_mode
            if stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode):
                os.write(number, data)
        except OSError:
            pass
"""


FLOODS = (
    "print('x' * 99)",
    "print('x' * 99, file=sys.stderr)",
    "print('\\n' * 999)",
    "print('x' * 99, end='')",
    "os.write(1, b'x' * 65536)",
    "os.write(2, b'\\n' * 65536)",
    "subprocess.run([sys.executable, '-ISc', 'while True: print(\"x\" * 99)'])",
)


async def test_a_flood_without_end_ends_at_the_deadline(engine: Engine) -> None:
    code = choosing((f"while True:\n    {flood}" for flood in FLOODS), "import os, subprocess, sys", "return 'dry'")
    # A few milliseconds of its CPU flood what there is room for: the rest of a second would be spent for nothing.
    what = deployment(code, timeout_s=1.0, cpus=0.2)
    for number, flood in enumerate(FLOODS):
        assert value(await engine.invoke(what)) == "dry"
        told: list[LogEntry] = []
        began = time.monotonic()
        outcome = await engine.invoke(what, number, on_log=told.append)
        took = time.monotonic() - began
        assert outcome.status == "timeout", (flood, outcome)
        assert took < 30, flood
        assert outcome.logs_truncated, flood
        assert sum(len(text) + 1 for text in texts(outcome)) <= 256 * 1024 + 1, flood
        assert told == outcome.logs, flood
        if "end=''" in flood:
            assert len(told[0].text) > 200 * 1024, "a line without an end is kept as far as there is room"
    assert value(await engine.invoke(what)) == "dry"


async def test_descriptors_that_a_call_keeps_are_its_own_trouble(engine: Engine) -> None:
    code = """
import os
held = []
def handler(event):
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        print(len(held))
        return error.errno
"""
    greedy = deployment(code)
    first, second = await engine.invoke(greedy), await engine.invoke(greedy)
    assert value(first) == value(second) == 24
    assert 900 < int(texts(second)[0]) < 1024
    assert first.instance_id == second.instance_id


async def test_the_limits_cannot_be_raised_again(engine: Engine) -> None:
    code = """
import resource
def handler(event):
    told = {}
    for name in ("NOFILE", "CORE", "FSIZE"):
        which = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            try:
                resource.setrlimit(which, (hard + 1, hard + 1))
                told[name] = "raised"
            except (ValueError, OSError):
                told[name] = "refused"
    return told
"""
    told = await engine.result(code)
    assert {"NOFILE", "CORE"} <= told.keys()
    assert set(told.values()) == {"refused"}


@pytest.mark.parametrize("up_to", [0, 96, 97, 98, 99])
async def test_nothing_but_the_streams_is_open(engine: Engine, up_to: int) -> None:
    code = """
import os
def handler(event):
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink("/proc/self/fd/" + name)
        except FileNotFoundError:
            pass
    return found
"""
    # Whatever numbers the host's own have, the mailbox's among them as it is handed over.
    with ExitStack() as ours:
        while ours.enter_context(Path(os.devnull).open("rb")).fileno() < up_to:
            pass
        found = await engine.result(code)
    kinds = {int(number): what.split(":")[0] for number, what in found.items()}
    # The channel both ways, the mailbox, and what tells whether raw output was read.
    assert {number: kind for number, kind in kinds.items() if number > 2} == {
        **dict.fromkeys((100, 101, 102), "socket"),
        103: kinds[1],
    }
    assert set(kinds.values()) <= {"socket", "pipe", "/dev/null"}
    assert found["100"] == found["101"] != found["102"]
    assert found["103"] == found["2"]


async def test_a_full_tmp_is_one_instances_trouble(engine: Engine, needs: Needs) -> None:
    needs(Enforced.FILES)
    code = """
import errno
def handler(event):
    for name in event:
        try:
            with open(name, "wb", buffering=0) as file:
                while True:
                    if file.write(bytes(1 << 20)) < 1 << 20:
                        break
        except OSError as error:
            assert error.errno in (errno.ENOSPC, errno.EFBIG), error
    return "full"
"""
    filler = deployment(code, memory_mb=512)
    assert value(await engine.invoke(filler, ["/tmp/a", "/tmp/b", "/dev/shm/c"])) == "full"
    assert value(await engine.invoke(filler, [])) == "full"
    writes = "def handler(event):\n    return open('/tmp/new', 'w').write('x' * 1000)\n"
    assert await engine.result(writes, version=2) == 1000


async def test_memory_that_is_not_the_heap_counts_too(engine: Engine, needs: Needs) -> None:
    needs(Enforced.MEMORY)
    shared = "memory = mmap.mmap(-1, 1 << 30)\nfor at in range(0, 1 << 30, 4096): memory[at] = 1"
    nameless = "file = os.memfd_create('m')\nwhile True: os.write(file, bytes(1 << 20))"
    in_memory = (
        "file = open('/tmp/f', 'wb', 0); more = open('/dev/shm/f', 'wb', 0)\n"
        "file.write(bytes(56 << 20)); more.write(bytes(15 << 20))"
    )
    hoards = (shared, nameless, in_memory)
    bomb = deployment(choosing(hoards, "import mmap, os", "return 'small'"), memory_mb=64, timeout_s=20.0)
    for number, hoard in enumerate(hoards):
        outcome = await engine.invoke(bomb, number)
        assert outcome.status == "out_of_memory", (hoard, outcome)
        assert value(await engine.invoke(bomb)) == "small"


async def test_a_fork_bomb_ends_at_the_deadline(engine: Engine, needs: Needs) -> None:
    needs(Enforced.PROCESSES)
    code = """
import os
def handler(event):
    while event:
        try:
            os.fork()
        except OSError:
            pass
    return "calm"
"""
    bomb = deployment(code, memory_mb=256, timeout_s=1.0)
    began = time.monotonic()
    outcome = await engine.invoke(bomb, True)
    assert outcome.status in {"timeout", "crashed", "out_of_memory"}, outcome
    assert time.monotonic() - began < 30
    assert value(await engine.invoke(bomb, False)) == "calm"


async def test_a_daemon_is_gone_before_the_next_call(engine: Engine) -> None:
    code = """
import os, signal, time
def handler(event):
    if event:
        ready, done = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in range(1, 65):
                    try:
                        signal.signal(number, signal.SIG_IGN)
                    except (OSError, ValueError):
                        pass
                os.closerange(0, 3)
                os.write(done, b"x")
                time.sleep(600)
            os._exit(0)
        os.read(ready, 1)
    return sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())
"""
    parent = deployment(code)
    assert len(value(await engine.invoke(parent, True))) > 1
    assert value(await engine.invoke(parent, False)) == [1]


async def test_signals_to_everybody(engine: Engine) -> None:
    """The runner is its namespace's first process: from inside it gets no signal that it does not handle."""
    code = """
import os
def handler(event):
    try:
        os.kill(*event)
    except ProcessLookupError:
        pass
    return "alive"
"""
    killer = deployment(code, timeout_s=3.0)
    instances = set()
    for whom in ((1, 9), (1, 19), (1, 15), (-1, 9), (0, 19)):
        for _ in range(2):
            outcome = await engine.invoke(killer, whom)
            assert value(outcome) == "alive", whom
            instances.add(outcome.instance_id)
    assert len(instances) == 1


async def test_an_object_of_fifty_megabytes(engine: Engine) -> None:
    code = "def handler(event):\n    return {'blob': 'x' * event}\n"
    large = deployment(code, memory_mb=512)
    outcome = await engine.invoke(large, 50_000_000)
    assert (outcome.status, outcome.error_type) == ("error", "ResultTooLarge"), outcome
    assert "5000001" in (outcome.error_message or "")
    assert value(await engine.invoke(large, 3)) == {"blob": "xxx"}


async def test_half_a_frame_and_then_nothing(engine: Engine) -> None:
    code = WRITE_TO_PROTOCOL + (
        "def handler(event):\n"
        "    if event:\n"
        "        to_protocol(struct.pack('>IB', 100, 0x12) + b'half')\n"
        "        time.sleep(60)\n"
        "    return 'whole'\n"
    )
    halver = deployment(code, timeout_s=1.0)
    await engine.invoke(halver, False)
    began = time.monotonic()
    outcome = await engine.invoke(halver, True)
    assert outcome.status == "timeout", outcome
    assert time.monotonic() - began < 30
    assert value(await engine.invoke(halver, False)) == "whole"


async def test_an_answer_before_the_answer_is_the_last(engine: Engine) -> None:
    """A function may lie about its own result. It cannot have its instance go on with a second answer left over."""
    code = WRITE_TO_PROTOCOL + (
        "calls = 0\n"
        "def handler(event):\n"
        "    global calls\n"
        "    calls += 1\n"
        "    if event:\n"
        "        to_protocol(struct.pack('>IBIII', 13 + 3, 0x12, calls, 1, 1) + b'\"a\"')\n"
        "    return calls\n"
    )
    liar = deployment(code)
    assert value(await engine.invoke(liar, True)) == "a"
    await until(lambda: engine.service.snapshot() == [], why="the second answer ends the instance")
    assert value(await engine.invoke(liar, False)) == 1


async def test_a_handler_that_closes_everything_and_stays(engine: Engine) -> None:
    """Docker's engine holds the streams open itself, so there the deadline is what ends a handler that sleeps."""
    ways = ("time.sleep(60)", "os.open('/dev/null', os.O_RDWR); time.sleep(60)", "return 1")
    code = choosing((f"os.closerange(0, 1024)\n{then}" for then in ways), "import os, time", "return 'open'")
    closer = deployment(code, timeout_s=1.0)
    for number, then in enumerate(ways):
        assert value(await engine.invoke(closer)) == "open"
        began = time.monotonic()
        outcome = await engine.invoke(closer, number)
        assert outcome.status in {"crashed", "timeout"}, (then, outcome)
        assert time.monotonic() - began < 30, then
    assert value(await engine.invoke(closer)) == "open"


async def test_closed_streams_do_not_stop_the_next_call(engine: Engine) -> None:
    code = """
import os, sys
def handler(event):
    print("heard")
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        stream.close()
    os.closerange(0, 3)
    return event
"""
    closer = deployment(code)
    for n in range(2):
        outcome = await engine.invoke(closer, n)
        assert (value(outcome), texts(outcome)) == (n, ["heard"])


async def test_many_bad_ones_at_once_do_not_disturb_a_good_one(engine: Engine) -> None:
    bad = [
        "while True: pass",
        "os.closerange(0, 1024); time.sleep(60)",
        "os._exit(1)",
        "raise KeyboardInterrupt",
        "while True: print('x' * 99)",
    ]
    calls = [
        engine.run(
            f"import os, time\ndef handler(event):\n    {body}\n", function_id=f"f{n:011d}", timeout_s=1.0, memory_mb=64
        )
        for n, body in enumerate(bad)
    ]
    good = deployment(ECHO)
    running = [asyncio.create_task(call) for call in calls]
    for n in range(20):
        assert value(await engine.invoke(good, n)) == n
    outcomes = await asyncio.gather(*running)
    assert all(outcome.status in {"timeout", "crashed", "error"} for outcome in outcomes), outcomes
