"""What a container's program can see and do: asked from inside, where a setting that does not hold shows."""

import asyncio
import json
from typing import Any

import docker
import pytest
from docker_support import STUBBORN, Recorder, SpecMaker

from clowdy_tui.engine.sandboxes.base import SandboxExit
from clowdy_tui.engine.sandboxes.docker import DockerDriver

pytestmark = pytest.mark.docker

REPORT = """
import errno, json, os, resource, socket

def attempt(work):
    try:
        return work()
    except OSError as error:
        return errno.errorcode[error.errno]

def fill(path):
    written = 0
    with open(path, "wb", buffering=0) as file:
        while True:
            try:
                written += file.write(bytes(1 << 20))
            except OSError as error:
                os.unlink(path)
                return [written, errno.errorcode[error.errno]]

def run_from(folder):
    path = folder + "/program"
    with open(path, "w") as file:
        file.write("#!/usr/local/bin/python3\\n")
    os.chmod(path, 0o755)
    os.execv(path, [path])

def forks():
    children = 0
    try:
        while children < 1000:
            if os.fork() == 0:
                os.read(0, 1)
                os._exit(0)
            children += 1
    except OSError as error:
        return [children, errno.errorcode[error.errno]]

status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
report = {
    "ids": [os.getuid(), os.getgid(), os.getgroups()],
    "pid": os.getpid(),
    "capabilities": [int(status["Cap" + kind], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")],
    "no_new_privs": status["NoNewPrivs"].strip(),
    "seccomp": status["Seccomp"].strip(),
    "write_root": [attempt(lambda place=place: open(place + "/x", "w").name) for place in ("", "/etc", "/usr", "/dev")],
    "tmp": fill("/tmp/x"),
    "shm": fill("/dev/shm/x"),
    "run_from_tmp": attempt(lambda: run_from("/tmp")),
    "environment": sorted(os.environ),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "processes": sorted(name for name in os.listdir("/proc") if name.isdigit()),
    "mounts": sorted(line.split()[1] for line in open("/proc/mounts")),
    "sys": os.listdir("/sys"),
    "kcore": attempt(lambda: len(open("/proc/kcore", "rb").read(1))),
    "devices": sorted(os.listdir("/dev")),
}
report["forks"] = forks()
os.write(1, json.dumps(report).encode() + b"\\n")
while True: os.read(0, 1)
"""


async def report_of(driver: DockerDriver, spec: SpecMaker, **limits: Any) -> tuple[Any, dict[str, Any]]:
    recorder = Recorder()
    sandbox = await driver.start(spec(REPORT, **limits), recorder)
    await recorder.until(lambda: bool(recorder.exits) or recorder.data.endswith(b"\n"))
    assert not recorder.exits, recorder.output.decode()
    return sandbox, json.loads(recorder.data)


async def test_from_inside_every_door_is_shut(
    driver: DockerDriver, spec: SpecMaker, engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOWDY_SECRET_OF_THE_HOST", "x")
    sandbox, report = await report_of(driver, spec, max_processes=20, tmp_mb=8, cpus=0.5)
    assert report["ids"] == [65534, 65534, [65534]] or report["ids"] == [65534, 65534, []]
    assert report["pid"] == 1
    assert report["capabilities"] == [0, 0, 0, 0, 0]
    assert (report["no_new_privs"], report["seccomp"]) == ("1", "2")
    assert set(report["write_root"]) <= {"EROFS", "EACCES"}
    assert report["tmp"] == [8 << 20, "ENOSPC"]
    assert report["shm"][1] == "ENOSPC"
    assert report["run_from_tmp"] == "EACCES"
    assert set(report["environment"]) <= {"PATH", "HOSTNAME", "HOME"}
    assert report["interfaces"] == ["lo"]
    assert report["nofile"] == [1024, 1024]
    assert report["core"] == [0, 0]
    assert report["processes"] == ["1"]
    assert report["forks"] == [19, "EAGAIN"]
    assert not {"/home", "/var/run/docker.sock"} & set(report["mounts"])
    assert report["sys"] == []
    assert report["kcore"] in {0, "EACCES", "ENOENT"}
    assert not {"kmsg", "mem", "sda", "vda", "fuse", "kvm"} & set(report["devices"])
    told = engine.api.inspect_container(sandbox.container)
    host = told["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (500_000_000, 64 << 20, 64 << 20)
    assert (host["LogConfig"]["Type"], host["AutoRemove"], "Health" in told["State"]) == ("none", False, False)


async def test_a_share_of_a_cpu_is_all_it_gets(driver: DockerDriver, spec: SpecMaker, recorder: Recorder) -> None:
    burns = "import os, time\nbegan = time.monotonic()\nwhile time.monotonic() < began + 1.5: pass\n"
    burns += "os.write(1, b'%d' % (time.process_time() * 1000))"
    await driver.start(spec(burns, cpus=0.2), recorder)
    assert await recorder.exited() == SandboxExit(0)
    assert int(recorder.data) < 600, f"{recorder.data.decode()} ms of CPU in 1500 ms with a share of 0.2"


async def test_a_seccomp_profile_is_what_holds(spec: SpecMaker, installation: str, recorder: Recorder) -> None:
    refuses_mkdir = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
    }
    driver = DockerDriver(installation_id=installation, seccomp_profile=json.dumps(refuses_mkdir))
    try:
        await driver.start(
            spec("import os\ntry: os.mkdir('/tmp/x')\nexcept PermissionError: os.write(1, b'no')"), recorder
        )
        await recorder.exited()
        assert recorder.data == b"no"
    finally:
        await driver.close()


LISTENS = """
import os, socket
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.connect(("192.0.2.1", 9))
address = own.getsockname()[0]
server = socket.create_server(("0.0.0.0", 8080))
socket.create_connection((address, 8080), timeout=2).close()
os.write(1, address.encode() + b"\\n")
while True: server.accept()
"""
CONNECTS = """
import os, socket
while target := os.read(0, 100).decode():
    host, port = target.split()
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        os.write(1, b"yes\\n")
    except OSError as error:
        os.write(1, type(error).__name__.encode() + b"\\n")
"""


async def line_of(recorder: Recorder) -> str:
    await recorder.until(lambda: recorder.data.endswith(b"\n") or bool(recorder.exits))
    line = recorder.data.decode().strip()
    recorder.data.clear()
    assert line, recorder.output.decode()
    return line


async def test_with_the_network_on_containers_reach_the_world_and_not_each_other(
    driver: DockerDriver, spec: SpecMaker, engine: docker.DockerClient
) -> None:
    listener, caller = Recorder(), Recorder()
    listening = await driver.start(spec(LISTENS, network=True), listener)
    calling = await driver.start(spec(CONNECTS, network=True), caller)
    address = await line_of(listener)
    networks = engine.api.inspect_container(listening.container)["NetworkSettings"]["Networks"]
    ((name, network),) = networks.items()
    assert name.startswith("clowdy-test-")
    options = engine.api.inspect_network(network["NetworkID"])["Options"]
    assert options["com.docker.network.bridge.enable_icc"] == "false"

    calling.write(f"{address} 8080".encode())
    assert await line_of(caller) == "TimeoutError"

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, network["Gateway"], 0) as outside:
        port = outside.sockets[0].getsockname()[1]
        calling.write(f"{network['Gateway']} {port}".encode())
        assert await line_of(caller) == "yes"
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as loopback:
        port = loopback.sockets[0].getsockname()[1]
        calling.write(f"127.0.0.1 {port}".encode())
        assert await line_of(caller) == "ConnectionRefusedError"


async def test_a_network_that_somebody_removed_is_made_again(
    driver: DockerDriver, spec: SpecMaker, engine: docker.DockerClient
) -> None:
    first = Recorder()
    sandbox = await driver.start(spec(STUBBORN, network=True), first)
    (network,) = engine.api.inspect_container(sandbox.container)["NetworkSettings"]["Networks"]
    await sandbox.kill()
    engine.api.remove_network(network)
    second = Recorder()
    await driver.start(spec(STUBBORN, network=True), second)
    await second.is_up()
