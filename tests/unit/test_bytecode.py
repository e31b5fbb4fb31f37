"""Sources compiled by processes apart, taken again by their content, and all of it while a layer serves already."""

import asyncio
import importlib.util
import marshal
import os
from pathlib import Path

import pytest

from clowdy_tui.engine.bytecode import WORKERS, Bytecode
from clowdy_tui.engine.compiling import Compiling

DIES = "raise SystemExit"
HANGS = "import os, sys\nopen(f'{place}/{{os.getpid()}}', 'w').close()\nsys.stdin.read()\n"
KEY = "a" * 32


def bytecode_of(source: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(source)))


def worker(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr("clowdy_tui.engine.bytecode._WORKER", program)


async def test_what_can_be_compiled_is_and_the_rest_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    (site / "deep" / "er").mkdir(parents=True)
    sources = {"a.py": "A = 1\n", "deep/er/ü b.py": "raise SystemExit\n", "wrong.py": "print 'two'\n", "b.txt": "x"}
    for name, text in sources.items():
        (site / name).write_text(text)
    (site / "link.py").symlink_to("/etc/passwd")
    bytecode = Bytecode(tmp_path / "cache")
    await bytecode.compile(site, "/opt/layer")
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
    with monkeypatch.context() as patch:
        worker(patch, DIES)
        await bytecode.compile(other, "/opt/layer")
    assert bytecode_of(other / "a.py").read_bytes() == bytecode_of(site / "a.py").read_bytes()
    assert not bytecode_of(other / "c.py").exists()
    await bytecode.compile(other, "/opt/layer")
    assert marshal.loads(bytecode_of(other / "c.py").read_bytes()[16:]).co_filename == "/opt/layer/c.py"


async def test_what_ends_before_its_end_leaves_no_process_and_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, started = tmp_path / KEY, tmp_path / "started"
    layer.mkdir()
    started.mkdir()
    for number in range(20):
        (layer / f"m{number}.py").write_text(f"N = {number}\n")
    compiling = Compiling(tmp_path, timeout_s=60)
    compiling.mark(KEY)
    with monkeypatch.context() as patch:
        worker(patch, HANGS.format(place=started))
        compiling.go_on({KEY})
        async with asyncio.timeout(30):
            while len(pids := list(started.iterdir())) < WORKERS:
                await asyncio.sleep(0.01)
        await compiling.end()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.name), 0)
    assert not list(layer.rglob("*.pyc"))

    # Another process finds that something is left to do; what is gone is not waited for.
    compiling = Compiling(tmp_path, timeout_s=60)
    compiling.mark("b" * 32)
    compiling.trim()
    await compiling.done(KEY)
    assert len(list(layer.rglob("*.pyc"))) == 20
    assert not list(tmp_path.glob(".uncompiled-*"))


async def test_a_cache_that_has_grown_too_large_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "a.py").write_text("A = 1\n")
    bytecode = Bytecode(tmp_path / "cache")
    await bytecode.compile(tmp_path / "site", "/opt/layer")
    bytecode.trim()
    assert list((tmp_path / "cache").rglob("*.pyc"))
    monkeypatch.setattr("clowdy_tui.engine.bytecode.MAX_CACHE_BYTES", 10)
    bytecode.trim()
    assert not list((tmp_path / "cache").rglob("*.pyc"))
    assert bytecode_of(tmp_path / "site" / "a.py").exists()
