"""Clowdy's own bridge, for functions with the network on: made when the first asks, gone with the driver."""

import asyncio
import logging
import secrets
from functools import partial
from typing import TYPE_CHECKING

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine.sandboxes.docker_container import INSTALLATION_LABEL
from clowdy_tui.engine.sandboxes.docker_engine import DockerEngine, EngineRefused

if TYPE_CHECKING:
    from docker import APIClient

logger = logging.getLogger(__name__)

OPTIONS = {"com.docker.network.bridge.enable_icc": "false"}


class BridgeNetwork:
    """One bridge network on which containers reach the world and not each other."""

    def __init__(self, engine: DockerEngine, installation_id: str) -> None:
        self._engine = engine
        self._label = f"{INSTALLATION_LABEL}={installation_id}"
        self._prefix = f"clowdy-{installation_id}"
        self._labels = {INSTALLATION_LABEL: installation_id}
        self._id: str | None = None
        self._lock = asyncio.Lock()

    async def ensure(self) -> str:
        """The network's id, made when it is not there. Raises DriverUnavailable."""
        async with self._lock:
            if self._id is None:
                try:
                    # The engine finds a network by its name when a container starts: two must never share one.
                    name = f"{self._prefix}-{secrets.token_hex(4)}"
                    made = await self._engine.call(
                        lambda client: client.create_network(
                            name, driver="bridge", options=OPTIONS, labels=self._labels
                        )
                    )
                except EngineRefused as refused:
                    raise DriverUnavailable(
                        f"Docker cannot make Clowdy's network: {refused.sentence}",
                        remedy="`docker network prune` frees addresses of networks that nobody uses.",
                    ) from refused
                self._id = str(made["Id"])
            return self._id

    async def look_again(self) -> None:
        """Something was not there when it was needed: where it was this, the next `ensure` makes it again."""
        network = self._id
        if network is None:
            return
        try:
            await self._engine.call(lambda client: client.inspect_network(network))
        except EngineRefused as refused:
            if refused.status != 404:
                raise
            self._id = None

    async def sweep(self) -> None:
        """Remove networks of this installation but the one in use."""
        await self._remove_all_but(self._id)

    async def remove(self) -> None:
        """Remove all of this installation's."""
        self._id = None
        await self._remove_all_but(None)

    async def _remove_all_but(self, kept: str | None) -> None:
        try:
            found = await self._engine.call(lambda client: client.networks(filters={"label": self._label}))
        except EngineRefused as refused:
            raise DriverUnavailable(f"Docker does not tell its networks: {refused.sentence}") from refused
        for network in (str(one["Id"]) for one in found):
            if network == kept:
                continue
            try:
                await self._engine.call(partial(_remove_network, network))
            except EngineRefused as refused:
                if refused.status != 404:
                    logger.warning("the network %s could not be removed: %s", network[:12], refused.message)


def _remove_network(network: str, client: "APIClient") -> None:
    client.remove_network(network)
