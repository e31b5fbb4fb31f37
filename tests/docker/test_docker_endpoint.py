"""Where the engine is looked for: setting, environment, context, sockets."""

import hashlib
import json
from pathlib import Path

import pytest

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine.sandboxes import docker_endpoint
from clowdy_tui.engine.sandboxes.docker_endpoint import Endpoint, TlsFiles, find_endpoint, parse_endpoint


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, on a machine with no engine at the default place."""
    monkeypatch.setattr(docker_endpoint, "DEFAULT_SOCKET", tmp_path / "none/docker.sock")
    return tmp_path


def make_context(home: Path, name: str, host: str, *, tls: bool = False) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = home / ".docker/contexts/meta" / digest
    meta.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": False}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    if tls:
        (home / ".docker/contexts/tls" / digest / "docker").mkdir(parents=True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///run/x.sock", "unix:///run/x.sock"),
        ("tcp://10.0.0.5:2375", "tcp://10.0.0.5:2375"),
        ("tcp://box", "tcp://box:2375"),
        ("tcp://[::1]:99", "tcp://[::1]:99"),
        ("http://box:80", "tcp://box:80"),
    ],
)
def test_addresses(url: str, expected: str) -> None:
    assert str(parse_endpoint(url)) == expected


@pytest.mark.parametrize("url", ["ssh://me@box", "npipe:////./pipe/x", "box", "tcp://", "tcp://box:x", "https://box"])
def test_addresses_that_cannot_be_spoken_to_say_so(url: str) -> None:
    with pytest.raises(DriverUnavailable, match="Docker's address"):
        parse_endpoint(url)


def test_the_setting_wins_over_the_environment_and_that_over_the_context(home: Path) -> None:
    make_context(home, "colima", "unix:///colima.sock")
    (home / ".docker/config.json").write_text('{"currentContext": "colima"}')
    environ = {"DOCKER_HOST": "tcp://env:1"}
    assert find_endpoint("tcp://flag:2", None, None, environ, home).host == "flag"
    assert find_endpoint(None, None, None, environ, home).host == "env"
    assert find_endpoint(None, None, None, {}, home).socket == Path("/colima.sock")
    assert find_endpoint(None, None, None, {"DOCKER_CONTEXT": "default"}, home).socket != Path("/colima.sock")


def test_a_context_with_certificates_speaks_tls(home: Path) -> None:
    make_context(home, "far", "tcp://far", tls=True)
    found = find_endpoint(None, None, None, {"DOCKER_CONTEXT": "far"}, home)
    assert (found.host, found.port) == ("far", 2376)
    assert found.tls is not None
    assert found.tls.verify


def test_a_context_that_is_not_there_says_so(home: Path) -> None:
    with pytest.raises(DriverUnavailable, match="context 'gone'"):
        find_endpoint(None, None, None, {"DOCKER_CONTEXT": "gone"}, home)


def test_certificates_come_from_the_setting_or_dockers_own_variables(home: Path) -> None:
    def tls_of(cert_path: Path | None, verify: bool | None, **environ: str) -> TlsFiles | None:
        return find_endpoint("tcp://x:1", cert_path, verify, environ, home).tls

    assert tls_of(None, None) is None
    assert tls_of(Path("/c"), None) == TlsFiles(Path("/c/cert.pem"), Path("/c/key.pem"), Path("/c/ca.pem"), True)
    assert tls_of(Path("/c"), False) == TlsFiles(Path("/c/cert.pem"), Path("/c/key.pem"), Path("/c/ca.pem"), False)
    from_environ = tls_of(None, None, DOCKER_CERT_PATH="/e", DOCKER_TLS_VERIFY="1")
    assert from_environ is not None
    assert from_environ.authority == Path("/e/ca.pem")
    at_home = tls_of(None, None, DOCKER_TLS_VERIFY="1")
    assert at_home is not None
    assert at_home.certificate == home / ".docker/cert.pem"


def test_sockets_in_the_usual_places_are_found(home: Path) -> None:
    assert find_endpoint(None, None, None, {}, home) == Endpoint(socket=home / "none/docker.sock")
    colima = home / ".colima/default/docker.sock"
    colima.parent.mkdir(parents=True)
    colima.touch()
    assert find_endpoint(None, None, None, {}, home).socket == colima
    rootless = home / "run/docker.sock"
    rootless.parent.mkdir()
    rootless.touch()
    assert find_endpoint(None, None, None, {"XDG_RUNTIME_DIR": str(home / "run")}, home).socket == rootless
