"""An engine that goes, comes back, says nothing, or is far away behind TLS; by proxies in front of the real one."""

import datetime as dt
import ipaddress
import os
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from docker_support import STUBBORN, EngineProxy, Recorder, SpecMaker, eventually

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine.sandboxes.base import SandboxExit
from clowdy_tui.engine.sandboxes.docker import DockerDriver
from tests.docker_traces import left_in_docker

pytestmark = pytest.mark.docker


@pytest.fixture
async def proxy(engine: docker.DockerClient, tmp_path: Path) -> AsyncIterator[EngineProxy]:
    proxy = EngineProxy(socket=tmp_path / "docker.sock")
    await proxy.open()
    yield proxy
    await proxy.cut()


@pytest.fixture
async def far(
    proxy: EngineProxy, engine: docker.DockerClient, installation: str, tmp_path: Path
) -> AsyncIterator[DockerDriver]:
    """A driver whose engine is the proxy."""
    driver = DockerDriver(installation_id=installation, host=f"unix://{tmp_path}/docker.sock", timeout_s=3)
    yield driver
    await driver.close()
    assert not left_in_docker(engine, installation)


async def test_the_engine_goes_and_comes_back(
    far: DockerDriver, proxy: EngineProxy, spec: SpecMaker, engine: docker.DockerClient, installation: str
) -> None:
    first, second, third = Recorder(), Recorder(), Recorder()
    lost = await far.start(spec(STUBBORN), first)
    await first.is_up()
    await proxy.cut()
    assert await first.exited() == SandboxExit(None)
    began = time.monotonic()
    with pytest.raises(DriverUnavailable, match=r"No Docker engine answers.*Start Docker"):
        await far.start(spec(), second)
    status = await far.check()
    assert time.monotonic() - began < 30
    assert (status.available, status.enforced) == (False, frozenset())
    assert "Start Docker" in status.remedy
    await lost.kill()

    await proxy.open()
    assert (await far.check()).available
    sandbox = await far.start(spec(), third)
    sandbox.write(b"again")
    await third.until(lambda: third.data == b"again")
    # what the engine could not be told to remove while it was away goes by itself
    await eventually(lambda: left_in_docker(engine, installation) == [f"container {sandbox.container[:12]} running"])
    assert len(first.exits) == 1
    assert not second.exits


async def test_only_the_stream_is_cut(
    far: DockerDriver, proxy: EngineProxy, spec: SpecMaker, engine: docker.DockerClient, installation: str
) -> None:
    recorder = Recorder()
    await far.start(spec(STUBBORN), recorder)
    await recorder.is_up()
    await proxy.cut()
    await proxy.open()
    assert await recorder.exited() == SandboxExit(None)
    await eventually(lambda: not left_in_docker(engine, installation))


async def test_an_engine_that_says_nothing_is_given_up_in_seconds(
    far: DockerDriver, proxy: EngineProxy, spec: SpecMaker
) -> None:
    recorder = Recorder()
    sandbox = await far.start(spec(STUBBORN), recorder)
    await proxy.cut()
    proxy.silent = True
    await proxy.open()
    began = time.monotonic()
    with pytest.raises(DriverUnavailable, match="did not answer in time"):
        await far.start(spec(), Recorder())
    await sandbox.kill()
    assert time.monotonic() - began < 30
    assert recorder.exits == [SandboxExit(None)]
    assert not (await far.check()).available
    proxy.silent = False
    await proxy.cut()
    await proxy.open()
    assert (await far.check()).available


async def test_no_engine_at_all(installation: str, spec: SpecMaker, tmp_path: Path) -> None:
    driver = DockerDriver(installation_id=installation, host=f"unix://{tmp_path}/none.sock")
    status = await driver.check()
    assert not status.available
    assert "none.sock" in status.problem
    with pytest.raises(DriverUnavailable):
        await driver.start(spec(), Recorder())
    assert await driver.sweep() == 0
    await driver.close()


async def test_a_socket_that_one_may_not_use(installation: str, proxy: EngineProxy, tmp_path: Path) -> None:
    (tmp_path / "docker.sock").chmod(0)
    driver = DockerDriver(installation_id=installation, host=f"unix://{tmp_path}/docker.sock")
    us = os.geteuid()
    try:
        if us == 0:
            os.seteuid(65534)
        status = await driver.check()
    finally:
        os.seteuid(us)
    assert "permission denied" in status.problem
    assert "group docker" in status.remedy
    await driver.close()


async def test_tcp_without_tls(engine: docker.DockerClient, installation: str, spec: SpecMaker) -> None:
    proxy = EngineProxy()
    await proxy.open()
    driver = DockerDriver(installation_id=installation, host=f"tcp://127.0.0.1:{proxy.port}")
    try:
        await echoes(driver, spec)
    finally:
        await driver.close()
        await proxy.cut()
    assert not left_in_docker(engine, installation)


class Authority:
    """Makes certificates for an engine at 127.0.0.1 and for its clients, in folders as Docker has them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signs = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        is_ca = x509.BasicConstraints(ca=True, path_length=None)
        self.authority = self._write("ca.pem", self._certificate(self._name, self._key, is_ca, signs))
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        for prefix, role, usage in (
            ("server-", "engine", ExtendedKeyUsageOID.SERVER_AUTH),
            ("", "client", ExtendedKeyUsageOID.CLIENT_AUTH),
        ):
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, role)])
            self._write(f"{prefix}cert.pem", self._certificate(subject, key, address, x509.ExtendedKeyUsage([usage])))
            self._write(f"{prefix}key.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def server(self) -> ssl.SSLContext:
        """An engine's TLS as `dockerd --tlsverify` has it: a client must show a certificate of this authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.authority))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.folder / "server-cert.pem", self.folder / "server-key.pem")
        return context

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType
    ) -> bytes:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for extension in extensions:
            critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def _write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path


async def echoes(driver: DockerDriver, spec: SpecMaker) -> None:
    recorder = Recorder()
    sandbox = await driver.start(spec(), recorder)
    sent = os.urandom(1 << 20)
    sandbox.write(sent)
    await recorder.until(lambda: len(recorder.data) >= len(sent))
    assert recorder.data == sent
    await sandbox.kill()
    assert recorder.exits == [SandboxExit(-9)]


async def test_tcp_with_tls_both_sides_checked(
    engine: docker.DockerClient, installation: str, spec: SpecMaker, tmp_path: Path
) -> None:
    ours, others = Authority(tmp_path, "ours"), Authority(tmp_path, "others")
    proxy = EngineProxy(tls=ours.server())
    await proxy.open()

    def driver_with(folder: Path, *, verify: bool = True) -> DockerDriver:
        host = f"tcp://127.0.0.1:{proxy.port}"
        return DockerDriver(installation_id=installation, host=host, cert_path=folder, tls_verify=verify, timeout_s=5)

    good, stranger = driver_with(ours.folder), driver_with(others.folder)
    careless, without = driver_with(ours.folder, verify=False), driver_with(tmp_path)
    try:
        assert (await good.check()).available
        await echoes(good, spec)
        # a client that trusts another authority, and shows that one's certificate: neither side wants the other
        status = await stranger.check()
        assert not status.available
        assert "TLS" in status.problem
        (tmp_path / "ours/ca.pem").write_bytes((tmp_path / "others/ca.pem").read_bytes())
        await echoes(careless, spec)
        status = await without.check()
        assert not status.available
        assert "no cert.pem" in status.problem
    finally:
        for driver in (good, stranger, careless, without):
            await driver.close()
        await proxy.cut()
    assert not left_in_docker(engine, installation)


async def test_the_engine_refuses_a_client_that_it_does_not_know(
    installation: str, engine: docker.DockerClient, tmp_path: Path
) -> None:
    ours, others = Authority(tmp_path, "ours"), Authority(tmp_path, "others")
    for name in ("cert.pem", "key.pem"):
        (ours.folder / name).write_bytes((others.folder / name).read_bytes())
    proxy = EngineProxy(tls=ours.server())
    await proxy.open()
    driver = DockerDriver(installation_id=installation, host=f"tcp://127.0.0.1:{proxy.port}", cert_path=ours.folder)
    try:
        status = await driver.check()
        assert not status.available
        assert "TLS" in status.problem or "cannot be used" in status.problem
    finally:
        await driver.close()
        await proxy.cut()
