"""What is bubblewrap's alone: finding it, giving up root, control groups, what a killed gateway leaves."""

import asyncio
import fcntl
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from engine_support import ECHO, RUNTIMES, Engine, deployment, until, value

from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes import bubblewrap, diagnosis, launch, leftovers, seccomp, userscopes
from clowdy_tui.engine.sandboxes.base import Enforced
from clowdy_tui.engine.sandboxes.bubblewrap import BubblewrapDriver
from clowdy_tui.engine.sandboxes.cgroups import Cgroup, CgroupTree, Mount, mounts
from clowdy_tui.engine.sandboxes.launch import Bubblewrap, find_bubblewrap

AS_A_USER = ("isolation", "abuse", "failures", "network", "syscalls")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")

GATEWAY = """
import asyncio, json, sys
from pathlib import Path
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes import make_driver

async def main(installation, trees, runtimes):
    driver = make_driver("bubblewrap", installation_id=installation, data_dir=Path(trees))
    service = InvokeService(driver, RuntimeStore(Path(trees), Path(runtimes)), limits=EngineLimits(spares=2))
    await service.start()
    code = "def handler(event):\\n    while True: pass\\n"
    deployment = Deployment("f1", "busy", "local", 1, {"function.py": code}, timeout_s=600)
    call = asyncio.create_task(service.invoke(deployment, b"1", invocation_id="1"))
    while service.counts().spare < 2 or service.counts().busy < 1:
        await asyncio.sleep(0.01)
    print("up", flush=True)
    await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""


def service_with(driver: BubblewrapDriver, trees: Path) -> InvokeService:
    return InvokeService(driver, RuntimeStore(trees, RUNTIMES), limits=EngineLimits(spares=0))


async def test_a_sandbox_does_not_take_the_processor_from_the_gateway(trees: Path, installation_id: str) -> None:
    service = service_with(BubblewrapDriver(installation_id=installation_id, data_dir=trees), trees)
    await service.start()
    try:
        code = "def handler(event):\n    return open('/proc/self/stat').read().rpartition(')')[2].split()[38]\n"
        assert value(await Engine(service).invoke(deployment(code))) == str(os.SCHED_BATCH)
    finally:
        await service.close()


async def test_nothing_of_a_killed_gateway_is_left_after_the_next_start(trees: Path, installation_id: str) -> None:
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", GATEWAY, installation_id, str(trees), str(RUNTIMES)), stdout=subprocess.PIPE
    )
    assert gateway.stdout is not None
    assert await asyncio.wait_for(gateway.stdout.readline(), 30) == b"up\n"
    assert processes(installation_id)
    gateway.kill()
    await gateway.wait()
    await until(lambda: not processes(installation_id), why="the kernel ends sandboxes with their gateway")
    driver = BubblewrapDriver(installation_id=installation_id, data_dir=trees)
    service = service_with(driver, trees)
    await service.start()
    groups = list(driver._cgroups.bases.values()) if driver._cgroups else []
    assert [path for base in groups for path in base.iterdir() if path.is_dir()] == []
    await service.close()
    assert not any(base.exists() for base in groups)


async def test_processes_that_outlive_their_gateway_are_swept(trees: Path, installation_id: str) -> None:
    stray = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", "CLOWDY_SANDBOX", f"{installation_id}/x"]
    )
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "CLOWDY_SANDBOX", "somebody-else/x"])
    try:
        driver = BubblewrapDriver(installation_id=installation_id, data_dir=trees)
        await driver.check()
        assert await driver.sweep() == 1
        assert await asyncio.to_thread(stray.wait, 5) == -9
        assert other.poll() is None
        await driver.close()
    finally:
        for process in (stray, other):
            process.kill()
            process.wait()


async def test_groups_of_an_earlier_session_are_found_wherever_they_are(installation_id: str) -> None:
    here = CgroupTree.find(installation_id)
    if "memory" not in here.bases:
        here.close()
        pytest.skip("no control groups can be made here")
    base = here.bases["memory"]
    session = base.parent / f"session-{installation_id}"
    elsewhere = session / here.name / "old-sandbox"
    elsewhere.mkdir(parents=True)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (elsewhere / "cgroup.procs").write_text(str(process.pid))
        assert here.sweep() == 1
        assert await asyncio.to_thread(process.wait, 5) == -9
        assert list(session.glob("clowdy-*")) == []
    finally:
        process.kill()
        process.wait()
        session.rmdir()
        here.close()
    assert not base.exists()


async def test_calls_that_look_for_an_instance_when_the_engine_closes_are_told_so(
    trees: Path, installation_id: str
) -> None:
    for turns in range(4):
        service = service_with(BubblewrapDriver(installation_id=installation_id, data_dir=trees), trees)
        await service.start()
        calls = [asyncio.create_task(Engine(service).invoke(deployment(ECHO, max_instances=1))) for _ in range(3)]
        # Their search has not begun, has just begun, or waits for a sandbox that is being made.
        for _ in range(turns):
            await asyncio.sleep(0)
        await service.close()
        async with asyncio.timeout(30):
            assert [(await call).status for call in calls] == ["unavailable"] * 3, turns


async def test_a_call_whose_instance_died_before_it_began_is_tried_once_more(trees: Path, installation_id: str) -> None:
    service = service_with(BubblewrapDriver(installation_id=installation_id, data_dir=trees), trees)
    await service.start()
    counter = deployment("calls = 0\ndef handler(event):\n    global calls\n    calls += 1\n    return calls\n")
    first = await service.invoke(counter, b"1", invocation_id="1")
    # The event loop must not see the end before the call is sent, so nothing here lets it run.
    (bwrap,) = processes(installation_id)
    (inner,) = map(int, Path(f"/proc/{bwrap}/task/{bwrap}/children").read_text().split())
    os.kill(bwrap, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while runs(inner) or runs(bwrap):
        assert time.monotonic() < deadline
    second = await service.invoke(counter, b"1", invocation_id="2")
    assert (second.status, second.output) == ("success", b"1"), second
    assert second.instance_id != first.instance_id
    await service.close()


@as_root
async def test_a_tree_in_a_closed_folder_is_made_reachable(trees: Path, installation_id: str, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (tree,) = trees.iterdir()
    leftovers.link_tree(tree, closed / tree.name)
    assert not leftovers.open_to_all(closed / tree.name)
    driver = BubblewrapDriver(installation_id=installation_id, data_dir=closed)
    service = InvokeService(driver, RuntimeStore(closed, RUNTIMES), limits=EngineLimits(spares=4))
    await service.start()
    outcome = await service.invoke(deployment(ECHO), b"1", invocation_id="1")
    assert outcome.output == b"1", outcome
    made = list(leftovers.PLACE.glob(leftovers.prefix(installation_id) + "*"))
    assert len(made) == 1
    # Locked as those ask for it who tidy up there: it is used for longer than a file may lie there.
    descriptor = os.open(made[0], os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)
    await service.close()
    assert not made[0].exists()
    assert (closed / tree.name).is_dir()


async def test_without_control_groups_rlimits_hold(trees: Path, installation_id: str) -> None:
    driver = BubblewrapDriver(installation_id=installation_id, data_dir=trees, cgroups=False)
    service = service_with(driver, trees)
    await service.start()
    engine = Engine(service)
    status = service.driver_status()
    assert Enforced.MEMORY not in status.enforced
    assert Enforced.CPU not in status.enforced
    assert any("memory" in note for note in status.notes)
    try:
        hoard = "def handler(event):\n    return len(bytearray(event))\n"
        bomb = deployment(hoard, memory_mb=64)
        assert (await engine.invoke(bomb, 100 * 1024 * 1024)).status == "out_of_memory"
        assert value(await engine.invoke(bomb, 1024)) == 1024
        limits = """
import resource
def handler(names):
    return [resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1] for name in names]
"""
        told = await engine.result(limits, ["DATA", "NPROC", "CORE", "NOFILE"], memory_mb=64)
        assert told == [64 * 1024 * 1024, 64, 0, 1024]
    finally:
        await service.close()


def test_bubblewrap_is_found_here() -> None:
    found = find_bubblewrap()
    assert found
    assert found[0].modern


async def test_no_bubblewrap_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trees: Path) -> None:
    monkeypatch.setattr(bubblewrap, "find_bubblewrap", list)
    driver = BubblewrapDriver(installation_id="test-none", data_dir=tmp_path)
    service = service_with(driver, trees)
    await service.start()
    status = service.driver_status()
    assert not status.available
    assert "no `bwrap`" in status.problem
    assert "Install" in status.remedy
    outcome = await service.invoke(deployment(), b"1", invocation_id="1")
    assert (outcome.status, outcome.error_type) == ("unavailable", "DriverUnavailable")
    assert "no `bwrap`" in (outcome.error_message or "")
    await service.close()


async def test_a_bubblewrap_that_refuses_is_quoted(monkeypatch: pytest.MonkeyPatch, scratch: Path, trees: Path) -> None:
    program = scratch / "refuses"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "find_bubblewrap", lambda: [Bubblewrap(program, (0, 9, 0), "a broken")])
    driver = BubblewrapDriver(installation_id="test-refuses", data_dir=scratch)
    status = await driver.check()
    assert not status.available
    assert "No permissions to create new namespace" in status.problem
    assert status.remedy
    await driver.close()


@pytest.mark.parametrize("broken", [False, True])
async def test_without_a_filter_it_works_and_says_so(
    monkeypatch: pytest.MonkeyPatch, trees: Path, scratch: Path, installation_id: str, broken: bool
) -> None:
    # A program that reads past its data is none that a kernel takes.
    refused = scratch / "refused.bpf"
    refused.write_bytes(struct.pack("<HBBI", 0x20, 0, 0, 4096))
    monkeypatch.setattr(seccomp, "bpf_file", lambda: refused if broken else None)
    service = service_with(BubblewrapDriver(installation_id=installation_id, data_dir=trees), trees)
    await service.start()
    try:
        status = service.driver_status()
        assert status.available, status
        assert Enforced.SYSTEM_CALLS in status.not_enforced
        why = "this kernel takes no filter" if broken else "there is no list for"
        assert any(why in note for note in status.notes), status.notes
        assert value(await Engine(service).invoke(deployment(), 1)) == 1
    finally:
        await service.close()


async def test_a_try_that_fails_for_another_reason_does_not_cost_the_filter(
    monkeypatch: pytest.MonkeyPatch, trees: Path, installation_id: str
) -> None:
    tried: list[bool] = []

    def run_once(command: list[str], seccomp: Path | None = None) -> str | None:
        tried.append(seccomp is not None)
        return "it did not end within 10 s"

    monkeypatch.setattr(bubblewrap, "run_once", run_once)
    driver = BubblewrapDriver(installation_id=installation_id, data_dir=trees)
    assert not (await driver.check()).available
    assert tried
    assert all(tried)
    await driver.close()


async def test_a_driver_that_works_again_is_picked_up(
    monkeypatch: pytest.MonkeyPatch, trees: Path, installation_id: str
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(bubblewrap, "find_bubblewrap", list)
    monkeypatch.setattr("clowdy_tui.engine.invoke._LOOK_AGAIN_S", 0.05)
    driver = BubblewrapDriver(installation_id=installation_id, data_dir=trees)
    service = InvokeService(
        driver,
        RuntimeStore(trees, RUNTIMES),
        limits=EngineLimits(spares=0),
        on_driver=lambda status: told.append(status.available),
    )
    await service.start()
    monkeypatch.setattr(bubblewrap, "find_bubblewrap", find_bubblewrap)
    await until(lambda: service.driver_status().available)
    outcome = await service.invoke(deployment(), b"1", invocation_id="1")
    assert outcome.status == "success"
    assert told == [False, True]
    await service.close()


async def test_a_sandbox_that_never_gets_ready_is_told_within_the_limit(
    monkeypatch: pytest.MonkeyPatch, trees: Path, installation_id: str
) -> None:
    driver = BubblewrapDriver(installation_id=installation_id, data_dir=trees)
    service = InvokeService(driver, RuntimeStore(trees, RUNTIMES), limits=EngineLimits(spares=0, boot_timeout_s=0.5))
    await service.start()
    sleeper = ("/usr/local/bin/python3", "-I", "-S", "-c", "import time; time.sleep(60)")
    monkeypatch.setattr("clowdy_tui.engine.pack.RUNNER_ARGV", sleeper)
    outcome = await service.invoke(deployment(timeout_s=30.0), b"1", invocation_id="1")
    assert (outcome.status, outcome.error_type) == ("crashed", "BootFailed")
    assert "0.5 s" in (outcome.error_message or "")
    await until(lambda: not processes(installation_id))
    await service.close()


@pytest.mark.parametrize(
    ("switches", "said", "problem", "remedy"),
    [
        (
            {"user/max_user_namespaces": "0"},
            "No space left on device",
            "switched off",
            "user.max_user_namespaces=15000",
        ),
        (
            {"kernel/unprivileged_userns_clone": "0"},
            "Operation not permitted",
            "switched off",
            "unprivileged_userns_clone=1",
        ),
        (
            {"kernel/apparmor_restrict_unprivileged_userns": "1"},
            "setting up uid map: Permission denied",
            "AppArmor",
            "AppArmor profile",
        ),
        ({}, "Can't mount proc on /newroot/proc: Operation not permitted", "/proc", "container"),
        ({}, "Creating new namespace failed: Operation not permitted", "namespaces", "container"),
        ({}, "something else", "something else", "bwrap --unshare-all"),
    ],
)
def test_each_reason_has_its_remedy(
    tmp_path: Path, switches: dict[str, str], said: str, problem: str, remedy: str
) -> None:
    for name, text in switches.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    told = diagnosis.explain(f"bwrap: {said}\n", tmp_path)
    assert problem in told[0]
    assert said in told[0]
    assert remedy in told[1]


def test_root_is_given_up_also_without_setpriv(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has rights to give up")
    show = ["/bin/sh", "-c", "id -u; id -g; id -G"]
    for here in (launch.shutil.which, lambda _: None):
        monkeypatch.setattr(launch.shutil, "which", here)
        done = subprocess.run(
            launch.launch_command(show, join_files=(), drop_to=65432), capture_output=True, text=True, check=False
        )
        assert done.stdout.split() == ["65432"] * 3, done.stderr


class TestControlGroups:
    """Version 2 is not there on every machine that runs these: a folder with the kernel's files stands in for it."""

    @pytest.fixture
    def second(self, tmp_path: Path) -> tuple[Path, Path]:
        proc, mount = tmp_path / "proc", tmp_path / "cgroup"
        proc.mkdir()
        (mount / "user.slice").mkdir(parents=True)
        (proc / "cgroup").write_text("0::/user.slice\n")
        (proc / "mountinfo").write_text(f"31 23 0:28 / {mount} rw - cgroup2 cgroup2 rw,nsdelegate\n")
        (mount / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
        return proc, mount

    def test_mounts_are_read(self, second: tuple[Path, Path]) -> None:
        (found,) = mounts(second[0])
        assert (found.version, found.own) == (2, second[1] / "user.slice")
        assert {"memory", "pids", "cpu"} <= found.controllers

    def test_version_2_limits(self, tmp_path: Path) -> None:
        for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.max"):
            (tmp_path / name).write_text("")
        group = Cgroup(dict.fromkeys(("memory", "pids", "cpu"), tmp_path), dict.fromkeys(("memory", "pids", "cpu"), 2))
        group.limit(memory_mb=64, processes=32)
        group.limit_cpu(0.5)
        written = {path.name: path.read_text() for path in tmp_path.iterdir()}
        assert written == {
            "memory.max": str(64 * 1024 * 1024),
            "memory.swap.max": "0",
            "memory.oom.group": "1",
            "pids.max": "32",
            "cpu.max": "10000 20000",
        }
        (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 0\n")
        assert not group.out_of_memory()
        (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
        assert group.out_of_memory()
        (tmp_path / "memory.peak").write_text("2097152\n")
        assert group.peak_memory_kb() == 2048
        assert group.join_files == [str(tmp_path / "cgroup.procs")]

    def test_a_hierarchy_that_cannot_be_written_is_not_claimed(self, second: tuple[Path, Path]) -> None:
        # A plain folder has no cgroup.subtree_control: enabling fails as it does where nothing was delegated.
        tree = CgroupTree.find("test", second[0])
        assert tree.controllers == frozenset()
        assert tree.problems
        assert not list(second[1].glob("**/clowdy-test"))


SYSTEMD_RUN = """#!/bin/sh
echo "$@" >> "{told}"
while [ "$1" != -- ]; do shift; done
shift
case "$*" in *memory.max*) for out; do :; done; printf '{holds}' >"/proc/self/fd/$out"; exit 0;; esac
echo "variables: $(env | cut -d= -f1 | tr '\\n' ' ')" >> "{told}"
exec "$@"
"""


class TestScopesOfTheUsersSystemd:
    """No machine that runs these has one: a program stands in for systemd-run, limits nothing and becomes the rest."""

    @pytest.fixture
    def told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """What the stand-in was asked for; it says that memory and processes hold, and no share of the CPU."""
        told, program = tmp_path / "told", tmp_path / "systemd-run"
        holds = "memory.max 67108864\\npids.max 16\\ncpu.max max 100000\\n"
        program.write_text(SYSTEMD_RUN.format(told=told, holds=holds))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.setattr(userscopes, "mounts", lambda _: [Mount(2, frozenset(), tmp_path, tmp_path)])
        monkeypatch.setattr(CgroupTree, "find", classmethod(lambda cls, name: cls(name, {}, {})))
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
        monkeypatch.setenv("SECRET_OF_THE_HOST", "x")
        return told

    async def test_each_sandbox_has_one_with_its_limits(self, told: Path, trees: Path, installation_id: str) -> None:
        service = service_with(BubblewrapDriver(installation_id=installation_id, data_dir=trees), trees)
        await service.start()
        try:
            status = service.driver_status()
            assert {Enforced.MEMORY, Enforced.PROCESSES} <= status.enforced
            assert Enforced.CPU not in status.enforced
            limits = "def handler(event):\n    import os, resource\n"
            limits += "    return resource.getrlimit(resource.RLIMIT_DATA)[1], 'XDG_RUNTIME_DIR' in os.environ\n"
            outcome = await Engine(service).run(limits, memory_mb=96, cpus=0.25)
            # Held by the scope, so not by an rlimit as well.
            assert value(outcome) == [-1, False]
        finally:
            await service.close()
        _, asked, variables = told.read_text().splitlines()
        assert asked.startswith(
            f"--user --scope --quiet --collect --unit=clowdy-{installation_id}-{outcome.instance_id} "
        )
        for limit in ("MemoryMax=100663296", "MemorySwapMax=0", "TasksMax=64", "CPUQuota=25%"):
            assert f" --property={limit} " in asked
        assert "XDG_RUNTIME_DIR" in variables
        assert "SECRET" not in variables

    def test_one_that_holds_nothing_is_not_used(self, told: Path) -> None:
        program = told.parent / "systemd-run"
        program.write_text(SYSTEMD_RUN.format(told=told, holds="memory.max max\\n"))
        assert userscopes.find_user_scopes("test") is None
        program.write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
        assert userscopes.find_user_scopes("test") is None

    def test_the_group_is_the_scopes_own(self, tmp_path: Path) -> None:
        scopes = userscopes.UserScopes("systemd-run", "test", {}, tmp_path, frozenset({"memory", "cpu"}))
        scope = "user.slice/user-1000.slice/user@1000.service/app.slice/clowdy-test-ab12.scope"
        for pid, path in (("1", scope), ("2", "user.slice/user-1000.slice/session-1.scope")):
            (tmp_path / pid).mkdir()
            (tmp_path / pid / "cgroup").write_text(f"0::/{path}\n")
        group = scopes.group(1, tmp_path)
        assert group is not None
        assert (group.folders, group.versions) == ({"memory": tmp_path / scope}, {"memory": 2})
        # Where systemd did not move it, its group is nobody's to read or to remove.
        assert scopes.group(2, tmp_path) is None
        assert scopes.group(3, tmp_path) is None


@pytest.mark.slow
@as_root
def test_the_suite_holds_for_an_ordinary_user(trees: Path, scratch: Path) -> None:
    """The same tests, run by a user with no rights and so without control groups."""
    here = Path(__file__).parent
    script = here / "as_user.py"
    home = scratch / "home"
    home.mkdir()
    home.chmod(0o777)
    environment = {**os.environ, "CLOWDY_TEST_TREES": str(trees), "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [
            *(sys.executable, str(script), "54321", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "bubblewrap"),
            *(str(here / f"test_engine_{name}.py") for name in AS_A_USER),
        ],
        cwd=here.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    print(done.stdout.splitlines()[-1])


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes(installation_id: str) -> list[int]:
    marker = f"CLOWDY_SANDBOX\0{installation_id}/".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found
