"""What `clowdy doctor` looks at: each check finds one thing out and says what to do about it."""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from clowdy_tui import __version__, resources
from clowdy_tui.cli.finding import find, lock_holder
from clowdy_tui.cli.locations import config_dir, config_file
from clowdy_tui.cli.settings import KINDS, Settings
from clowdy_tui.domain.errors import ClowdyError

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `remedy` is what to do, empty where nothing has to be done."""

    name: str
    state: State
    says: str
    remedy: str = ""
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def python() -> Check:
    """Versions, and whether the quick event loop is there."""
    says = f"Clowdy {__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    try:
        return Check("python", "ok", f"{says}, uvloop {metadata.version('uvloop')}")
    except metadata.PackageNotFoundError:
        return Check("python", "warning", f"{says}, without uvloop", "Calls are quicker with it: pip install uvloop")


def settings(loaded: Settings, config: Path | None) -> Check:
    """Where the settings come from."""
    path = config or Path(os.environ.get("CLOWDY_CONFIG") or config_file())
    changed = sorted(name for name in KINDS if loaded.source(name) != "default")
    says = f"{path}" if path.is_file() else f"no file at {path}"
    return Check("settings", "ok", f"{says}; set: {', '.join(changed)}" if changed else f"{says}; all by default")


def data_folder(data_dir: Path) -> Check:
    """Whether the data folder is there, or can be made, and can be written to."""
    existing = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        remedy = f"Make it writable for {_user()}, or choose another with --data-dir"
        return Check("data folder", "failed", f"{data_dir} cannot be written to", remedy)
    free = shutil.disk_usage(existing).free
    says = (
        f"{data_dir}, {free / 2**30:.1f} GiB free" if existing == data_dir else f"{data_dir} is made on the first start"
    )
    if free < 2**20:
        remedy = "Make room: saving is refused, and calls wait in memory for their place in the log"
        return Check("data folder", "warning", f"{data_dir}: its disk is full", remedy)
    if free < 512 * 2**20:
        return Check("data folder", "warning", says, "A runtime alone takes 70 MB, and layers more: make room")
    return Check("data folder", "ok", says)


def secret_key(loaded: Settings) -> Check:
    """Whether the key that encrypts variables is there, and for this user alone."""
    from clowdy_tui.services.rotation import check_key

    path = loaded.secret_key_file or loaded.data_dir / "secret.key"
    try:
        check_key(loaded.data_dir, path)
    except ClowdyError as error:
        return Check("secret key", "failed", error.detail)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return Check("secret key", "ok", f"{path} is made on the first start")
    except OSError as error:
        return Check(
            "secret key", "failed", f"{path} cannot be read: {error.strerror}", f"Make it readable for {_user()}"
        )
    if mode & 0o077:
        return Check("secret key", "warning", f"{path} can be read by others", f"chmod 600 {path}")
    return Check("secret key", "ok", f"{path}, for its owner alone; a backup of the data is worth nothing without it")


def gateway(data_dir: Path) -> Check:
    """Whether a gateway runs for the data folder."""
    try:
        door = find(data_dir)
    except ClowdyError as error:
        return Check("gateway", "failed", error.detail)
    holder = lock_holder(data_dir)
    if door is not None:
        return Check("gateway", "ok", f"runs (pid {holder}) and answers at {door.socket}")
    if holder is not None:
        remedy = f"It may only be starting or stopping; else end it: kill {holder}"
        return Check("gateway", "warning", f"pid {holder} holds the data folder and does not answer", remedy)
    return Check("gateway", "ok", "none runs for this data folder; `clowdy` or `clowdy serve` starts one")


def port(host: str, number: int, data_dir: Path) -> Check:
    """Whether the TCP port can be had, or is our own gateway's."""
    if number == 0:
        return Check("port", "ok", "any free one")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if lock_holder(data_dir) is not None:
            return Check("port", "ok", f"{host}:{number} is in use, as it is when this gateway runs")
        remedy = "Choose another with --port, or stop what listens there"
        return Check("port", "warning", f"{host}:{number} cannot be had: {error.strerror or error}", remedy)
    return Check("port", "ok", f"{host}:{number} is free")


def namespaces() -> Check | None:
    """Whether this user may make user namespaces; asked on Linux alone."""
    if not sys.platform.startswith("linux"):
        return None
    remedies = {
        "/proc/sys/kernel/unprivileged_userns_clone": "sudo sysctl kernel.unprivileged_userns_clone=1",
        "/proc/sys/user/max_user_namespaces": "sudo sysctl user.max_user_namespaces=15000",
    }
    for path, remedy in remedies.items():
        if _read(path) == "0" and os.geteuid() != 0:
            return Check("user namespaces", "failed", f"are switched off ({path} is 0)", remedy)
    if _read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" and os.geteuid() != 0:
        remedy = "Install the distribution's bubblewrap, which has an AppArmor profile: sudo apt-get install bubblewrap"
        return Check("user namespaces", "warning", "AppArmor lets only programs with a profile make them", remedy)
    return Check("user namespaces", "ok", "can be made" if os.geteuid() else "can be made (root)")


def cgroups() -> Check | None:
    """Which cgroups there are, and whether they can be written to; asked on Linux alone."""
    if not sys.platform.startswith("linux"):
        return None
    root = Path("/sys/fs/cgroup")
    version = "v2" if (root / "cgroup.controllers").exists() else "v1" if (root / "memory").is_dir() else None
    if version is None:
        return Check(
            "cgroups", "warning", "none are mounted", "Limits are then held by rlimits, and CPU shares not at all"
        )
    is_ours = os.access(root if version == "v2" else root / "memory", os.W_OK)
    return Check("cgroups", "ok", f"{version}, {'writable' if is_ours else 'not writable for this user'}")


def former_driver(data_dir: Path, wanted: str) -> Check | None:
    """Whether the driver that was used before holds something still; None where it does not."""
    from clowdy_tui.services.drivers import left_by

    left = left_by(data_dir, wanted)
    if left is None:
        return None
    former, installation = left
    says = f"what a gateway of this data folder made with {former} is not removed yet"
    remedy = "A running gateway does that within a minute"
    if former == "docker":
        says = "containers and images that a gateway of this data folder made with docker are not removed yet"
        by_hand = f"docker image prune --all --filter label=clowdy.installation={installation}"
        remedy += f" of the engine's start; images by hand: {by_hand}"
    return Check("former driver", "warning", says, remedy)


def postgresql(data_dir: Path) -> Check:
    """Which PostgreSQL makes the projects' databases; without one everything else works."""
    from clowdy_tui.engine.sandboxes.leftovers import passable
    from clowdy_tui.services.databases.installation import HOW_TO_INSTALL, OLDEST, account, find_installations

    found = find_installations()
    if not found:
        remedy = f"For databases on this machine, {HOW_TO_INSTALL}"
        return Check("postgresql", "warning", f"none of version {OLDEST} or newer is here", remedy)
    first, *others = found
    says = f"{first}, in {first.folder}"
    notes = tuple(f"also {other}, in {other.folder}" for other in others)
    try:
        who = account()
    except ClowdyError as error:
        return Check("postgresql", "warning", f"{says}; {error.detail}", "Run Clowdy as an ordinary user", notes)
    if who is None:
        return Check("postgresql", "ok", says, notes=notes)
    if not passable(data_dir / "databases"):
        says = f"{says}; it does not run as root, and the user {who.name} cannot enter {data_dir}"
        return Check("postgresql", "warning", says, "Choose a data folder that others may pass through", notes)
    return Check("postgresql", "ok", f"{says}; runs as the user {who.name}", notes=notes)


def terminal(environ: Mapping[str, str]) -> Check:
    """What the screen would be shown on."""
    if not sys.stdout.isatty():
        return Check("terminal", "ok", "none here; the screen needs one, commands do not")
    columns, rows = shutil.get_terminal_size()
    kind = environ.get("TERM", "unknown")
    colours = "true colour" if environ.get("COLORTERM") in ("truecolor", "24bit") else "256 colours or fewer"
    says = f"{kind}, {columns}×{rows}, {colours}" + (", over SSH" if environ.get("SSH_CONNECTION") else "")
    if columns < 80 or rows < 24:
        return Check("terminal", "warning", says, "Make it at least 80×24")
    return Check("terminal", "ok", says)


def screen(loaded: Settings) -> Check:
    """What of the person's own theme and keys cannot be had as it is wished for."""
    # Here: no other check, and no gateway, needs anything of the screen.
    from clowdy_tui.tui.themes import DEFAULT_THEME, load_themes
    from clowdy_tui.tui.wishes import make_keymap

    themes = load_themes([resources.folder("themes"), config_dir() / "themes"])
    name = loaded.theme or DEFAULT_THEME
    notes = [*themes.problems, *make_keymap(loaded.keymap).problems]
    if name not in themes.themes:
        notes.append(f"there is no theme {name!r}; there are {', '.join(themes.themes)}")
    says = f"theme {name}, {len(loaded.keymap) or 'no'} keys of your own"
    remedy = "Change keymap or theme in the settings; docs/keys.md has all keys and their names" if notes else ""
    return Check("screen", "warning" if notes else "ok", says, remedy, tuple(notes))


def quick(loaded: Settings, config: Path | None) -> Iterator[Check]:
    """All checks that need no sandbox."""
    yield python()
    yield settings(loaded, config)
    yield data_folder(loaded.data_dir)
    yield secret_key(loaded)
    yield gateway(loaded.data_dir)
    yield port(loaded.host, loaded.port, loaded.data_dir)
    yield from (check for check in (namespaces(), cgroups()) if check is not None)
    yield from (check for check in (former_driver(loaded.data_dir, loaded.driver),) if check is not None)
    yield postgresql(loaded.data_dir)
    yield screen(loaded)
    yield terminal(os.environ)


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return None


def _user() -> str:
    return "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"
