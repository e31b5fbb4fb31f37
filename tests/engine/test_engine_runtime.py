"""The root tree: what is in it, that it is made once, and what is said when it cannot be."""

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from engine_support import RUNTIMES

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine import pack
from clowdy_tui.engine.runtime import RuntimeStore


@pytest.fixture
async def tree(trees: Path) -> Path:
    return (await RuntimeStore(trees, RUNTIMES).root_tree("python")).path


def test_the_tree_holds_what_is_needed_and_nothing_with_rights(tree: Path) -> None:
    for path in tree.rglob("*"):
        mode = path.lstat().st_mode
        assert stat.S_ISLNK(mode) or stat.S_ISDIR(mode) or stat.S_ISREG(mode), path
        if not stat.S_ISLNK(mode):
            assert not mode & (stat.S_ISUID | stat.S_ISGID | 0o022), path
            assert mode & 0o004, path
        else:
            assert (tree / str(path.readlink()).lstrip("/")).exists() or (path.parent / path.readlink()).exists(), path
    assert sorted(path.name for path in (tree / "etc").iterdir() if path.is_file() and not path.is_symlink()) == [
        "group",
        "hosts",
        "nsswitch.conf",
        "passwd",
        "resolv.conf",
    ]
    assert sum(path.lstat().st_size for path in tree.rglob("*")) < 150 * 1024 * 1024


def test_all_of_the_standard_library_has_fresh_bytecode(tree: Path) -> None:
    library = tree / f"usr/local/lib/python{sys.version_info.major}.{sys.version_info.minor}"
    sources = [path for path in library.rglob("*.py") if "bad" not in path.name]
    assert len(sources) > 400
    tag = sys.implementation.cache_tag
    for source in sources:
        cached = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        assert cached.is_file(), source
        head = cached.read_bytes()[:16]
        by_time = head[4:8] == b"\0\0\0\0"
        assert not by_time or int.from_bytes(head[8:12], "little") == int(source.stat().st_mtime), source


async def test_it_is_packed_once_and_found_again(trees: Path, tree: Path) -> None:
    before = sorted(path.name for path in trees.iterdir())
    again = await RuntimeStore(trees, RUNTIMES).root_tree("python")
    assert again.path == tree
    assert again.argv == pack.RUNNER_ARGV
    assert sorted(path.name for path in trees.iterdir()) == before == [tree.name]


async def test_packing_at_the_same_time_leaves_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def quick(root: Path, runner: bytes) -> None:
        (root / "runner").write_bytes(runner)

    monkeypatch.setattr(pack, "pack_host_python", quick)
    stores = [RuntimeStore(tmp_path / "trees", RUNTIMES) for _ in range(4)]
    found = await asyncio.gather(*(store.root_tree("python") for store in stores))
    assert len({tree.path for tree in found}) == 1
    assert list((tmp_path / "trees").iterdir()) == [found[0].path]


async def test_a_pack_that_fails_leaves_nothing_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(root: Path, runner: bytes) -> None:
        (root / "half").write_bytes(runner)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pack, "pack_host_python", full)
    with pytest.raises(DriverUnavailable, match="No space left on device"):
        await RuntimeStore(tmp_path, RUNTIMES).root_tree("python")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["cobol", "../python", "", "Python"])
async def test_an_unknown_runtime_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(DriverUnavailable, match="There is no runtime"):
        await RuntimeStore(tmp_path, RUNTIMES).root_tree(name)


@pytest.mark.parametrize("text", ["name: [", "name: python\n", "just text"])
async def test_a_broken_runtime_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "runtime.yaml").write_text(text)
    with pytest.raises(DriverUnavailable, match=r"odd|runtime\.yaml"):
        await RuntimeStore(tmp_path / "trees", tmp_path).root_tree("odd")


def test_stale_and_missing_bytecode_is_compiled(tmp_path: Path) -> None:
    library = tmp_path / "usr/local/lib/x"
    library.mkdir(parents=True)
    for name in ("fresh", "missing", "stale"):
        (library / f"{name}.py").write_text(f"name = {name!r}\n")
    pack._compile_missing(tmp_path, library)
    tag = sys.implementation.cache_tag
    cached = {name: library / f"__pycache__/{name}.{tag}.pyc" for name in ("fresh", "missing", "stale")}
    cached["missing"].unlink()
    (library / "stale.py").write_text("name = 'changed since'\n")
    fresh = cached["fresh"].read_bytes()
    pack._compile_missing(tmp_path, library)
    assert cached["fresh"].read_bytes() == fresh
    assert cached["missing"].is_file()
    assert b"changed since" in cached["stale"].read_bytes()
    assert str(tmp_path).encode() not in cached["stale"].read_bytes()


def test_the_runner_imports_the_standard_library_only() -> None:
    code = "import sys, runpy; runpy.run_path(sys.argv[1], run_name='not_main'); print('ok')"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(RUNTIMES / "python/runner.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "ok\n", done.stderr
