"""A root tree as a tar stream and by its hash; the runtime's Dockerfile on a stand-in for its base."""

import asyncio
import io
import json
import os
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound
from docker_support import RUNTIMES, Recorder, SpecMaker

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine import protocol
from clowdy_tui.engine.pack import RUNNER_ARGV
from clowdy_tui.engine.sandboxes.docker import DockerDriver
from clowdy_tui.engine.sandboxes.docker_container import INSTALLATION_LABEL
from clowdy_tui.engine.sandboxes.docker_images import CACHES, IMAGE_LABEL, REPOSITORY, hash_of, tar_of

BASE = "python:3.12-slim"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "a/b").mkdir(parents=True)
    (root / "tmp").mkdir()
    (root / "a/b/file").write_bytes(b"x" * 1000)
    (root / "a/b/file").chmod(0o4700)
    (root / "a" / ("long" * 40)).write_bytes(b"")
    (root / "link").symlink_to("a/b/file")
    (root / "big").write_bytes(os.urandom(3 << 20))
    os.mkfifo(root / "pipe")
    return root


def test_the_tar_holds_the_tree_and_nothing_that_would_surprise(tree: Path) -> None:
    stream = io.BytesIO(b"".join(tar_of(tree)))
    with tarfile.open(fileobj=stream) as tar:
        members = {member.name: member for member in tar.getmembers()}
        content = tar.extractfile("big")
        assert content is not None
        assert content.read() == (tree / "big").read_bytes()
    assert set(members) == {"a", "a/b", "a/b/file", "a/" + "long" * 40, "link", "big", "tmp"}
    assert members["a/b/file"].mode == 0o705
    assert members["tmp"].mode == 0o1777
    assert members["link"].linkname == "a/b/file"
    assert {(member.uid, member.gid) for member in members.values()} == {(0, 0)}
    assert members["big"].mtime == int((tree / "big").stat().st_mtime)


def test_the_hash_is_of_what_is_in_it(tree: Path) -> None:
    before = hash_of(tree)
    (tree / "a/__pycache__").mkdir()
    assert hash_of(tree, left_out="__pycache__") == before != hash_of(tree)
    (tree / "a/__pycache__").rmdir()
    os.utime(tree / "big", (0, 0))
    assert hash_of(tree) == before
    for change in (
        lambda: (tree / "a/b/file").chmod(0o4600),
        lambda: (tree / "a/b/file").write_bytes(b"y" * 1000),
        lambda: (tree / "a/b/file").rename(tree / "a/b/other"),
        lambda: ((tree / "link").unlink(), (tree / "link").symlink_to("elsewhere")),
    ):
        change()
        assert hash_of(tree) != before
        before = hash_of(tree)


@pytest.fixture
def base_image(engine: docker.DockerClient, spec: SpecMaker) -> Iterator[str]:
    """The Dockerfile's base; where it is not there and cannot be pulled, the root tree under its name."""
    try:
        engine.images.get(BASE)
    except ImageNotFound:
        repository, _, tag = BASE.partition(":")
        stream = tar_of(spec.root)
        engine.api.import_image(stream, repository=repository, tag=tag, stream_src=True)
        yield BASE
        engine.images.remove(BASE)
    else:
        yield BASE


@pytest.mark.docker
async def test_the_dockerfile_makes_an_image_that_runs_the_runner(
    driver: DockerDriver, base_image: str, spec: SpecMaker, recorder: Recorder, engine: docker.DockerClient
) -> None:
    await driver.prepare(RUNTIMES / "python")
    tag = f"{REPOSITORY}:{hash_of(RUNTIMES / 'python', base_image, left_out=CACHES)[:16]}"
    assert engine.images.get(tag).labels[IMAGE_LABEL] == "runtime"
    runs = spec(root=RUNTIMES / "python")
    object.__setattr__(runs, "argv", RUNNER_ARGV)
    sandbox = await driver.start(runs, recorder)
    await recorder.until(lambda: len(recorder.data) == 6)
    assert recorder.data == struct.pack(">IBB", 2, protocol.READY, protocol.VERSION)
    await sandbox.kill()


@pytest.mark.docker
async def test_a_dockerfile_that_does_not_build_says_why(driver: DockerDriver, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY nothing /x\n")
    with pytest.raises(DriverUnavailable, match="nothing"):
        await driver.prepare(tmp_path)


@pytest.mark.docker
async def test_an_older_image_goes_when_a_new_one_is_made(
    engine: docker.DockerClient, installation: str, tmp_path: Path
) -> None:
    own = f"{installation}-older"
    (tmp_path / "file").write_text("1")
    tags = []
    for content in ("1", "2"):
        (tmp_path / "file").write_text(content)
        driver = DockerDriver(installation_id=own)
        await driver.prepare(tmp_path)
        await driver.close()
        tags.append(f"{REPOSITORY}:{hash_of(tmp_path)[:16]}")
    try:
        left = await asyncio.to_thread(engine.images.list, filters={"label": f"{INSTALLATION_LABEL}={own}"})
        assert [image.tags for image in left] == [[tags[1]]], json.dumps(tags)
    finally:
        engine.images.remove(tags[1])
