"""Copies the host's own Python into a root tree: the part of `runtime` that knows where a distribution keeps what.

Works for a distribution's Python, for one that was built (pyenv) and for a relocatable one (uv), from inside a venv
or not: everything is found from `sys.base_prefix` and by asking the loader.
"""

import compileall
import importlib.util
import os
import py_compile
import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from clowdy_tui.domain.errors import DriverUnavailable

PYTHON: Final = "/usr/local/bin/python3"
RUNNER: Final = "/opt/clowdy/runner.pyc"
RUNNER_ARGV: Final = (PYTHON, "-I", "-S", "-X", "utf8", RUNNER)
CA_BUNDLE: Final = "/etc/ssl/certs/ca-certificates.crt"
UID: Final = 65534
DATABASE_CLIENT: Final = "/opt/clowdy/database"
"""Where psycopg lies, for functions whose layer has none of its own."""
_DATABASE_CLIENT_PARTS: Final = ("psycopg", "psycopg_binary", "typing_extensions")
LAYER_PLACE: Final = "/opt/layer"
"""Where a sandbox finds its layer."""
DATABASE_PLACE: Final = "/run/database"
"""Where it finds the folder of its project's database socket, where the project has one."""

_LEFT_OUT: Final = frozenset(
    {"test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data", "__phello__"}
    | {"site-packages", "dist-packages"}
)
_LEFT_OUT_MODULES: Final = ("_tkinter", "_test", "_xxtest", "_xxsub", "_ctypes_test", "xxlimited", "_dbm_test")
_EXTRA_LIBRARIES: Final = (
    # For wheels in layers: what manylinux allows them to expect of the system.
    *("libstdc++.so.6", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1"),
    # For names to be resolved, with an older glibc.
    *("libresolv.so.2", "libnss_dns.so.2", "libnss_files.so.2"),
)
_CA_BUNDLES: Final = (
    CA_BUNDLE,
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_ETC: Final = {
    "passwd": f"root:x:0:0:root:/root:/usr/sbin/nologin\nnobody:x:{UID}:{UID}:nobody:/tmp:/usr/sbin/nologin\n",
    "group": f"root:x:0:\nnogroup:x:{UID}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    # A place for the driver to mount the host's over, where the network is on.
    "resolv.conf": "",
}
_FOLDERS: Final = (
    "proc",
    "dev",
    "sys",
    "tmp",
    "root",
    "run",
    LAYER_PLACE.lstrip("/"),
    DATABASE_PLACE.lstrip("/"),
    "usr/bin",
    "var/tmp",
)


def pack_host_python(root: Path, runner: bytes) -> None:
    """Fill `root`, an empty folder, with everything that the runner and a handler need.

    Raises:
        OSError: something cannot be read or written.
        DriverUnavailable: this interpreter cannot be packed; says why.
    """
    if sys.platform != "linux":
        raise DriverUnavailable("A root tree can only be packed on Linux.", remedy="Set runtime_source to dockerfile.")
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    binary = _copy_interpreter(root)
    extensions = _copy_standard_library(root)
    extensions += _copy_database_client(root)
    _copy_libraries(root, [binary, *extensions])
    _write_etc(root)
    _copy_zones(root)
    _write_runner(root, runner)


def _copy_interpreter(root: Path) -> Path:
    binary = Path(os.path.realpath(sys.executable))
    target = root / PYTHON.lstrip("/")
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    target.parent.mkdir(parents=True, exist_ok=True)
    _copy(binary, target.with_name(name))
    target.symlink_to(name)
    target.with_name("python").symlink_to(name)
    return binary


def _copy_standard_library(root: Path) -> list[Path]:
    """Copy what can be imported, with bytecode; the extension modules that it holds, as they lie on the host."""
    base = Path(sys.base_prefix).resolve()
    extensions: list[Path] = []
    bases = {"base": sys.base_prefix, "platbase": sys.base_prefix, "installed_base": sys.base_prefix}
    for source in {Path(sysconfig.get_path(name, vars=bases)).resolve() for name in ("stdlib", "platstdlib")}:
        if not source.is_dir():
            continue
        if not source.is_relative_to(base):
            raise DriverUnavailable(f"The standard library lies at {source}, outside of {base}.")
        target = root / "usr/local" / source.relative_to(base)
        extensions += _copy_modules(source, target)
        _compile_missing(root, target)
    return extensions


def database_client_version() -> str:
    """Which psycopg a tree holds; empty where it holds none."""
    try:
        return metadata.version("psycopg-binary")
    except metadata.PackageNotFoundError:
        return ""


def _copy_database_client(root: Path) -> list[Path]:
    """psycopg, as it lies beside Clowdy: it is for the same Python, and no function has to build it."""
    target = root / DATABASE_CLIENT.lstrip("/")
    extensions: list[Path] = []
    for name in _DATABASE_CLIENT_PARTS:
        found = importlib.util.find_spec(name)
        for folder in (found.submodule_search_locations or ()) if found else ():
            source = Path(folder)
            extensions += _copy_modules(source, target / source.name)
            libraries = source.with_name(f"{source.name}.libs")
            if libraries.is_dir():
                # Found by the extensions beside them; what they need of the system, the extensions need as well.
                shutil.copytree(libraries, target / libraries.name, copy_function=_copy_plain)
        if found and found.origin and not found.submodule_search_locations:
            target.mkdir(parents=True, exist_ok=True)
            _copy(Path(found.origin), target / Path(found.origin).name)
    if target.is_dir():
        _compile_missing(root, target)
    return extensions


def _copy_plain(source: str, target: str) -> None:
    _copy(Path(source), Path(target))


def _copy_modules(source: Path, target: Path) -> list[Path]:
    extensions: list[Path] = []
    tag = sys.implementation.cache_tag
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if name not in _LEFT_OUT and not name.startswith("config-")]
        into = target / Path(folder).relative_to(source)
        into.mkdir(parents=True, exist_ok=True)
        in_cache = Path(folder).name == "__pycache__"
        for name in files:
            path = Path(folder, name)
            if in_cache:
                # Only this interpreter's plain bytecode, not what is left of optimised or older ones.
                if not name.endswith(f".{tag}.pyc"):
                    continue
            elif name.endswith(".so"):
                if name.startswith(_LEFT_OUT_MODULES):
                    continue
                extensions.append(path)
            elif name.endswith((".a", ".o", ".exe", ".bat", ".sh")):
                continue
            if path.is_file():
                _copy(path, into / name)
    return extensions


def _compile_missing(root: Path, target: Path) -> None:
    """Compile what came without bytecode or with stale one: without it a sandbox starts three times slower."""
    missing: list[Path] = []
    for source in target.rglob("*.py"):
        told = source.stat()
        cached = Path(importlib.util.cache_from_source(str(source)))
        try:
            with cached.open("rb") as file:
                head = file.read(16)
        except FileNotFoundError:
            missing.append(source)
            continue
        by_time = head[4:8] == b"\0\0\0\0"
        if head[:4] != importlib.util.MAGIC_NUMBER or (
            by_time and head[8:16] != _u32(int(told.st_mtime)) + _u32(told.st_size)
        ):
            missing.append(source)
    for source in missing:
        compileall.compile_file(source, stripdir=str(root), prependdir="/", quiet=2, force=True)


def _u32(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "little")


def _copy_libraries(root: Path, programs: Iterable[Path]) -> None:
    """Copy every shared library that the programs load, into the folder where the loader looks by itself."""
    loader, libraries = _ask_loader(list(programs))
    libc = next(
        (path for name, path in libraries.items() if name.startswith(("libc.so", "ld-musl", "libc.musl"))), None
    )
    if libc is None:
        raise DriverUnavailable("The loader does not say where its C library is.", remedy="Install `ldd`.")
    folder = libc.parent
    for name in _EXTRA_LIBRARIES:
        found = next((place / name for place in _library_folders(folder) if (place / name).is_file()), None)
        if found is not None:
            libraries.setdefault(name, found)
    for path in _ask_loader([libraries[name] for name in _EXTRA_LIBRARIES if name in libraries])[1].values():
        libraries.setdefault(path.name, path)
    target = root / str(folder).lstrip("/")
    target.mkdir(parents=True, exist_ok=True)
    for name, path in libraries.items():
        # All in one folder: what the interpreter finds through its own run path lies under a prefix that is not here.
        if not (target / name).exists():
            _copy(path, target / name)
    if loader is not None:
        place = root / str(loader).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            _copy(loader, place)


def _library_folders(folder: Path) -> Iterator[Path]:
    yield folder
    yield Path("/usr") / str(folder).lstrip("/")
    yield from (Path("/usr/lib64"), Path("/usr/lib"), Path("/lib64"), Path("/lib"))


def _ask_loader(programs: list[Path]) -> tuple[Path | None, dict[str, Path]]:
    """The dynamic loader, and every library by the name under which it is asked for."""
    ldd = shutil.which("ldd")
    if ldd is None:
        raise DriverUnavailable("`ldd` is missing, which tells the libraries that Python needs.", remedy="Install it.")
    if not programs:
        return None, {}
    done = subprocess.run(  # noqa: S603
        [ldd, *map(str, programs)], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    loader: Path | None = None
    libraries: dict[str, Path] = {}
    for line in done.stdout.splitlines():
        named = re.match(r"\s+(\S+) => (/\S+)", line)
        alone = re.match(r"\s+(/\S+) \(0x", line)
        if named:
            libraries.setdefault(Path(named[1]).name, Path(named[2]))
        elif alone:
            loader = Path(alone[1])
    return loader, libraries


def _write_etc(root: Path) -> None:
    etc = root / "etc"
    etc.mkdir(exist_ok=True)
    for name, text in _ETC.items():
        (etc / name).write_text(text)
    known = ssl.get_default_verify_paths()
    for candidate in (*_CA_BUNDLES, known.cafile or "", known.openssl_cafile):
        if candidate and Path(candidate).is_file():
            target = root / CA_BUNDLE.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(Path(candidate), target)
            break


def _copy_zones(root: Path) -> None:
    zones = Path("/usr/share/zoneinfo")
    if not zones.is_dir():
        return
    target = root / "usr/share/zoneinfo"
    for folder, folders, files in os.walk(zones):
        folders[:] = [name for name in folders if name not in {"posix", "right"}]
        into = target / Path(folder).relative_to(zones)
        into.mkdir(parents=True, exist_ok=True)
        for name in files:
            path = Path(folder, name)
            if path.is_file() and name not in {"leapseconds", "posixrules", "localtime"}:
                _copy(path, into / name)
    if (target / "UTC").is_file():
        (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")


def _write_runner(root: Path, runner: bytes) -> None:
    target = root / RUNNER.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    source = target.with_suffix(".py")
    source.write_bytes(runner)
    # Bytecode that is never checked against its source: a start does not read or compile the text.
    py_compile.compile(
        str(source),
        cfile=str(target),
        dfile="/opt/clowdy/runner.py",
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _copy(source: Path, target: Path) -> None:
    """A plain copy with its time (bytecode is checked by it) and without anything else: no owner, no setuid."""
    told = source.stat()
    shutil.copyfile(source, target)
    target.chmod(0o755 if told.st_mode & 0o100 else 0o644)
    os.utime(target, ns=(told.st_mtime_ns, told.st_mtime_ns))
