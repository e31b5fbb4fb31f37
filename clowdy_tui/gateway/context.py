"""What an endpoint knows of the gateway that serves it: enough to answer, and nothing of how it listens."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from clowdy_tui.gateway.config import GatewayConfig
from clowdy_tui.gateway.proxies import Network
from clowdy_tui.services.platform import Platform


class Context(Protocol):
    """The gateway, as those see it who answer requests."""

    @property
    def platform(self) -> Platform: ...

    @property
    def config(self) -> GatewayConfig: ...

    @property
    def trusted(self) -> Sequence[Network]:
        """Whose `X-Forwarded-For` counts."""
        ...

    @property
    def url(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def socket_path(self) -> Path: ...

    @property
    def stopped(self) -> asyncio.Event:
        """Set it to ask the gateway to stop."""
        ...

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the gateway stops: what would not end by itself must end now."""
        ...
