"""Load and faults for as long as one asks, on a gateway of its own: `python -m scripts.soak --seconds 60`.

Functions that answer, raise, sleep too long, eat memory, flood their log and end their own process are called all the
time, while versions are saved, sandboxes are killed, the gateway is killed with -9 and started again, and the Docker
engine goes and comes back. It ends with the calls and their outcomes, by kind, and with what is left behind. The exit
code is 1 where a call had an outcome that nothing explains, a saved version or a call is missing, or anything is left;
3 where the Docker engine itself no longer answers anybody, so that nothing can be said of the gateway.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from clowdy_tui.client import ApiError, Clowdy, GatewayGone
from clowdy_tui.domain.schemas import FunctionIn, FunctionPatch
from clowdy_tui.engine.sandboxes.docker_container import INSTALLATION_LABEL
from tests.docker.docker_support import ENGINE_SOCKET, EngineProxy

CALLERS: Final = 6
FAULT_EVERY_S: Final = 3.0
LOSES_S: Final = 0.5
"""A kill may cost the log what was answered in its last 100 ms; on a machine that has more to do than it can, more."""
BACK_WITHIN_S: Final = 60.0
ENGINE_WITHIN_S: Final = 60.0
"""For a command of the Docker engine; one may wait for the starts of many containers before it."""
ENDS_WITHIN_S: Final = 180.0
"""For one fault, and for the last calls: more than all that is waited for in them."""
ENGINE_GONE: Final = 3
STEADY: Final = "VERSION = 1\ndef handler(event):\n    print('got', event)\n    return event\n"
FORKS: Final = "import os, time\ndef handler(event):\n    os.fork() or time.sleep(60)\n    return event\n"
EATS: Final = "def handler(event):\n    kept = []\n    while True: kept.append(bytearray(1 << 20))\n"


class EngineGone(Exception):
    """The Docker engine's own command got no answer from it, past the gateway and the proxy."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A function that is called: its code, how its calls must end, and how often it has its turn."""

    code: str
    ends: str
    weight: int = 1


KINDS: Final = {
    "steady": Kind(STEADY, "success", 30),
    "slow": Kind("import time\ndef handler(event):\n    time.sleep(0.05)\n    return event\n", "success", 15),
    "streams": Kind("def handler(event):\n    yield from (str(n) for n in range(50))\n", "success", 8),
    "network": Kind("def handler(event):\n    return event\n", "success", 4),
    "floods": Kind("def handler(event):\n    for _ in range(9000): print('x' * 99)\n    return event\n", "success", 2),
    "forks": Kind(FORKS, "success", 2),
    "raises": Kind("def handler(event):\n    raise ValueError('as it should')\n", "error", 4),
    "sleeps": Kind("import time\ndef handler(event):\n    time.sleep(60)\n", "timeout"),
    "spins": Kind("def handler(event):\n    while True: pass\n", "timeout"),
    "eats": Kind(EATS, "out_of_memory"),
    "exits": Kind("import os\ndef handler(event):\n    os._exit(3)\n", "crashed"),
}


@dataclass(slots=True)
class Fault:
    """What is done to it, and how calls may end for it: those that run while it lasts or begin `after_s` later."""

    name: str
    do: Callable[[], Awaitable[None]]
    lets: frozenset[str] = frozenset()
    after_s: float = 1.0
    began: float = 0.0
    ended: float = float("inf")

    def explains(self, ended_as: str, began: float) -> bool:
        return ended_as in self.lets and began < self.ended + self.after_s and time.monotonic() > self.began


class Soak:
    """One driver's run: a gateway on a data folder of its own, callers, faults, and what came of it all."""

    def __init__(self, driver: str, folder: Path, chance: random.Random) -> None:
        self.driver = driver
        self.data = folder / "data"
        self.log = folder / "gateway.log"
        self.calls: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[str] = Counter()
        self.explained: Counter[tuple[str, str]] = Counter()
        self.wrong: list[str] = []
        self._chance = chance
        self._proxy = EngineProxy(socket=folder / "docker.sock") if driver == "docker" else None
        self._process: asyncio.subprocess.Process | None = None
        self._client: Clowdy | None = None
        self._functions: dict[str, str] = {}
        self._answered: dict[str, float] = {}
        self._killed: list[tuple[float, float]] = []
        self._saved = {1: STEADY}
        self._past: deque[Fault] = deque(maxlen=20)
        self._going = True

    async def run(self, seconds: float) -> None:
        if self._proxy is not None:
            await self._proxy.open()
        await self._start()
        for name, kind in KINDS.items():
            limits: dict[str, Any] = {"memory_mb": 64, "timeout_s": 1.0 if kind.ends == "timeout" else 20.0}
            made = FunctionIn(name=name, code=kind.code, network_enabled=name == "network", max_instances=4, **limits)
            self._functions[name] = (await self._at.functions.create(made)).id
        callers = [asyncio.create_task(self._call()) for _ in range(CALLERS)]
        end = time.monotonic() + seconds
        faults = self._kinds_of_faults()
        turn = 0
        while time.monotonic() < end and not any(caller.done() for caller in callers):
            await asyncio.sleep(FAULT_EVERY_S)
            fault = replace(faults[turn % len(faults)], began=time.monotonic())
            turn += 1
            self.faults[fault.name] += 1
            self._past.append(fault)
            await self._within(fault.name, fault.do())
            fault.ended = time.monotonic()
        self._going = False
        await self._within("the end of the last calls", asyncio.gather(*callers))
        await self._look_at_what_is_kept()
        await self._stop()

    async def _within(self, what: str, does: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await does
        except TimeoutError:
            if self.driver == "docker":
                await self._docker("ps")
            log = self.log.read_text(errors="replace")[-2000:]
            raise SystemExit(
                f"{what}: not over after {ENDS_WITHIN_S:g} s; the end of the gateway's log: {log}"
            ) from None

    async def end(self) -> None:
        """Also of a run that was broken off: nothing of it goes on."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._proxy is not None:
            await self._proxy.cut()

    @property
    def _at(self) -> Clowdy:
        assert self._client is not None
        return self._client

    async def _start(self) -> None:
        environment = {**os.environ, "CLOWDY_DATA_DIR": str(self.data), "CLOWDY_CONFIG": os.devnull}
        environment["CLOWDY_DRIVER"] = self.driver
        if self._proxy is not None:
            environment["DOCKER_HOST"] = f"unix://{self.data.parent}/docker.sock"
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "clowdy_tui", "serve", "--json", "--port", "0"),
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), BACK_WITHIN_S)
        if not line:
            raise SystemExit(f"the gateway does not start; its log: {self.log.read_text()[-2000:]}")
        self._client = Clowdy(socket=Path(json.loads(line)["socket"]))

    async def _stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(number)
        await asyncio.wait_for(self._process.wait(), BACK_WITHIN_S)
        await self._at.close()
        if number == signal.SIGKILL:
            # What it answered is read until the client is closed, and so after it was killed, too.
            self._killed.append((began, time.monotonic()))

    # Calls.

    async def _call(self) -> None:
        names = list(KINDS)
        while self._going:
            name = self._chance.choices(names, [kind.weight for kind in KINDS.values()])[0]
            event = self._chance.random()
            began = time.monotonic()
            try:
                answer = await self._at.invoke(self._functions[name], event)
            except ApiError as error:
                ended = "throttled" if error.status == 429 else "unavailable" if error.status == 503 else str(error)
            except (GatewayGone, RuntimeError) as error:
                # A client that is closed under its call says so by a RuntimeError.
                ended = "no gateway" if isinstance(error, GatewayGone) or "closed" in str(error) else repr(error)
            else:
                self._answered[answer.invocation_id] = time.monotonic()
                ended = str(answer.status)
                if ended == "success" and name != "streams" and answer.output != event:
                    ended = f"a wrong answer: {answer.output!r}"
            self._count(name, ended, began)
            if ended in {"no gateway", "unavailable"}:
                await asyncio.sleep(0.1)

    def _count(self, name: str, ended: str, began: float) -> None:
        if ended == KINDS[name].ends:
            self.calls[name, ended] += 1
        elif any(fault.explains(ended, began) for fault in self._past):
            self.explained[name, ended] += 1
        else:
            self.wrong.append(f"a call of {name} ended as: {ended}")

    # Faults.

    def _kinds_of_faults(self) -> list[Fault]:
        lost, away = frozenset({"crashed"}), frozenset({"no gateway", "unavailable", "crashed"})
        save = Fault("a version saved", self._save)
        stopped = Fault("the gateway stopped and started", lambda: self._again(signal.SIGTERM), away)
        killed = Fault("the gateway killed and started", lambda: self._again(signal.SIGKILL), away)
        every = [save, Fault("a sandbox ended by its owner", self._end_a_sandbox, lost)]
        if self.driver == "docker":
            remove = partial(self._to_a_container, "rm", "--force")
            # One that is idle may lie there paused until a call meets it.
            pause, late = partial(self._to_a_container, "pause"), frozenset({"timeout", "crashed"})
            every += [
                Fault("the engine away for 2 s", self._cut, frozenset({"unavailable", "crashed"}), 10.0),
                Fault("a container removed from outside", remove, lost),
                Fault("a container paused from outside", pause, late, 60.0),
            ]
        else:
            every.append(Fault("a sandbox killed from outside", self._kill_a_process, lost))
        return [*every, stopped, save, killed]

    async def _save(self) -> None:
        number = max(self._saved) + 1
        code = STEADY.replace("VERSION = 1", f"VERSION = {number}")
        saved = await self._at.functions.update(self._functions["steady"], FunctionPatch(code=code))
        if saved.active_version != number:
            self.wrong.append(f"version {number} was saved as {saved.active_version}")
        self._saved[number] = code

    async def _end_a_sandbox(self) -> None:
        pool = await self._at.pool()
        if pool:
            # It may have gone by itself by now.
            with suppress(ApiError):
                await self._at.kill(self._chance.choice(pool).id)

    async def _again(self, number: signal.Signals) -> None:
        await self._stop(number)
        await self._start()

    async def _cut(self) -> None:
        assert self._proxy is not None
        await self._proxy.cut()
        await asyncio.sleep(2)
        await self._proxy.open()

    async def _to_a_container(self, *command: str) -> None:
        found = await self._docker("ps", "--quiet", "--filter", f"label={INSTALLATION_LABEL}={self._installation()}")
        if found:
            await self._docker(*command, self._chance.choice(found))

    async def _kill_a_process(self) -> None:
        if found := _processes(self._installation()):
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(found), signal.SIGKILL)

    async def _docker(self, *words: str) -> list[str]:
        """Lines that the docker command says; nothing where what it was to change is gone already.

        Raises:
            EngineGone: the engine does not answer it.
        """
        process = await asyncio.create_subprocess_exec(
            *("docker", "--host", f"unix://{ENGINE_SOCKET}", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(ENGINE_WITHIN_S):
                return (await process.communicate())[0].decode().split()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise EngineGone(f"`docker {' '.join(words)}` has no answer after {ENGINE_WITHIN_S:g} s") from None

    # What is kept, and what is left.

    def _installation(self) -> str:
        with closing(sqlite3.connect(next(self.data.glob("*.db")))) as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'installation_id'").fetchone()
        return str(row[0])

    async def _look_at_what_is_kept(self) -> None:
        versions = {one.version: one.code for one in await self._at.functions.versions(self._functions["steady"])}
        missing = sorted(self._saved.items() - versions.items())
        self.wrong += [f"version {number} was saved and is not there" for number, _ in missing]
        await self._stop()
        with closing(sqlite3.connect(next(self.data.glob("*.db")))) as connection:
            kept = {f"{row[0]:016x}" for row in connection.execute("SELECT id FROM invocation")}
            half = connection.execute(
                "SELECT count(*) FROM invocation WHERE id NOT IN (SELECT id FROM invocation_body)"
            ).fetchone()[0]
            (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
        lost = [at for id_, at in self._answered.items() if id_ not in kept]
        # What is lost was answered before a kill; by how much is what counts.
        early = [
            min((max(0.0, began - at) for began, ended in self._killed if ended >= at), default=1e9) for at in lost
        ]
        self.faults[f"calls not in the log, answered {max(early, default=0):.3f} s before a kill"] = len(lost)
        if max(early, default=0) > LOSES_S:
            self.wrong.append(f"a call is not in the log, and was answered {max(early):.3f} s before a kill")
        if half or whole != "ok":
            self.wrong.append(f"the database: {half} rows without their other half, {whole}")
        await self._start()

    async def left(self) -> list[str]:
        """What there is of it when all is ended."""
        installation = self._installation()
        left = [f"process {pid}" for pid in _processes(installation)]
        for folder, names, _ in os.walk("/sys/fs/cgroup"):
            left += [f"control group {folder}/{name}" for name in names if installation in name]
        left += [str(path) for path in Path("/var/tmp").glob(f"clowdy-{installation}-*")]
        if self.driver == "docker":
            label = f"label={INSTALLATION_LABEL}={installation}"
            left += [f"container {id_}" for id_ in await self._docker("ps", "--all", "--quiet", "--filter", label)]
            left += [f"network {id_}" for id_ in await self._docker("network", "ls", "--quiet", "--filter", label)]
        return left


def _processes(installation: str) -> list[int]:
    """bwrap, the runner and whatever else has this installation's mark in its command."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if f"{installation}/".encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
    return found


async def soak(driver: str, seconds: float, seed: int) -> bool:
    """Run one driver's; whether all was well."""
    folder = Path(tempfile.mkdtemp(prefix="clowdy-soak-"))
    folder.chmod(0o711)
    run = Soak(driver, folder, random.Random(seed))
    print(f"{driver}: {seconds:g} s of load and faults, seed {seed}", flush=True)
    try:
        await run.run(seconds)
        left = await run.left()
    finally:
        await run.end()
    tracebacks = run.log.read_text(errors="replace").count("Traceback")
    print(f"  {sum(run.calls.values()) + sum(run.explained.values()) + len(run.wrong)} calls")
    for (name, ended), count in sorted(run.calls.items()):
        print(f"    {name:10} {ended:14} {count:7}")
    print("  faults")
    for name, count in run.faults.items():
        print(f"    {name:50} {count:4}")
    print("  calls that a fault met")
    for (name, ended), count in sorted(run.explained.items()):
        print(f"    {name:10} {ended:14} {count:7}")
    print(f"  wrong: {len(run.wrong)}")
    for text, count in Counter(run.wrong).most_common(20):
        print(f"    {count} x {text}")
    print(f"  tracebacks in the gateway's log: {tracebacks}")
    print(f"  left behind: {', '.join(left) or 'nothing'}", flush=True)
    well = not (run.wrong or left or tracebacks)
    if well:
        shutil.rmtree(folder)
    else:
        print(f"  the gateway's log and data: {folder}")
    return well


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.soak", description="Load and faults, then a count.")
    parser.add_argument("--seconds", type=float, default=60, help="for all drivers together")
    parser.add_argument("--driver", action="append", choices=["bubblewrap", "docker"], help="default: both")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same calls and faults")
    asked = parser.parse_args()
    drivers = asked.driver or ["bubblewrap", "docker"]
    try:
        results = [asyncio.run(soak(driver, asked.seconds / len(drivers), asked.seed)) for driver in drivers]
    except EngineGone as error:
        print(f"  the Docker engine itself has stopped answering: {error}", file=sys.stderr)
        sys.exit(ENGINE_GONE)
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
