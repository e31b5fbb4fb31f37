"""What all tests share: folders that sandboxes can reach, an environment without the person's own, no leftovers."""

import asyncio
import fcntl
import gc
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# A shell that runs the tests in the background has them ignore it, and every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

RUNTIMES = Path(__file__).parents[1] / "runtimes"
OWN_VARIABLES = ("GROQ_API_KEY", "NEON_API_KEY", "CLERK_JWKS_URL", "NO_COLOR", "SSH_CONNECTION", "SSH_TTY")


# What pytest and the modules hold never goes: looked through again and again it is a third of the time of all tests.
gc.set_threshold(100_000, 50, 100)


def pytest_configure(config: pytest.Config) -> None:
    """A place for the runtime's tree that all workers of this run inherit: it is packed by the first that needs it."""
    if "CLOWDY_TEST_TREES" not in os.environ:
        folder = tempfile.mkdtemp(prefix="clowdy-trees-", dir="/tmp")
        Path(folder).chmod(0o755)
        os.environ["CLOWDY_TEST_TREES"] = folder

        def remove() -> None:
            del os.environ["CLOWDY_TEST_TREES"]
            shutil.rmtree(folder)
            if (images := Path(f"{folder}-in-docker")).exists():
                from tests.docker_traces import remove_images_of_tests

                images.unlink()
                remove_images_of_tests()

        config.add_cleanup(remove)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    # pytest looks five times for what was left unclosed: once at all there is, and then at what is new.
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker has one left when the others are done: slow ones, then large ones."""
    count = Counter(item.path for item in items)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, -count[item.path], item.path))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was left out and why, a line for each reason."""
    reports = terminalreporter.getreports("skipped")
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"Left out {count} {'test' if count == 1 else 'tests'}: {reason}")


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder for this run's data folders: short, because sockets lie in them, and open to a sandbox's own uid."""
    folder = Path(tempfile.mkdtemp(prefix="clowdy-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def open_folder(scratch: Path) -> Path:
    """A new folder that others may pass through, as those of a service are."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    folder.chmod(0o711)
    return folder


@pytest.fixture(scope="session")
def trees() -> Path:
    """A folder with the packed tree: once for all tests, also for those that run these tests as another user."""
    from clowdy_tui.engine.runtime import RuntimeStore

    folder = Path(os.environ["CLOWDY_TEST_TREES"])
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        asyncio.run(RuntimeStore(folder, RUNTIMES).root_tree("python"))
    finally:
        os.close(held)
    return folder


@pytest.fixture(scope="session")
def images_go(trees: Path) -> Callable[[], None]:
    """Says that there are images in Docker to remove at the end of all workers: they share them by their content."""
    return Path(f"{trees}-in-docker").touch


@pytest.fixture(scope="session")
def _hash_the_tree_once(trees: Path) -> Iterator[None]:
    """A docker driver hashes a tree of 70 MB once, but each test has a driver of its own; this tree never changes."""
    from clowdy_tui.engine.sandboxes import docker_images

    hash_of, known = docker_images.hash_of, dict[tuple[Path, str, str], str]()

    def hash_once(root: Path, base: str = "", *, left_out: str = "") -> str:
        if root.parent != trees:
            return hash_of(root, base, left_out=left_out)
        if (root, base, left_out) not in known:
            known[root, base, left_out] = hash_of(root, base, left_out=left_out)
        return known[root, base, left_out]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(docker_images, "hash_of", hash_once)
        yield


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as the first start makes it: made once, because migrating takes longer than most tests."""
    from clowdy_tui.store.database import DATABASE_NAME
    from clowdy_tui.store.migrate import migrate

    path = tmp_path_factory.mktemp("template") / DATABASE_NAME
    migrate(path)
    return path


@pytest.fixture(scope="session")
def prepare(trees: Path, empty_database: Path) -> Callable[[Path], Path]:
    """Makes a data folder as a first start leaves it, without its second of work; returns its path."""

    def made(folder: Path) -> Path:
        folder.mkdir()
        (folder / "runtimes").symlink_to(trees)
        shutil.copy(empty_database, folder)
        return folder

    return made


@pytest.fixture
def data_dir(scratch: Path) -> Path:
    """The path of a data folder that is not there yet."""
    return open_folder(scratch) / "data"


@pytest.fixture
def prepared_dir(scratch: Path, prepare: Callable[[Path], Path]) -> Path:
    """A data folder for tests that are not about a first start."""
    return prepare(open_folder(scratch) / "data")


@pytest.fixture(autouse=True)
def _nothing_of_the_persons_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*OWN_VARIABLES, *(name for name in os.environ if name.startswith("CLOWDY_"))]:
        if not name.startswith("CLOWDY_TEST_"):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOWDY_CONFIG", os.devnull)


@pytest.fixture(scope="session", autouse=True)
def _no_leftovers(scratch: Path) -> Iterator[None]:
    """Every process that a test started is gone at the end, and every one that has to do with its data folders."""
    before = _descendants(os.getpid())
    yield
    deadline = time.monotonic() + 60
    while left := {**_descendants(os.getpid()), **_mentioning(str(scratch))}:
        left = {pid: command for pid, command in left.items() if pid not in before}
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    assert not left, f"processes are left behind: {left}"


def _processes() -> Iterator[tuple[int, int, str]]:
    """(pid, parent's pid, command line) of every process that still runs."""
    for entry in Path("/proc").iterdir() if Path("/proc/self").exists() else ():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] != "Z":
                yield int(entry.name), int(fields[1]), command


def _descendants(pid: int) -> dict[int, str]:
    processes = list(_processes())
    found, front = dict[int, str](), {pid}
    while front:
        front = {child for child, parent, _ in processes if parent in front}
        found |= {child: command for child, _, command in processes if child in front}
    return found


def _mentioning(text: str) -> dict[int, str]:
    return {pid: command for pid, _, command in _processes() if text in command and pid != os.getpid()}
