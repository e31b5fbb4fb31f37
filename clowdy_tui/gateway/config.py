"""What a gateway is told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Where to listen and what to take. `port` 0: any free one. `socket_path` None: where the data folder has it.

    `trusted_proxies` are addresses or networks whose `X-Forwarded-For` counts, `cors_origins` the origins of web
    pages that may use the management API. Where `jwks_url` is set, users come with tokens that are signed with a key
    from there; `jwt_issuer` and `jwt_audience`, where set, must be the token's `iss` and `aud`. What a client gets in
    seconds: `head_timeout_s` for its first request, `body_timeout_s` for a body beside what that takes at 16 KiB a
    second, `send_timeout_s` to take what was sent to it. `max_connections` None: half of
    the files that the process may open, for each door. `public_invocation_logs`: anybody may list a function's calls,
    as in the web app that Clowdy descends from.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    socket_path: Path | None = None
    max_body_bytes: int = 6 * 1024 * 1024
    trusted_proxies: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    jwks_url: str | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    head_timeout_s: float = 30.0
    body_timeout_s: float = 30.0
    send_timeout_s: float = 60.0
    max_connections: int | None = None
    public_invocation_logs: bool = False
    version: str = ""
