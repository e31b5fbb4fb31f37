"""What a container starts from: a root tree imported as an image once, or the runtime's Dockerfile built once.

An image's tag is a hash of what went into it, so that it is found again by every later start, and made anew when
somebody deleted it.
"""

import asyncio
import hashlib
import itertools
import json
import logging
import os
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine.pack import LAYER_PLACE
from clowdy_tui.engine.sandboxes.docker_container import INSTALLATION_LABEL
from clowdy_tui.engine.sandboxes.docker_engine import DockerEngine, EngineRefused

if TYPE_CHECKING:
    from docker import APIClient

logger = logging.getLogger(__name__)

REPOSITORY = "clowdy-runtime"
LAYERED_REPOSITORY = "clowdy-layer"
IMAGE_LABEL = "clowdy.image"
LAYER_LABEL = "clowdy.layer"

IMPORT_TIMEOUT_S = 120
BUILD_TIMEOUT_S = 600
BLOCK = 1024 * 1024
DOCKERFILE = "Dockerfile"
CACHES = "__pycache__"
"""What may appear in a Dockerfile's folder without a change; a root tree needs its own."""


class ImageStore:
    """The images of one engine. A root that holds a Dockerfile is built, on `base`; any other is imported as it is."""

    def __init__(self, engine: DockerEngine, installation_id: str, base: str) -> None:
        self._engine = engine
        self._installation_id = installation_id
        self._base = base
        self._ready: dict[Path, str] = {}
        self._layered: dict[tuple[Path, Path], str] = {}
        self._hashes: dict[Path, str] = {}
        self._lock = asyncio.Lock()

    async def ensure(self, root: Path) -> str:
        """The image for this root tree, made when it is not there. Looks at the engine only the first time.

        Raises:
            DriverUnavailable: it cannot be made.
        """
        if root in self._ready:
            return self._ready[root]
        async with self._lock:
            if root not in self._ready:
                self._ready[root] = await self._find_or_make(root)
            return self._ready[root]

    async def ensure_layered(self, root: Path, layer: Path) -> str:
        """The image for this root tree with this layer copied in. Raises DriverUnavailable."""
        base = await self.ensure(root)
        if (root, layer) in self._layered:
            return self._layered[root, layer]
        async with self._lock:
            if (root, layer) not in self._layered:
                self._layered[root, layer] = await self._find_or_add(base, root, layer)
            return self._layered[root, layer]

    def forget(self, root: Path) -> None:
        """The image was not there when it was needed: the next `ensure` looks again."""
        self._ready.pop(root, None)
        self._layered.clear()

    async def keep_layers(self, keys: frozenset[str]) -> tuple[str, ...]:
        """Remove the images of this installation for other layers; which stay until the next time, in sentences.

        Raises:
            EngineRefused, DriverUnavailable: the engine cannot be asked.
        """
        async with self._lock:
            for pair in [pair for pair in self._layered if pair[1].name not in keys]:
                del self._layered[pair]
            left = []
            for image in await self._ours("layer"):
                if (key := image["Labels"].get(LAYER_LABEL)) not in keys:
                    try:
                        await self._engine.call(partial(_remove_image, image["Id"]))
                    except EngineRefused as refused:
                        left.append(f"Docker's image of the layer {key} is left for now: {refused.message}")
            return tuple(left)

    async def clear(self) -> tuple[str, ...]:
        """Remove all images of this installation; which stay until the next time, in sentences.

        Raises:
            EngineRefused, DriverUnavailable: the engine cannot be asked.
        """
        left = await self.keep_layers(frozenset())
        if left:
            # They stand on the runtime's, which then stays, too.
            return left
        async with self._lock:
            self._ready.clear()
            try:
                for image in await self._ours("runtime"):
                    await self._engine.call(partial(_remove_image, image["Id"]))
            except EngineRefused as refused:
                return (f"Docker's image of the runtime is left for now: {refused.message}",)
        return ()

    async def _ours(self, kind: str) -> list[dict[str, Any]]:
        filters = {"label": [f"{IMAGE_LABEL}={kind}", f"{INSTALLATION_LABEL}={self._installation_id}"]}
        found: list[dict[str, Any]] = await self._engine.call(lambda client: client.images(filters=filters))
        return found

    async def _find_or_add(self, base: str, root: Path, layer: Path) -> str:
        try:
            return await self._add(base, layer)
        except DriverUnavailable as unavailable:
            try:
                gone = "No such image" in unavailable.detail or not await self._exists(base)
            except EngineRefused:
                gone = False
            if not gone:
                raise
            # Somebody removed the runtime's image since it was seen, or while it was built on: both are made again.
            self._ready[root] = await self._find_or_make(root)
            return await self._add(self._ready[root], layer)

    async def _add(self, base: str, layer: Path) -> str:
        tag = f"{LAYERED_REPOSITORY}:{hashlib.sha256(f'{base} {layer.name}'.encode()).hexdigest()[:16]}"
        labels = {IMAGE_LABEL: "layer", LAYER_LABEL: layer.name, INSTALLATION_LABEL: self._installation_id}
        try:
            if not await self._exists(tag):
                await self._engine.call(partial(_add_layer, layer, tag, labels, base), timeout_s=BUILD_TIMEOUT_S)
        except EngineRefused as refused:
            raise DriverUnavailable(f"Docker cannot make the image with the packages: {refused.sentence}") from refused
        except OSError as error:
            raise DriverUnavailable(f"The layer {layer.name} cannot be read: {error.strerror or error}.") from error
        return tag

    async def _find_or_make(self, root: Path) -> str:
        try:
            build = (root / DOCKERFILE).is_file()
            if root not in self._hashes:
                self._hashes[root] = await asyncio.to_thread(
                    hash_of, root, self._base if build else "", left_out=CACHES if build else ""
                )
            tag = f"{REPOSITORY}:{self._hashes[root][:16]}"
            if await self._exists(tag):
                return tag
            labels = {IMAGE_LABEL: "runtime", INSTALLATION_LABEL: self._installation_id}
            if build:
                await self._engine.call(partial(_build, root, tag, labels, self._base), timeout_s=BUILD_TIMEOUT_S)
            else:
                changes = [f'LABEL "{key}"={json.dumps(value)}' for key, value in labels.items()]
                await self._engine.call(partial(_import_tree, root, tag, changes), timeout_s=IMPORT_TIMEOUT_S)
            if not await self._exists(tag):
                raise DriverUnavailable(f"Docker made no image {tag} of the runtime and did not say why.")
        except EngineRefused as refused:
            raise DriverUnavailable(f"Docker cannot make the runtime's image: {refused.sentence}") from refused
        except OSError as error:
            raise DriverUnavailable(f"The runtime at {root} cannot be read: {error.strerror or error}.") from error
        await self._drop_older(tag)
        return tag

    async def _exists(self, tag: str) -> bool:
        try:
            await self._engine.call(partial(_inspect_image, tag))
        except EngineRefused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    async def _drop_older(self, tag: str) -> None:
        """Images of this installation that a new one takes the place of; one in use stays until the next time."""
        kept = {tag, *self._ready.values()}
        try:
            for image in await self._ours("runtime"):
                tags = image.get("RepoTags") or []
                if kept.isdisjoint(tags):
                    await self._engine.call(partial(_remove_image, image["Id"]))
        except EngineRefused as refused:
            logger.info("an older image of the runtime stays: %s", refused.message)


def _inspect_image(image: str, client: "APIClient") -> None:
    # the SDK's stubs leave this one method without types
    inspect: Callable[[str], dict[str, Any]] = client.inspect_image
    inspect(image)


def _remove_image(image: str, client: "APIClient") -> None:
    client.remove_image(image)


def _import_tree(root: Path, tag: str, changes: list[str], client: "APIClient") -> None:
    # Name and tag in one: podman does not listen to a tag that comes apart.
    answer = client.import_image(tar_of(root), repository=tag, changes=changes, stream_src=True)
    _raise_for(answer.splitlines())


def _build(folder: Path, tag: str, labels: dict[str, str], base: str, client: "APIClient") -> None:
    _build_from(tar_of(folder, left_out=CACHES), tag, labels, base, client)


def _add_layer(layer: Path, tag: str, labels: dict[str, str], base: str, client: "APIClient") -> None:
    recipe = f"FROM {base}\nCOPY layer {LAYER_PLACE}\n".encode()
    info = tarfile.TarInfo(DOCKERFILE)
    info.size = len(recipe)
    head = info.tobuf(tarfile.GNU_FORMAT) + recipe + bytes(-len(recipe) % tarfile.BLOCKSIZE)
    _build_from(itertools.chain([head], tar_of(layer, under="layer/")), tag, labels, base, client)


def _build_from(files: Iterable[bytes], tag: str, labels: dict[str, str], base: str, client: "APIClient") -> None:
    with tempfile.TemporaryFile() as context:
        context.writelines(files)
        context.seek(0)
        lines = client.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            labels=labels,
            buildargs={"BASE": base},
            rm=True,
            forcerm=True,
            use_config_proxy=False,
        )
        _raise_for(lines)


def _raise_for(lines: Any) -> None:
    """The engine answers 200 and tells what went wrong in the stream of its progress."""
    for line in lines:
        for part in line.splitlines():
            found = json.loads(part) if part.strip() else {}
            if "error" in found:
                raise EngineRefused(500, str(found["error"]).strip())


def _entries(root: Path, left_out: str) -> Iterator[tuple[str, os.stat_result]]:
    """Folders, files and links below `root` by relative path, sorted; nothing else (no socket, no device)."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for name in sorted(entry.name for entry in (root / folder).iterdir() if entry.name != left_out):
            path = f"{folder}/{name}" if folder else name
            status = (root / path).lstat()
            if stat.S_ISDIR(status.st_mode):
                waiting.append(path)
            elif not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
                continue
            yield path, status


def hash_of(root: Path, base: str = "", *, left_out: str = "") -> str:
    """Of names, kinds, modes and contents; not of times and owners, so that packing again gives the same."""
    whole = hashlib.sha256(base.encode())
    for path, status in _entries(root, left_out):
        whole.update(f"\0{path}\0{_mode(path, status):o}\0".encode("utf-8", "surrogateescape"))
        if stat.S_ISLNK(status.st_mode):
            whole.update(os.fsencode((root / path).readlink()))
        elif stat.S_ISREG(status.st_mode):
            with (root / path).open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _mode(path: str, status: os.stat_result) -> int:
    """No setuid, setgid or sticky bit; what the owner may read and run, the sandbox's user may.

    A container's /tmp takes its mode from the image (runc up to 1.1), whatever its mount is told.
    """
    if path == "tmp":
        return 0o1777
    mode = stat.S_IMODE(status.st_mode) & 0o777
    return mode | (mode >> 6) & 0o5


def tar_of(root: Path, *, left_out: str = "", under: str = "") -> Iterator[bytes]:
    """The tree as a tar stream, all of it root's, in blocks of about 1 MiB; `under` goes before each path."""
    block = bytearray()
    for path, status in _entries(root, left_out):
        info = tarfile.TarInfo(f"{under}{path}")
        info.mode, info.mtime = _mode(path, status), int(status.st_mtime)
        if stat.S_ISDIR(status.st_mode):
            info.type = tarfile.DIRTYPE
        elif stat.S_ISLNK(status.st_mode):
            info.type, info.linkname = tarfile.SYMTYPE, str((root / path).readlink())
        else:
            info.size = status.st_size
        block += info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
        if info.isreg():
            block += _content(root / path, info.size)
            block += bytes(-info.size % tarfile.BLOCKSIZE)
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block) + bytes(2 * tarfile.BLOCKSIZE)


def _content(path: Path, size: int) -> bytes:
    content = path.read_bytes()
    if len(content) != size:
        raise OSError(None, f"{path} changed while it was packed")
    return content
