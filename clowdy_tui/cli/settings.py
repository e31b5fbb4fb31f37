"""Every setting, where it comes from, and what it may be.

A flag wins over the environment, the environment over the file, the file over the default. The file is
`config.yaml` in the platform's folder for configuration (`/etc/clowdy` for root), or wherever `--config` or
`CLOWDY_CONFIG` says: not in the data folder, because it may say where that is.
"""

import ast
import difflib
import inspect
import os
import textwrap
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import yaml

from clowdy_tui.cli.locations import config_file, default_data_dir
from clowdy_tui.cli.setting_kinds import Choice, Folder, Hidden, Keys, Kind, Number, Secret, Switch, Text, Texts, whole
from clowdy_tui.domain.errors import SettingsError

ALSO_CALLED = {"GROQ_API_KEY": "groq_api_key", "NEON_API_KEY": "neon_api_key", "CLERK_JWKS_URL": "jwks_url"}
"""Names without the prefix that other tools have made usual."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What can be set. Sizes are in bytes, times in seconds, unless a name says otherwise."""

    data_dir: Annotated[Path, Folder()] = field(default_factory=default_data_dir)
    """Where everything is kept: database, keys, runtimes, the socket. `/var/lib/clowdy` for root."""

    host: Annotated[str, Text()] = "127.0.0.1"
    """The address to listen on. Anything but loopback lets the network call your functions."""

    port: Annotated[int, whole(0, 65535)] = 8000
    """The TCP port; 0 takes any free one."""

    driver: Annotated[Literal["auto", "bubblewrap", "docker"], Choice("auto", "bubblewrap", "docker")] = "auto"
    """What makes the sandboxes. `auto` decides at the first start and remembers."""

    docker_runtime: Annotated[str | None, Text()] = None
    """Another OCI runtime for Docker's containers, by the engine's name for it (`runsc`). Makes docker the driver."""

    runtime_source: Annotated[Literal["host", "dockerfile"], Choice("host", "dockerfile")] = "host"
    """Where the runtime's files come from: packed from this machine's Python, or built from a Dockerfile."""

    secret_key_file: Annotated[Path | None, Folder()] = None
    """The key that encrypts variables; kept in the data folder unless it is said here."""

    jwks_url: Annotated[str | None, Text()] = None
    """Where the public keys lie that sign your users' tokens (also `CLERK_JWKS_URL`)."""

    jwt_issuer: Annotated[str | None, Text()] = None
    """The `iss` that such a token must have."""

    jwt_audience: Annotated[str | None, Text()] = None
    """The `aud` that such a token must have."""

    groq_api_key: Annotated[Secret | None, Hidden()] = None
    """The assistant's key (also `GROQ_API_KEY`)."""

    assistant_base_url: Annotated[str | None, Text()] = None
    """Another server for the assistant that speaks the same API."""

    assistant_model: Annotated[str | None, Text()] = None
    """The model that the assistant asks."""

    neon_api_key: Annotated[Secret | None, Hidden()] = None
    """The key for databases at Neon (also `NEON_API_KEY`)."""

    neon_base_url: Annotated[str, Text()] = "https://console.neon.tech/api/v2"
    """Where Neon's API is."""

    cors_origins: Annotated[list[str], Texts()] = field(default_factory=list)
    """Web pages that may use the management API, as origins: `https://console.example.org`."""

    trusted_proxies: Annotated[list[str], Texts()] = field(default_factory=list)
    """Addresses or networks of proxies whose `X-Forwarded-For` and `-Proto` count."""

    theme: Annotated[str | None, Text()] = None
    """The screen's theme, by name."""

    keymap: Annotated[dict[str, str], Keys()] = field(default_factory=dict)
    """Other keys for actions, by their ids: `{function.run: "f5,ctrl+e"}`; `docs/keys.md` has the ids."""

    ssh: Annotated[bool | None, Switch()] = None
    """Spare the line: no animation, no blinking. On by itself under SSH."""

    max_body_bytes: Annotated[int, whole(1024, 64 * 1024 * 1024)] = 6 * 1024 * 1024
    """The largest request that a function is given."""

    capture_bytes: Annotated[int, whole(0, 16 * 1024 * 1024)] = 256 * 1024
    """How much of a call's input and output is kept, each."""

    retention_days: Annotated[int, whole(1, 36500)] = 30
    """How long calls are kept."""

    retention_bytes: Annotated[int, whole(1024 * 1024)] = 1024 * 1024 * 1024
    """How much all the kept calls may take; the oldest go first."""

    public_invocation_logs: Annotated[bool, Switch()] = False
    """Whether anybody may read a function's calls. They hold callers' bodies and headers."""

    memory_budget_mb: Annotated[int | None, whole(64)] = None
    """How much memory all sandboxes may have together, in MiB; three quarters of the box unless it is said here."""

    log_format: Annotated[Literal["text", "json"], Choice("text", "json")] = "text"
    """How `serve` writes its log: for people, or an object a line for programs."""

    idle_timeout_s: Annotated[float, Number(1, 86400)] = 300.0
    """How long an instance waits for the next call before it goes."""

    spares: Annotated[int, whole(0, 64)] = 8
    """How many sandboxes wait ready for functions that have none yet."""

    _sources: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def source(self, name: str) -> str:
        """Where a setting's value comes from, in words: `--port`, `CLOWDY_PORT`, the file, or `default`."""
        return self._sources.get(name, "default")


_FIELDS: Final = [one for one in fields(Settings) if not one.name.startswith("_")]
KINDS: Final[Mapping[str, Kind]] = {one.name: get_args(one.type)[1] for one in _FIELDS}
"""Every setting, with what it may be."""

DEFAULTS: Final[Mapping[str, Any]] = {one.name: one.default for one in _FIELDS}
"""What each is where nothing is said; MISSING where that is worked out."""


def load(
    flags: Mapping[str, Any] | None = None,
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """All settings, from everywhere. A flag that is None was not given.

    Raises:
        SettingsError: a key is unknown (the nearest known one is named), or a value is not allowed (what is, is said).
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    path, is_asked_for = _file(config, environ)
    for name, value in _read_file(path, must_exist=is_asked_for).items():
        values[name], sources[name] = value, str(path)
    for name in KINDS:
        for variable in (f"CLOWDY_{name.upper()}", *(key for key, meant in ALSO_CALLED.items() if meant == name)):
            if environ.get(variable):
                values[name], sources[name] = environ[variable], variable
                break
    for name, value in (flags or {}).items():
        if value is not None:
            values[name], sources[name] = value, "--" + name.replace("_", "-")
    read: dict[str, Any] = {}
    faults: list[str] = []
    for name, value in values.items():
        try:
            # Nothing may be said of a setting that is nothing by default.
            read[name] = None if value is None and DEFAULTS[name] is None else KINDS[name].read(value)
        except (ValueError, OverflowError):
            shown = "the value" if isinstance(KINDS[name], Hidden) else repr(value)
            faults.append(f"{name}: {shown} is not allowed, only {KINDS[name].allowed} (from {sources[name]})")
    if faults:
        raise SettingsError("\n".join(faults))
    return Settings(**read, _sources=sources)


def _file(config: Path | None, environ: Mapping[str, str]) -> tuple[Path, bool]:
    if config is not None:
        return config, True
    if environ.get("CLOWDY_CONFIG"):
        return Path(environ["CLOWDY_CONFIG"]).expanduser(), True
    return config_file(), False


def _read_file(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if must_exist:
            raise SettingsError(f"{path}: there is no such file") from None
        return {}
    except NotADirectoryError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}{where}: this is not YAML: {getattr(error, 'problem', None) or error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: must be a list of settings, as in `port: 8000`")
    for key in content:
        if key not in KINDS:
            raise SettingsError(f"{path}: {_unknown(str(key))}")
    return content


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key.lower().replace("-", "_"), KINDS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known ones are {', '.join(sorted(KINDS))}"
    return f"there is no setting {key!r}; {hint}"


def describe() -> list[str]:
    """Every setting as a row of the table in docs/settings.md: name, default, what it is."""
    rows = []
    said = _docstrings()
    for name, value in DEFAULTS.items():
        default = "" if value in (None, MISSING) else f"`{value}`".lower()
        rows.append(f"| `{name}` | {default} | {said[name]} |")
    return rows


def _docstrings() -> dict[str, str]:
    """What stands below each field."""
    (made,) = ast.parse(textwrap.dedent(inspect.getsource(Settings))).body
    assert isinstance(made, ast.ClassDef)
    found = {}
    for above, below in pairwise(made.body):
        match above, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
