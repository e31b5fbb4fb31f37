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
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from clowdy_tui.cli.locations import config_file, default_data_dir
from clowdy_tui.domain.errors import SettingsError

ALSO_CALLED = {"GROQ_API_KEY": "groq_api_key", "NEON_API_KEY": "neon_api_key", "CLERK_JWKS_URL": "jwks_url"}
"""Names without the prefix that other tools have made usual."""


def _split(value: Any) -> Any:
    """A list as one text, the way the environment and a flag carry it: `a, b`."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _home(value: Any) -> Any:
    return Path(value).expanduser().absolute() if isinstance(value, str | Path) and str(value) else value


def _keys(value: Any) -> Any:
    """A mapping; as one text, the way the environment carries it: `function.run=f5 ctrl+e; app.help=f1`.

    An action's keys may be a list, too, or none at all.
    """
    if isinstance(value, str):
        pairs = [part.partition("=") for part in value.split(";") if part.strip()]
        if not all(equals for _, equals, _ in pairs):
            return value
        return {name.strip(): ",".join(keys.replace(",", " ").split()) for name, _, keys in pairs}
    if isinstance(value, dict):
        return {
            name: ",".join(map(str, keys)) if isinstance(keys, list) else "" if keys is None else keys
            for name, keys in value.items()
        }
    return value


Folder = Annotated[Path, BeforeValidator(_home)]
Texts = Annotated[list[str], BeforeValidator(_split)]
Keys = Annotated[dict[str, str], BeforeValidator(_keys)]


class Settings(BaseModel):
    """What can be set. Sizes are in bytes, times in seconds, unless a name says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Folder = Field(default_factory=default_data_dir)
    """Where everything is kept: database, keys, runtimes, the socket. `/var/lib/clowdy` for root."""

    host: str = "127.0.0.1"
    """The address to listen on. Anything but loopback lets the network call your functions."""

    port: int = Field(default=8000, ge=0, le=65535)
    """The TCP port; 0 takes any free one."""

    driver: Literal["auto", "bubblewrap", "docker"] = "auto"
    """What makes the sandboxes. `auto` decides at the first start and remembers."""

    docker_runtime: str | None = None
    """Another OCI runtime for Docker's containers, by the engine's name for it (`runsc`). Makes docker the driver."""

    runtime_source: Literal["host", "dockerfile"] = "host"
    """Where the runtime's files come from: packed from this machine's Python, or built from a Dockerfile."""

    secret_key_file: Folder | None = None
    """The key that encrypts variables; kept in the data folder unless it is said here."""

    jwks_url: str | None = None
    """Where the public keys lie that sign your users' tokens (also `CLERK_JWKS_URL`)."""

    jwt_issuer: str | None = None
    """The `iss` that such a token must have."""

    jwt_audience: str | None = None
    """The `aud` that such a token must have."""

    groq_api_key: SecretStr | None = None
    """The assistant's key (also `GROQ_API_KEY`)."""

    assistant_base_url: str | None = None
    """Another server for the assistant that speaks the same API."""

    assistant_model: str | None = None
    """The model that the assistant asks."""

    neon_api_key: SecretStr | None = None
    """The key for databases at Neon (also `NEON_API_KEY`)."""

    neon_base_url: str = "https://console.neon.tech/api/v2"
    """Where Neon's API is."""

    cors_origins: Texts = Field(default_factory=list)
    """Web pages that may use the management API, as origins: `https://console.example.org`."""

    trusted_proxies: Texts = Field(default_factory=list)
    """Addresses or networks of proxies whose `X-Forwarded-For` and `-Proto` count."""

    theme: str | None = None
    """The screen's theme, by name."""

    keymap: Keys = Field(default_factory=dict)
    """Other keys for actions, by their ids: `{function.run: "f5,ctrl+e"}`; `docs/keys.md` has the ids."""

    ssh: bool | None = None
    """Spare the line: no animation, no blinking. On by itself under SSH."""

    max_body_bytes: int = Field(default=6 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """The largest request that a function is given."""

    capture_bytes: int = Field(default=256 * 1024, ge=0, le=16 * 1024 * 1024)
    """How much of a call's input and output is kept, each."""

    retention_days: int = Field(default=30, ge=1, le=36500)
    """How long calls are kept."""

    retention_bytes: int = Field(default=1024 * 1024 * 1024, ge=1024 * 1024)
    """How much all the kept calls may take; the oldest go first."""

    public_invocation_logs: bool = False
    """Whether anybody may read a function's calls. They hold callers' bodies and headers."""

    memory_budget_mb: int | None = Field(default=None, ge=64)
    """How much memory all sandboxes may have together, in MiB; three quarters of the box unless it is said here."""

    log_format: Literal["text", "json"] = "text"
    """How `serve` writes its log: for people, or an object a line for programs."""

    idle_timeout_s: float = Field(default=300.0, ge=1, le=86400)
    """How long an instance waits for the next call before it goes."""

    spares: int = Field(default=4, ge=0, le=64)
    """How many sandboxes wait ready for functions that have none yet."""

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    def source(self, name: str) -> str:
        """Where a setting's value comes from, in words: `--port`, `CLOWDY_PORT`, the file, or `default`."""
        return self._sources.get(name, "default")


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
    for name in Settings.model_fields:
        for variable in (f"CLOWDY_{name.upper()}", *(key for key, field in ALSO_CALLED.items() if field == name)):
            if environ.get(variable):
                values[name], sources[name] = environ[variable], variable
                break
    for name, value in (flags or {}).items():
        if value is not None:
            values[name], sources[name] = value, "--" + name.replace("_", "-")
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_explain(error, sources)) from None
    settings._sources.update(sources)
    return settings


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
        if key not in Settings.model_fields:
            raise SettingsError(f"{path}: {_unknown(str(key))}")
    return content


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key.lower().replace("-", "_"), Settings.model_fields, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known ones are {', '.join(sorted(Settings.model_fields))}"
    return f"there is no setting {key!r}; {hint}"


def _explain(error: ValidationError, sources: Mapping[str, str]) -> str:
    sentences = []
    for problem in error.errors():
        name = str(problem["loc"][0])
        field = Settings.model_fields.get(name)
        if field is None:
            sentences.append(_unknown(name))
            continue
        is_secret = SecretStr in (field.annotation, *get_args(field.annotation))
        shown = "the value" if is_secret else repr(problem["input"])
        sentences.append(
            f"{name}: {shown} is not allowed, only {_allowed(field)} (from {sources.get(name, 'default')})"
        )
    return "\n".join(dict.fromkeys(sentences))


def _allowed(field: FieldInfo) -> str:
    """What a field may be, in words."""
    kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if kind is not None]
    if choices := [choice for choice in get_args(field.annotation) if isinstance(choice, str)]:
        return "one of " + ", ".join(choices)
    low = next((mark.ge for mark in field.metadata if hasattr(mark, "ge")), None)
    high = next((mark.le for mark in field.metadata if hasattr(mark, "le")), None)
    span = "" if low is None else f" from {low} up" if high is None else f" from {low} to {high}"
    if bool in kinds:
        return "true or false"
    if int in kinds:
        return "a whole number" + span
    if float in kinds:
        return "a number" + span
    if list[str] in kinds:
        return "a list of texts"
    if dict[str, str] in kinds:
        return "ids of actions, each with its keys"
    return "a text"


def describe() -> list[str]:
    """Every setting as a row of the table in docs/settings.md: name, default, what it is."""
    rows = []
    said = _docstrings()
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory or field.default is None else f"`{field.default}`".lower()
        rows.append(f"| `{name}` | {default} | {said[name]} |")
    return rows


def _docstrings() -> dict[str, str]:
    """What stands below each field. Read here and not by pydantic, which would read the source at every start."""
    (made,) = ast.parse(textwrap.dedent(inspect.getsource(Settings))).body
    assert isinstance(made, ast.ClassDef)
    found = {}
    for field, below in pairwise(made.body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
