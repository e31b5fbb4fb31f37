"""Sources compiled by processes apart, and taken again by their content."""

import importlib.util
import marshal
import os
import signal
from pathlib import Path

from clowdy_tui.engine.bytecode import Bytecode

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def bytecode_of(source: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(source)))


async def compiled(bytecode: Bytecode, site: Path) -> None:
    async with bytecode.workers(ENVIRONMENT) as workers:
        await workers.compile(site, "/opt/layer")


async def test_what_can_be_compiled_is_and_the_rest_is_left(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "deep" / "er").mkdir(parents=True)
    sources = {"a.py": "A = 1\n", "deep/er/ü b.py": "raise SystemExit\n", "wrong.py": "print 'two'\n", "b.txt": "x"}
    for name, text in sources.items():
        (site / name).write_text(text)
    (site / "link.py").symlink_to("/etc/passwd")
    bytecode = Bytecode(tmp_path / "cache")
    await compiled(bytecode, site)
    assert {path.relative_to(site).parent.as_posix() for path in site.rglob("*.pyc")} == {
        "__pycache__",
        "deep/er/__pycache__",
    }
    content = bytecode_of(site / "deep" / "er" / "ü b.py").read_bytes()
    assert content[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(content[4:8], "little") == 1, "no import compares times"
    assert marshal.loads(content[16:]).co_filename == "/opt/layer/deep/er/ü b.py"
    assert not bytecode_of(site / "wrong.py").exists()
    assert not bytecode_of(site / "link.py").exists()

    # The same file of another layer is compiled no more, also when nobody is there to do it; the same content in
    # another place is, for it names that place.
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.py").write_text("A = 1\n")
    (other / "c.py").write_text("A = 1\n")
    async with bytecode.workers(ENVIRONMENT) as workers:
        for process in workers._processes:
            os.kill(process.pid, signal.SIGKILL)
        await workers.compile(other, "/opt/layer")
    assert bytecode_of(other / "a.py").read_bytes() == bytecode_of(site / "a.py").read_bytes()
    assert not bytecode_of(other / "c.py").exists()
    await compiled(bytecode, other)
    assert marshal.loads(bytecode_of(other / "c.py").read_bytes()[16:]).co_filename == "/opt/layer/c.py"


async def test_workers_that_die_leave_sources_as_they_are_and_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    for number in range(20):
        (tmp_path / "site" / f"m{number}.py").write_text(f"N = {number}\n")
    bytecode = Bytecode(tmp_path / "cache")
    async with bytecode.workers(ENVIRONMENT) as workers:
        processes = workers._processes
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
        await workers.compile(tmp_path / "site", "/opt/layer")
    assert not list(tmp_path.rglob("*.pyc"))
    async with bytecode.workers(ENVIRONMENT) as workers:
        processes = workers._processes
    assert all(process.returncode is not None for process in processes)
    await compiled(bytecode, tmp_path / "site")
    assert len(list((tmp_path / "site").rglob("*.pyc"))) == 20


async def test_a_cache_that_has_grown_too_large_begins_anew(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "a.py").write_text("A = 1\n")
    bytecode = Bytecode(tmp_path / "cache")
    await compiled(bytecode, tmp_path / "site")
    bytecode.trim()
    assert list((tmp_path / "cache").rglob("*.pyc"))
    monkeypatch.setattr("clowdy_tui.engine.bytecode.MAX_CACHE_BYTES", 10)
    bytecode.trim()
    assert not list((tmp_path / "cache").rglob("*.pyc"))
    assert bytecode_of(tmp_path / "site" / "a.py").exists()
