"""What a function reaches over the network: nothing with it off, and with it on nothing that is the host's alone."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from engine_support import RUNTIMES, Engine, deployment, until, value

from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes import bubblewrap
from clowdy_tui.engine.sandboxes.base import Enforced
from clowdy_tui.engine.sandboxes.bubblewrap import BubblewrapDriver
from clowdy_tui.engine.sandboxes.usernet import UserNetwork

Needs = Callable[[Enforced], None]

KNOCK = """
import socket
def knock(family, kind, address):
    with socket.socket(family, kind) as client:
        client.settimeout(2)
        try:
            client.connect(address)
            client.send(b"x")
            # Who is not there answers a datagram with a refusal, where anything answers at all.
            return "reached" if kind == socket.SOCK_STREAM else "sent"
        except OSError as error:
            return "refused"
"""


async def test_without_the_network_there_is_none(engine: Engine) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0clowdy-test-{os.getpid()}")
    abstract.listen()
    code = """
import socket
def handler(where):
    tried = {}
    for family, address in ((socket.AF_INET, ("127.0.0.1", where[0])), (socket.AF_INET, ("192.0.2.1", 80)),
                            (socket.AF_UNIX, chr(0) + where[1])):
        client = socket.socket(family)
        client.settimeout(1)
        try:
            client.connect(address)
            tried[str(address)] = "reached"
        except OSError as error:
            tried[str(address)] = "refused"
    try:
        socket.getaddrinfo("example.org", 80)
        tried["dns"] = "reached"
    except OSError:
        tried["dns"] = "refused"
    return tried
"""
    try:
        port = listener.getsockname()[1]
        tried = await engine.result(code, [port, f"clowdy-test-{os.getpid()}"])
        assert set(tried.values()) == {"refused"}, tried
    finally:
        listener.close()
        abstract.close()


async def test_with_the_network_there_is_one(engine: Engine) -> None:
    code = "import socket\ndef handler(event):\n    return [name for _, name in socket.if_nameindex()]\n"
    assert await engine.result(code) in (["lo"], [])
    assert len(await engine.result(code, network_enabled=True)) > 1


async def test_datagrams_and_unix_sockets_of_the_host_are_not_reached(engine: Engine, scratch: Path) -> None:
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    datagrams.setblocking(False)
    path = scratch / f"host-{os.getpid()}.sock"
    named = socket.socket(socket.AF_UNIX)
    named.bind(str(path))
    named.listen()
    path.chmod(0o777)
    code = """
import socket
def handler(event):
    port, path = event
    told = []
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port))
    except OSError:
        pass
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        return "reached"
    except OSError as error:
        return type(error).__name__
"""
    try:
        where = [datagrams.getsockname()[1], str(path)]
        assert await engine.result(code, where) in {"FileNotFoundError", "PermissionError"}
        with pytest.raises(BlockingIOError):
            datagrams.recv(1)
        assert await engine.result(code, where, network_enabled=True) in {"FileNotFoundError", "PermissionError"}
    finally:
        datagrams.close()
        named.close()
        path.unlink()


@contextmanager
def listening() -> Iterator[tuple[int, list[socket.socket]]]:
    """A port that is open on the loopback alone: TCP and UDP on both of its addresses, and an abstract unix socket."""
    with ExitStack() as closed:
        listener = closed.enter_context(socket.create_server(("127.0.0.1", 0)))
        port: int = listener.getsockname()[1]
        datagrams = closed.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind(("127.0.0.1", port))
        held = [listener, datagrams]
        if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
            held.append(closed.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6)))
        abstract = closed.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0clowdy-test-on-{port}")
        abstract.listen()
        held.append(abstract)
        for one in held:
            one.setblocking(False)
        yield port, held


async def test_with_the_network_on_the_hosts_loopback_stays_closed(engine: Engine, needs: Needs) -> None:
    needs(Enforced.NETWORK_APART)
    code = f"""{KNOCK}
def handler(port):
    told = {{}}
    # The last three are names for the host, and for its loopback, in slirp4netns and in Docker.
    for host in ("127.0.0.1", "127.0.0.53", "0.0.0.0", "10.0.2.2", "10.0.2.3", "172.17.0.1"):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            told[f"{{host}} {{kind.name}}"] = knock(socket.AF_INET, kind, (host, port))
    for host in ("::1", "::ffff:127.0.0.1", "fd00::2"):
        told[host] = knock(socket.AF_INET6, socket.SOCK_STREAM, (host, port))
    told["abstract"] = knock(socket.AF_UNIX, socket.SOCK_STREAM, f"{{chr(0)}}clowdy-test-on-{{port}}")
    return told
"""
    with listening() as (port, held):
        told = await engine.result(code, port, network_enabled=True, timeout_s=60)
        assert "reached" not in told.values(), told
        for one in held:
            with pytest.raises(BlockingIOError):
                one.recv(1) if one.type == socket.SOCK_DGRAM else one.accept()


async def test_with_the_network_on_the_world_is_reached(engine: Engine, needs: Needs) -> None:
    """The world is a port of this machine that is open on an address of its own."""
    needs(Enforced.NETWORK_APART)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        address = way.getsockname()[0]
    server = await asyncio.start_server(lambda _, writer: writer.close(), address, 0)
    try:
        where = server.sockets[0].getsockname()[:2]
        code = f"{KNOCK}\ndef handler(a):\n    return knock(socket.AF_INET, socket.SOCK_STREAM, tuple(a))\n"
        assert await engine.result(code, where, network_enabled=True) == "reached"
        assert await engine.result(code, where) == "refused"
    finally:
        server.close()
        await server.wait_closed()


async def test_with_the_network_on_another_function_is_not_reached(engine: Engine, needs: Needs) -> None:
    needs(Enforced.NETWORK_APART)
    listens = """
import fcntl, json, socket, struct
def handler(event):
    server = socket.create_server(("0.0.0.0", 0))
    addresses = []
    for _, name in socket.if_nameindex():
        try:
            addresses.append(socket.inet_ntoa(fcntl.ioctl(server, 0x8915, struct.pack("256s", name.encode()))[20:24]))
        except OSError:
            continue
    print(json.dumps([addresses, server.getsockname()[1]]))
    server.accept()
    print("reached")
"""
    heard: asyncio.Queue[str] = asyncio.Queue()
    call = engine.invoke(
        deployment(listens, network_enabled=True, timeout_s=60), on_log=lambda entry: heard.put_nowait(entry.text)
    )
    waiting = asyncio.create_task(call)
    addresses, port = json.loads(await asyncio.wait_for(heard.get(), 30))
    assert any(address != "127.0.0.1" for address in addresses), addresses
    code = f"""{KNOCK}
def handler(event):
    return [knock(socket.AF_INET, socket.SOCK_STREAM, (host, event[1])) for host in event[0]]
"""
    other = deployment(code, network_enabled=True, function_id="f00000000002", timeout_s=30)
    assert set(value(await engine.invoke(other, [addresses, port]))) == {"refused"}
    assert not waiting.done()
    assert heard.empty()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


# What is bubblewrap's alone: the network is a program beside the sandbox.


Networks = Callable[[], list[int]]


@pytest.fixture
def networks(installation_id: str) -> Networks:
    """The programs for networks that were started since: another gateway of this process may have some of its own."""
    before = set(programs(installation_id))
    return lambda: [program for program in programs(installation_id) if program not in before]


@pytest.fixture
async def apart(trees: Path, installation_id: str, networks: Networks) -> AsyncIterator[Engine]:
    """bubblewrap with a network of its own; skips where it has none."""
    driver = BubblewrapDriver(installation_id=installation_id, data_dir=trees)
    service = InvokeService(driver, RuntimeStore(trees, RUNTIMES), limits=EngineLimits(spares=0))
    await service.start()
    try:
        status = service.driver_status()
        if Enforced.NETWORK_APART not in status.enforced:
            pytest.skip(status.notes[-1])
        yield Engine(service)
    finally:
        await service.close()
    await until(lambda: not networks(), why="a network ends with its sandbox")


def programs(installation_id: str) -> list[int]:
    """The programs that this process, or a gateway of this installation, has started for networks."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if b"slirp4netns" in (entry / "cmdline").read_bytes().split(b"\0")[0]:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == os.getpid() or installation_id in Path(f"/proc/{parent}/cmdline").read_text():
                    found.append(int(entry.name))
        except OSError:
            continue
    return found


async def test_an_instance_whose_network_died_is_replaced(apart: Engine, networks: Networks) -> None:
    what = deployment(network_enabled=True)
    assert value(await apart.invoke(what, 1)) == 1
    (program,) = networks()
    os.kill(program, signal.SIGKILL)
    await until(lambda: not apart.service.snapshot())
    outcome = await apart.invoke(what, 1)
    assert (value(outcome), outcome.cold_start) == (1, True)


async def test_a_network_ends_with_its_call_that_is_cut_off(apart: Engine, networks: Networks) -> None:
    stays = deployment("import time\ndef handler(event):\n    time.sleep(60)\n", network_enabled=True, timeout_s=0.5)
    assert (await apart.invoke(stays)).status == "timeout"
    await until(lambda: not networks())


async def test_a_function_does_not_see_who_makes_its_network(apart: Engine) -> None:
    code = "import os\ndef handler(event):\n    return [name for name in os.listdir('/proc') if name.isdecimal()]\n"
    assert await apart.result(code, network_enabled=True) == ["1"]


GATEWAY = """
import asyncio, sys
from pathlib import Path
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes import make_driver

async def main(installation, trees, runtimes):
    driver = make_driver("bubblewrap", installation_id=installation, data_dir=Path(trees))
    service = InvokeService(driver, RuntimeStore(Path(trees), Path(runtimes)), limits=EngineLimits(spares=0))
    await service.start()
    code = "def handler(event):\\n    return 1\\n"
    deployment = Deployment("f1", "net", "local", 1, {"function.py": code}, network_enabled=True)
    outcome = await service.invoke(deployment, b"1", invocation_id="1")
    print(outcome.status, flush=True)
    await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_network_ends_with_a_killed_gateway(
    apart: Engine, trees: Path, installation_id: str, networks: Networks
) -> None:
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", GATEWAY, installation_id, str(trees), str(RUNTIMES)), stdout=subprocess.PIPE
    )
    assert gateway.stdout is not None
    assert await asyncio.wait_for(gateway.stdout.readline(), 30) == b"success\n"
    left = networks()
    assert left
    gateway.kill()
    await gateway.wait()
    await until(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in left))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "install `slirp4netns`"),
        (["sh", "-c", "echo 'open(\"/dev/net/tun\"): Permission denied' >&2; exit 1"], "/dev/net/tun"),
    ],
)
async def test_where_it_cannot_be_had_that_is_said(
    monkeypatch: pytest.MonkeyPatch, trees: Path, installation_id: str, found: list[str] | None, words: str
) -> None:
    network = found and UserNetwork(Path("/bin/true"), "0", tuple(found))
    monkeypatch.setattr(bubblewrap, "find_user_network", lambda _: network)
    driver = BubblewrapDriver(installation_id=installation_id, data_dir=trees)
    service = InvokeService(driver, RuntimeStore(trees, RUNTIMES), limits=EngineLimits(spares=0))
    await service.start()
    try:
        status = service.driver_status()
        assert status.available
        assert Enforced.NETWORK_APART in status.not_enforced
        assert any("its loopback addresses included" in note and words in note for note in status.notes), status.notes
        mine = "import os\ndef handler(event):\n    return os.readlink('/proc/self/ns/net')\n"
        shared = await asyncio.to_thread(os.readlink, "/proc/self/ns/net")
        assert await Engine(service).result(mine, network_enabled=True) == shared
        assert await Engine(service).result(mine) != shared
    finally:
        await service.close()
