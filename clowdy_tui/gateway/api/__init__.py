"""The management API, one file per resource."""

from clowdy_tui.gateway.api import (
    chat,
    conversations,
    databases,
    functions,
    health,
    importing,
    inputs,
    invocations,
    keys,
    packages,
    pool,
    projects,
    replay,
    routes,
    stats,
    system,
    tokens,
    variables,
)
from clowdy_tui.gateway.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *health.ENDPOINTS,
    *stats.ENDPOINTS,
    *projects.ENDPOINTS,
    *functions.ENDPOINTS,
    *inputs.ENDPOINTS,
    *routes.ENDPOINTS,
    *keys.ENDPOINTS,
    *variables.ENDPOINTS,
    *packages.ENDPOINTS,
    *databases.ENDPOINTS,
    *invocations.ENDPOINTS,
    *replay.ENDPOINTS,
    *chat.ENDPOINTS,
    *conversations.ENDPOINTS,
    *tokens.ENDPOINTS,
    *pool.ENDPOINTS,
    *importing.ENDPOINTS,
    *system.ENDPOINTS,
)
