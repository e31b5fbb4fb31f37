"""What a sandbox cannot see and cannot do, and what becomes of one that tries to lie to the host."""

import asyncio
import os
import resource
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from engine_support import ECHO, Engine, choosing, deployment, texts, until, value

from clowdy_tui.engine.sandboxes.base import Enforced

Needs = Callable[[Enforced], None]

PROBE = """
import os
def handler(path):
    try:
        if os.path.isdir(path):
            return sorted(os.listdir(path))
        return open(path, "rb").read(2000).decode("latin-1")
    except OSError as error:
        return type(error).__name__
"""


async def test_the_hosts_files_are_not_there(engine: Engine, scratch: Path) -> None:
    secret = scratch / "secret.txt"
    secret.write_text("hunter2")
    secret.chmod(0o644)
    probe = deployment(PROBE)
    assert value(await engine.invoke(probe, str(secret))) == "FileNotFoundError"
    for path in (str(Path.home()), "/etc/shadow", "/usr/bin/env", "/var/lib/clowdy", __file__):
        assert value(await engine.invoke(probe, path)) in ("FileNotFoundError", "PermissionError", []), path
    assert "hunter2" not in value(await engine.invoke(probe, "/etc/passwd"))
    assert value(await engine.invoke(probe, "/home")) in ("FileNotFoundError", [])


async def test_the_user_has_no_rights(engine: Engine) -> None:
    code = """
import os
def handler(event):
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
    tried = {}
    for name, what in {
        "write /": lambda: open("/new", "w"),
        "write /etc": lambda: open("/etc/passwd", "a"),
        "write python": lambda: open(os.__file__, "a"),
        "write /dev": lambda: open("/dev/new", "w"),
        "setuid": lambda: os.setuid(0),
        "chroot": lambda: os.chroot("/tmp"),
    }.items():
        try:
            what()
            tried[name] = "allowed"
        except OSError as error:
            tried[name] = "refused"
    return os.getuid(), os.getgid(), os.getgroups(), status["CapEff"], status["CapBnd"], status["NoNewPrivs"], tried
"""
    uid, gid, groups, effective, bounding, no_new_privs, tried = await engine.result(code)
    assert uid != 0
    assert gid != 0
    assert 0 not in groups
    assert int(effective, 16) == 0
    assert int(bounding, 16) == 0
    assert no_new_privs == "1"
    assert set(tried.values()) == {"refused"}, tried


async def test_namespaces_and_session_are_its_own(engine: Engine, driver_name: str) -> None:
    code = """
import os
def handler(names):
    return os.getsid(0), {name: os.readlink(f"/proc/self/ns/{name}") for name in names}
"""
    names = ["mnt", "pid", "ipc", "uts", "net", *(["user", "cgroup"] if driver_name == "bubblewrap" else [])]
    session, inside = value(await engine.invoke(deployment(code), names))
    assert session == 1, "who shares a session can type into its terminal, and stop what started it"
    assert [name for name in names if inside[name] == str(Path(f"/proc/self/ns/{name}").readlink())] == []


async def test_nothing_but_its_own_memory_can_be_written(engine: Engine, driver_name: str) -> None:
    """By how things are mounted, whoever owns the files: an ordinary user's sandboxes own the tree of the runtime."""
    code = """
import os
def handler(event):
    mounts = [line.split() for line in open("/proc/self/mountinfo")]
    made, size = [], {}
    for place in sorted({mount[4] for mount in mounts}):
        if os.path.isdir(place) and not place.startswith("/proc"):
            try:
                os.close(os.open(place + "/made", os.O_CREAT | os.O_WRONLY))
            except OSError:
                continue
            told = os.statvfs(place)
            made.append(place)
            size[place] = told.f_blocks * told.f_frsize
    return [mount[4] for mount in mounts if "rw" in mount[5].split(",")], made, size
"""
    writable, made, size = await engine.result(code)
    assert [place for place in writable if place != "/tmp" and not place.startswith(("/proc", "/dev", "/sys"))] == []
    # The kernel's own, in a namespace of its own: a few messages, whose number is bounded by itself.
    queues = ["/dev/mqueue"] if driver_name == "docker" else []
    assert made == [*queues, "/dev/shm", "/tmp"]
    assert (size["/dev/shm"], size["/tmp"]) == (16 << 20, 64 << 20)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's sandboxes change their user on the host")
async def test_on_the_host_it_is_not_root_either(engine: Engine) -> None:
    marker = "asleep-and-to-be-found"
    code = f"""
import subprocess, sys, time
def handler(event):
    program = "import time; time.sleep(60) # {marker}"
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", program])
    time.sleep(60)
"""
    found: list[int] = []

    def look() -> list[int]:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.append((entry / "status").stat().st_uid)
            except OSError:
                continue
        return found

    call = asyncio.create_task(engine.invoke(deployment(code)))
    await until(look)
    call.cancel()
    assert 0 not in found
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_other_functions_are_not_seen(engine: Engine) -> None:
    writer = deployment(
        "def handler(event):\n    open('/tmp/mine', 'w').write('secret')\n",
        function_id="f00000000002",
        environment={"SECRET": "of the other"},
    )
    await engine.invoke(writer)
    probe = deployment(PROBE)
    assert value(await engine.invoke(probe, "/tmp/mine")) == "FileNotFoundError"
    processes = [name for name in value(await engine.invoke(probe, "/proc")) if name.isdecimal()]
    assert processes == ["1"]
    assert "SECRET" not in value(await engine.invoke(probe, "/proc/1/environ"))


async def test_versions_and_changed_settings_share_nothing(engine: Engine) -> None:
    code = """
import os
def handler(event):
    seen = os.path.exists("/tmp/been-here")
    open("/tmp/been-here", "w").close()
    return seen
"""
    assert await engine.result(code) is False
    assert await engine.result(code) is True
    assert await engine.result(code, version=2) is False
    assert await engine.result(code, environment={"A": "1"}) is False
    assert await engine.result(code, owner="somebody else") is False


async def test_memory_is_bounded_and_the_next_call_fine(engine: Engine) -> None:
    code = """
def handler(event):
    hoard = []
    while event:
        hoard.append(bytearray(4 * 1024 * 1024))
    return "small"
"""
    bomb = deployment(code, memory_mb=64, timeout_s=20.0)
    outcome = await engine.invoke(bomb, True)
    assert outcome.status == "out_of_memory", outcome
    assert value(await engine.invoke(bomb, False)) == "small"
    assert value(await engine.invoke(deployment(), 1)) == 1


async def test_processes_are_bounded(engine: Engine, needs: Needs) -> None:
    needs(Enforced.PROCESSES)
    code = """
import os, time
def handler(event):
    made = 0
    try:
        for _ in range(2000):
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            made += 1
    except OSError as error:
        return made
    return "unbounded"
"""
    bomb = deployment(code, memory_mb=256)
    first = value(await engine.invoke(bomb))
    assert 1 <= first <= 64
    assert value(await engine.invoke(bomb)) == first


async def test_disk_is_bounded(engine: Engine, needs: Needs) -> None:
    needs(Enforced.FILES)
    code = """
def handler(event):
    written = 0
    try:
        for n in range(100):
            with open(f"/tmp/fill{n}", "wb") as file:
                for _ in range(16):
                    file.write(bytes(1024 * 1024))
                    file.flush()
                    written += 1
    except OSError as error:
        return written
    return "unbounded"
"""
    assert await engine.result(code, memory_mb=512) <= 65


async def test_a_busy_loop_gets_its_share_of_the_cpu(engine: Engine, needs: Needs) -> None:
    needs(Enforced.CPU)
    code = """
import time
def handler(event):
    began, used = time.monotonic(), time.process_time()
    while time.monotonic() - began < 0.6:
        pass
    return (time.process_time() - used) / (time.monotonic() - began)
"""
    busy = deployment(code, cpus=0.2)
    await engine.invoke(busy)
    assert value(await engine.invoke(busy)) < 0.35


async def test_descriptors_are_bounded(engine: Engine, driver_name: str) -> None:
    code = """
import os
def handler(event):
    held = []
    try:
        while len(held) < 100_000:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return len(held)
    finally:
        for number in held:
            os.close(number)
"""
    assert await engine.result(code) < 1024
    limits = "import resource\ndef handler(names):\n    return [resource.getrlimit(name) for name in names]\n"
    core, size = value(await engine.invoke(deployment(limits), [int(resource.RLIMIT_CORE), int(resource.RLIMIT_FSIZE)]))
    assert core == [0, 0]
    assert driver_name == "docker" or size == [80 << 20] * 2


FORGERIES = {
    "random bytes": "os.urandom(64)",
    "a huge frame": "struct.pack('>IB', 2**31, 0x12)",
    "a frame of no length": "struct.pack('>IB', 0, 0x12)",
    "an unknown frame": "struct.pack('>IB', 1, 0x77)",
    "an answer to another call": "struct.pack('>IBIII', 15, 0x12, 999, 1, 1) + b'{}'",
    "an answer too short": "struct.pack('>IB', 3, 0x12) + b'ab'",
    "a second READY": "struct.pack('>IBB', 2, 0x10, 2)",
    "a second LOADED": "struct.pack('>IBIB', 6, 0x11, 1, 0)",
    "a log of another call": "struct.pack('>IBIBBI', 12, 0x14, 999, 1, 0, 0) + b'x'",
    "an error that is not JSON": "struct.pack('>IBIII', 14, 0x13, CALL, 1, 1) + b'x'",
    "an error of another shape": "struct.pack('>IBIII', 13 + 13, 0x13, CALL, 1, 1) + b'{\"type\": [1]}'",
}


async def test_forged_frames_end_the_instance(engine: Engine) -> None:
    before = """
import os, stat, struct, time
CALL = 1
def lie(forged):
    print("about to lie")
    for number in range(3, 1024):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode) or stat.S_ISFIFO(os.fstat(number).st_mode):
                os.write(number, forged)
        except OSError:
            pass
    time.sleep(60)
"""
    # None is honest on the way: each lies in its instance's first call, and finds one that the last did not spoil.
    code = choosing((f"lie({forged})" for forged in FORGERIES.values()), before, "return 'honest'")
    liar = deployment(code, timeout_s=5.0)
    for number, name in enumerate(FORGERIES):
        outcome = await engine.invoke(liar, number)
        assert outcome.status == "crashed", (name, outcome)
        assert outcome.cold_start, name
        assert "about to lie" in texts(outcome), name
    assert value(await engine.invoke(liar)) == "honest"


async def test_half_a_frame_and_an_end(engine: Engine) -> None:
    code = """
import os
def handler(event):
    for number in range(3, 1024):
        try:
            os.write(number, b"\\0\\0\\1\\0\\x12half")
        except OSError:
            pass
    os._exit(0)
"""
    outcome = await engine.run(code)
    assert outcome.status == "crashed"
    assert value(await engine.invoke(deployment(ECHO), 1)) == 1


async def test_a_handler_that_closes_everything(engine: Engine) -> None:
    outcome = await engine.run("import os\ndef handler(event):\n    os.closerange(0, 1024)\n    return 1\n")
    assert outcome.status == "crashed"


async def test_a_handler_that_patches_what_the_runner_uses(engine: Engine) -> None:
    code = """
import asyncio, io, json, os, sys, time
def handler(event):
    json.dumps = json.loads = None
    sys.stdout = io.StringIO()
    print("into its own buffer")
    time.monotonic = time.perf_counter_ns = os.read = os.write = os.kill = None
    return event
"""
    patched = deployment(code)
    for n in range(2):
        outcome = await engine.invoke(patched, n)
        assert (outcome.status, texts(outcome)) == ("success", []), outcome


async def test_threads_that_live_on_do_not_break_the_next_call(engine: Engine) -> None:
    code = """
import threading, time
def work():
    while True:
        print("tick")
        time.sleep(0.01)
def handler(event):
    if event:
        threading.Thread(target=work, daemon=True).start()
    time.sleep(0.05)
    return event
"""
    ticking = deployment(code)
    assert value(await engine.invoke(ticking, True)) is True
    outcome = await engine.invoke(ticking, False)
    assert value(outcome) is False
    assert "tick" in texts(outcome)
    assert threading.active_count() < 50
