"""System calls: what the filters say, and what they do to code in a sandbox."""

import asyncio
import ctypes
import errno
import json
import os
import platform
import struct
import subprocess
import sys
import zipfile
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import pytest
import yaml
from engine_support import RUNTIMES, Engine

from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes import make_driver, seccomp
from clowdy_tui.engine.sandboxes.base import Enforced

FOLDER = Path(seccomp.__file__).parent
LIST: dict[str, Any] = yaml.safe_load((FOLDER / "syscalls.yaml").read_text())
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSED, ABSENT = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
CLONE_THREAD = 0x3D0F00
CLONE_NAMESPACES = {
    "NEWNS": 0x20000,
    "NEWCGROUP": 0x2000000,
    "NEWUTS": 0x4000000,
    "NEWIPC": 0x8000000,
    "NEWUSER": 0x10000000,
    "NEWPID": 0x20000000,
    "NEWNET": 0x40000000,
}


def verdict(architecture: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter answers: the kernel's machine for these programs, as far as they use it."""
    told = ARCHITECTURES[architecture] if audit is None else audit
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", number, told, 0, *padded)
    program = [*struct.iter_unpack("<HBBI", (FOLDER / f"{architecture}.bpf").read_bytes())]
    at = accumulator = 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code == 0x54:
            accumulator &= operand
        elif code == 0x06:
            return int(operand)
        else:
            holds = {
                0x15: accumulator == operand,
                0x25: accumulator > operand,
                0x35: accumulator >= operand,
            }
            at += if_true if holds[code] else if_false


def test_the_files_are_made_of_the_list() -> None:
    script = Path(__file__).parents[2] / "scripts" / "seccomp.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("place", "architecture"), enumerate(ARCHITECTURES))
def test_each_number_gets_what_the_list_says(place: int, architecture: str) -> None:
    allowed = {numbers[place] for numbers in LIST["allow"].values()}
    absent = {numbers[place] for numbers in LIST["absent"].values()}
    limited = {call["numbers"][place] for call in LIST["allow_where"].values()}
    last = max(allowed - {None})
    for number in set(range(last + 20)) - limited:
        expected = ALLOW if number in allowed else ABSENT if number in absent or number > last else REFUSED
        assert verdict(architecture, number) == expected, number
    for x32_or_nonsense in (0x40000000, 0x40000000 | 41, 0xFFFFFFFF):
        assert verdict(architecture, x32_or_nonsense) == ABSENT
    for name, numbers in LIST["refused"].items():
        assert numbers[place] is None or verdict(architecture, numbers[place]) in {REFUSED, ABSENT}, name
    assert verdict(architecture, 1, audit=I386) == KILL


@pytest.mark.parametrize(("place", "architecture"), enumerate(ARCHITECTURES))
def test_arguments_are_looked_at(place: int, architecture: str) -> None:
    def of(name: str, *arguments: int) -> int:
        return verdict(architecture, LIST["allow_where"][name]["numbers"][place], *arguments)

    assert of("clone", CLONE_THREAD) == of("clone", 17) == ALLOW
    for flag in CLONE_NAMESPACES.values():
        assert of("clone", flag | 17) == of("clone", flag | CLONE_THREAD) == REFUSED
    inet, inet6, netlink, vsock, alg, packet = 2, 10, 16, 40, 38, 17
    assert of("socket", 1) == of("socket", inet, 1, 6) == of("socket", inet6) == of("socket", netlink, 3, 0) == ALLOW
    # The upper half of an int is not the kernel's to read, so it must make no difference.
    assert of("socket", 0xABCD << 32 | vsock) == of("socket", 0xABCD << 32 | netlink, 3, 4) == REFUSED
    assert of("socket", 0xABCD << 32 | inet) == ALLOW
    assert {of("socket", family) for family in (0, 3, vsock, alg, packet)} == {REFUSED}
    assert {of("socket", netlink, 3, protocol) for protocol in (4, 6, 12, 15)} == {REFUSED}
    assert of("socketpair", 1) == ALLOW
    assert of("socketpair", inet) == REFUSED


def test_dockers_profile_says_the_same() -> None:
    profile = json.loads(seccomp.docker_profile())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    plain = [rule for rule in profile["syscalls"] if "args" not in rule and rule["action"] == "SCMP_ACT_ALLOW"]
    assert [set(rule["names"]) for rule in plain] == [set(LIST["allow"])]
    limited = [rule for rule in profile["syscalls"] if "args" in rule]
    assert len(limited) == sum(len(call["any"]) for call in LIST["allow_where"].values())
    assert {name for rule in limited for name in rule["names"]} == set(LIST["allow_where"])
    named = {name for rule in profile["syscalls"] for name in rule["names"]}
    assert named.isdisjoint(LIST["refused"])


def test_the_numbers_are_the_kernels() -> None:
    name = find_library("seccomp")
    if name is None:
        pytest.skip("no libseccomp here to compare with")
    resolve = ctypes.CDLL(name).seccomp_syscall_resolve_name_arch
    resolve.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    listed = {**LIST["allow"], **LIST["absent"], **LIST["refused"]}
    listed |= {name: call["numbers"] for name, call in LIST["allow_where"].items()}
    known = 0
    for call, numbers in listed.items():
        for place, audit in enumerate(ARCHITECTURES.values()):
            told = resolve(audit, call.encode())
            if told >= 0:
                known += 1
                assert told == numbers[place], call
            elif told < -1:
                assert numbers[place] is None, f"{call}: not on this architecture"
    assert known > 500


def test_a_machine_without_a_list_has_no_filter() -> None:
    assert seccomp.bpf_file("riscv64") is None
    assert seccomp.bpf_file("x86_64") == FOLDER / "x86_64.bpf"


@pytest.mark.slow
def test_the_wheel_holds_them(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=RUNTIMES.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = {Path(name).name for name in archive.namelist() if "/seccomp/" in name}
    assert {"docker.json", "x86_64.bpf", "aarch64.bpf"} <= shipped


TRIES = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def handler(calls):
    told = {}
    for name, arguments in calls.items():
        ctypes.set_errno(0)
        answer = libc.syscall(*(ctypes.c_long(one) for one in arguments))
        told[name] = errno.errorcode[ctypes.get_errno()] if answer == -1 else f"allowed: {answer}"
    status = open("/proc/self/status").read()
    told["filters"] = [line.split()[1] for line in status.splitlines() if line.startswith("Seccomp:")]
    return told
"""

PLACE = list(ARCHITECTURES).index(platform.machine()) if platform.machine() in ARCHITECTURES else None
ON_THIS_MACHINE = [
    name for name, numbers in LIST["refused"].items() if PLACE is not None and numbers[PLACE] is not None
]
MEANINGFUL = {
    # Without a filter these would be allowed or find fault with the arguments: what is refused is the call itself.
    "ptrace": (0, 0, 0, 0),
    "keyctl": (0, -3, 1),
    "personality": (0xFFFFFFFF,),
    "sync": (),
    "shmget": (0, 4096, 0o600),
    "adjtimex": (0,),
}


@pytest.fixture(scope="module", params=["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def told(request: pytest.FixtureRequest, trees: Path, installation_id: str) -> dict[str, Any]:
    """What became of each refused call in one sandbox, and of some others."""
    if request.param == "docker" and (problem := request.getfixturevalue("docker_answers")):
        if os.environ.get("CLOWDY_TEST_DOCKER") == "required":
            pytest.fail(f"CLOWDY_TEST_DOCKER=required, but {problem}")
        pytest.skip(problem)
    if PLACE is None:
        pytest.skip(f"there is no list for {platform.machine()}")
    calls = {name: [LIST["refused"][name][PLACE], *MEANINGFUL.get(name, ())] for name in ON_THIS_MACHINE}
    calls["clone3"] = [LIST["absent"]["clone3"][PLACE], 0, 0]
    calls["newer"] = [LIST["allow"]["removexattrat"][PLACE] + 4]
    clone = LIST["allow_where"]["clone"]["numbers"][PLACE]
    calls |= {f"clone {name}": [clone, flag | 17, 0, 0, 0, 0] for name, flag in CLONE_NAMESPACES.items()}

    async def ask() -> dict[str, Any]:
        driver = make_driver(request.param, installation_id=installation_id, data_dir=trees)
        service = InvokeService(driver, RuntimeStore(trees, RUNTIMES), limits=EngineLimits(spares=0))
        await service.start()
        try:
            assert Enforced.SYSTEM_CALLS in service.driver_status().enforced, service.driver_status()
            answers: dict[str, Any] = await Engine(service).result(TRIES, calls)
            return answers
        finally:
            await service.close()

    return asyncio.run(ask())


@pytest.mark.parametrize("name", [*ON_THIS_MACHINE, *(f"clone {name}" for name in CLONE_NAMESPACES)])
def test_a_dangerous_call_is_refused(told: dict[str, Any], name: str) -> None:
    # Where the engine's libseccomp is older than the call, it is answered as by a kernel without it.
    assert told[name] in ({"EPERM", "ENOSYS"} if name.startswith(("list", "stat", "lsm", "open_tree_")) else {"EPERM"})


def test_what_has_an_older_way_seems_absent(told: dict[str, Any]) -> None:
    assert told["filters"] == ["2"]
    assert {told["clone3"], told["newer"]} == {"ENOSYS"}


SOCKETS = """
import socket
def handler(event):
    told = {}
    for family, kind, protocol in event:
        try:
            socket.socket(family, kind, protocol).close()
            told[f"{family} {protocol}"] = "allowed"
        except OSError as error:
            told[f"{family} {protocol}"] = type(error).__name__
    return told
"""


async def test_only_some_families_of_sockets(engine: Engine) -> None:
    tried = [(1, 1, 0), (2, 1, 0), (10, 2, 0), (16, 3, 0), (40, 1, 0), (38, 5, 0), (17, 3, 0), (16, 3, 12)]
    told = await engine.result(SOCKETS, tried)
    assert {told[which] for which in ("1 0", "2 0", "16 0")} == {"allowed"}
    assert told["10 0"] in {"allowed", "OSError"}  # a kernel may have no IPv6
    assert {told[which] for which in ("40 0", "38 0", "17 0", "16 12")} == {"PermissionError"}, told


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only there are calls of i386 and of x32")
async def test_the_calls_of_another_architecture_are_none(engine: Engine) -> None:
    code = """
import ctypes, mmap
def handler(x32):
    if x32:
        return ctypes.CDLL(None).syscall(0x40000000 | 39)
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid); int 0x80; ret
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""
    assert (await engine.run(code, False)).status == "crashed"
    # Docker ends the process here as well.
    outcome = await engine.run(code, True)
    assert outcome.status == "crashed" or outcome.output == b"-1", outcome


LIBRARIES = """
import asyncio, concurrent.futures, ctypes, hashlib, multiprocessing, os, shutil, signal, socket, sqlite3, ssl
import subprocess, sys, tempfile, threading, uuid
from multiprocessing import shared_memory

def threads():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return sum(pool.map(lambda n: n * n, range(100)))

def subprocesses():
    program = [sys.executable, "-I", "-S", "-c", "print(6 * 7)"]
    shown = subprocess.run(program, capture_output=True, text=True, check=True, start_new_session=True).stdout
    child = os.fork()
    if child == 0:
        os._exit(7)
    return shown.strip(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def processes():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        doubled = pool.map(abs, [-1, -2, -3])
    memory = shared_memory.SharedMemory(create=True, size=4096)
    memory.buf[:2] = b"ok"
    memory.close()
    memory.unlink()
    return doubled

def database():
    path = tempfile.mkdtemp() + "/base.sqlite"
    base = sqlite3.connect(path)
    base.execute("pragma journal_mode = wal")
    base.execute("create table t (x)")
    base.executemany("insert into t values (?)", [(n,) for n in range(1000)])
    base.commit()
    return base.execute("select sum(x) from t").fetchone()[0]

def secure():
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="example.org")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.pending > 100, len(os.urandom(8)), len(hashlib.scrypt(b"x", salt=b"y", n=1024, r=8, p=1))

async def asynchronous():
    async def serve(reader, writer):
        writer.write((await reader.readline()).upper())
        writer.close()
    server = await asyncio.start_unix_server(serve, "/tmp/server")
    reader, writer = await asyncio.open_unix_connection("/tmp/server")
    writer.write(b"hello\\n")
    answer = await reader.read()
    writer.close()
    server.close()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", "print('from a child')", stdout=subprocess.PIPE
    )
    shown, _ = await child.communicate()
    inside = await asyncio.to_thread(threading.get_ident) != threading.get_ident()
    return answer.decode(), shown.decode().strip(), child.returncode, inside

def files():
    folder = tempfile.mkdtemp()
    with open(folder + "/a", "w") as file:
        file.write("x" * 100_000)
    shutil.copytree(folder, folder + "-copy")
    shutil.copy2(folder + "/a", folder + "/b")
    os.symlink("a", folder + "/link")
    os.mkfifo(folder + "/fifo")
    shutil.rmtree(folder)
    shutil.make_archive("/tmp/archive", "zip", folder + "-copy")
    return os.path.getsize("/tmp/archive.zip") > 0

def signals():
    seen = []
    signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()
    return seen

def handler(event):
    return {
        "threads": threads(), "subprocesses": subprocesses(), "processes": processes(), "database": database(),
        "secure": secure(), "asynchronous": asyncio.run(asynchronous()), "files": files(), "signals": signals(),
        "affinity": len(os.sched_getaffinity(0)) > 0, "nice": -os.nice(0) + os.nice(1),
        "interfaces": socket.if_nameindex() != 5,
    }
"""


async def test_what_functions_need_works(engine: Engine) -> None:
    assert await engine.result(LIBRARIES, memory_mb=512) == {
        "threads": 328350,
        "subprocesses": ["42", 7],
        "processes": [1, 2, 3],
        "database": 499500,
        "secure": [True, 8, 64],
        "asynchronous": ["HELLO\n", "from a child", 0, True],
        "files": True,
        "signals": [1],
        "affinity": True,
        "nice": 1,
        "interfaces": True,
    }
