"""Where the Docker engine is: told by the setting, `DOCKER_HOST`, the docker context, or found at the usual sockets."""

import hashlib
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from clowdy_tui.domain.errors import DriverUnavailable

DEFAULT_SOCKET = Path("/var/run/docker.sock")
TLS_PORT = 2376
PLAIN_PORT = 2375


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The client's certificate and key and the engine's authority, as PEM files; `verify` False trusts any engine."""

    certificate: Path
    key: Path
    authority: Path
    verify: bool = True

    @classmethod
    def in_folder(cls, folder: Path, *, verify: bool) -> "TlsFiles":
        """The three files by the names that Docker gives them."""
        return cls(folder / "cert.pem", folder / "key.pem", folder / "ca.pem", verify)

    def must_be_there(self) -> None:
        """Raises DriverUnavailable: a file is missing."""
        for path in (self.certificate, self.key, self.authority):
            if not path.is_file():
                raise DriverUnavailable(
                    f"There is no {path.name} in {path.parent} for TLS with the Docker engine.",
                    remedy="It belongs there beside cert.pem, key.pem and ca.pem; or set DOCKER_CERT_PATH.",
                )

    def context(self) -> ssl.SSLContext:
        """For the attach stream. Raises OSError or ssl.SSLError where a file is missing or wrong."""
        context = ssl.create_default_context(cafile=str(self.authority) if self.verify else None)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One engine's address: a unix socket, or host and port."""

    socket: Path | None = None
    host: str = ""
    port: int = 0
    tls: TlsFiles | None = None

    @property
    def url(self) -> str:
        """As the docker SDK takes it."""
        if self.socket is not None:
            return f"unix://{self.socket}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"

    def __str__(self) -> str:
        return self.url


def parse_endpoint(url: str, tls: TlsFiles | None = None) -> Endpoint:
    """An address as `DOCKER_HOST` has it.

    Raises:
        DriverUnavailable: it is not one that can be spoken to.
    """
    scheme, _, rest = url.strip().partition("://")
    if scheme == "unix" and rest:
        return Endpoint(socket=Path("/" + rest.lstrip("/")))
    if scheme not in {"tcp", "http", "https"} or not rest:
        raise DriverUnavailable(
            f"Docker's address {url!r} is none that Clowdy can speak to.",
            remedy="Give one that starts with unix:// or tcp:// "
            "(for an engine behind SSH: forward its socket with `ssh -L`).",
        )
    try:
        parts = urlsplit(f"//{rest}")
        port = parts.port or (TLS_PORT if tls is not None or scheme == "https" else PLAIN_PORT)
    except ValueError as error:
        raise DriverUnavailable(f"Docker's address {url!r} cannot be read: {error}.") from error
    if scheme == "https" and tls is None:
        raise DriverUnavailable(
            f"Docker's address {url!r} wants TLS and there is no certificate to show.",
            remedy="Set DOCKER_CERT_PATH to the folder with cert.pem, key.pem and ca.pem.",
        )
    return Endpoint(host=parts.hostname or "127.0.0.1", port=port, tls=tls)


def find_endpoint(
    host: str | None,
    cert_path: Path | None,
    tls_verify: bool | None,
    environ: Mapping[str, str],
    home: Path,
) -> Endpoint:
    """The engine to use: `host` if given, else what `DOCKER_HOST`, the docker context or a socket in place says.

    With a `cert_path` (or `DOCKER_CERT_PATH`) TCP is spoken with TLS; the engine's certificate is checked unless
    `tls_verify` says no, or is None and `DOCKER_TLS_VERIFY` is set to nothing.

    Raises:
        DriverUnavailable: the address cannot be spoken to, or the context is not there.
    """
    config = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
    verify = environ.get("DOCKER_TLS_VERIFY", "1") != "" if tls_verify is None else tls_verify
    folder = cert_path
    if folder is None and environ.get("DOCKER_CERT_PATH"):
        folder = Path(environ["DOCKER_CERT_PATH"])
    if folder is None and environ.get("DOCKER_TLS_VERIFY"):
        folder = config
    tls = None if folder is None else TlsFiles.in_folder(folder, verify=verify)
    url = host or environ.get("DOCKER_HOST")
    if url:
        return parse_endpoint(url, tls)
    context = environ.get("DOCKER_CONTEXT") or _current_context(config)
    if context and context != "default":
        return _context_endpoint(config, context)
    places = list(_usual_sockets(environ, home))
    return Endpoint(socket=next((place for place in places if is_there(place)), DEFAULT_SOCKET))


def is_there(socket: Path) -> bool:
    """Also where we may not look: then whoever connects is told so."""
    try:
        socket.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _usual_sockets(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    yield DEFAULT_SOCKET
    if environ.get("XDG_RUNTIME_DIR"):
        yield Path(environ["XDG_RUNTIME_DIR"]) / "docker.sock"
    yield home / ".docker/run/docker.sock"
    colima = Path(environ.get("COLIMA_HOME") or home / ".colima")
    yield colima / "default/docker.sock"
    yield colima / "docker.sock"
    yield home / ".config/colima/default/docker.sock"


def _current_context(config: Path) -> str | None:
    try:
        found = json.loads((config / "config.json").read_bytes())
    except (OSError, ValueError):
        return None  # no docker CLI was ever set up here, or its file is its own trouble: the usual sockets remain
    name = found.get("currentContext") if isinstance(found, dict) else None
    return name if isinstance(name, str) else None


def _context_endpoint(config: Path, name: str) -> Endpoint:
    digest = hashlib.sha256(name.encode()).hexdigest()
    try:
        meta = json.loads((config / "contexts/meta" / digest / "meta.json").read_bytes())
        docker = meta["Endpoints"]["docker"]
        url, verify = str(docker["Host"]), not docker.get("SkipTLSVerify", False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DriverUnavailable(
            f"The docker context {name!r} cannot be read.", remedy="Look at `docker context ls`, or set DOCKER_HOST."
        ) from error
    folder = config / "contexts/tls" / digest / "docker"
    return parse_endpoint(url, TlsFiles.in_folder(folder, verify=verify) if folder.is_dir() else None)
