"""A project's database."""

from clowdy_tui.domain.databases import DatabaseGone, DatabaseOut, DatabasePatch, ProvisionIn
from clowdy_tui.gateway.endpoint import Accepted, Call, Parameters, endpoint


class RevealQuery(Parameters):
    reveal: bool = False


class ProvisionQuery(Parameters):
    """`wait=false`: answer at once, with 202 while it is made."""

    wait: bool = True


class DeprovisionQuery(Parameters):
    """`keep_dump`: keep a copy of what is in it, on the gateway's machine."""

    keep_dump: bool = False


@endpoint(
    "GET",
    "/api/projects/{id}/database",
    scope="read",
    query=RevealQuery,
    answer=DatabaseOut,
    statuses=(403, 404),
)
async def get_database(call: Call[None, RevealQuery]) -> DatabaseOut:
    """A project's database, or that it has none; its password reads *** unless `reveal`, which needs that scope."""
    return await call.platform.databases.get(call.actor, call.id("id", "Project"), reveal=call.query.reveal)


@endpoint(
    "POST",
    "/api/projects/{id}/database/provision",
    scope="write",
    body=ProvisionIn,
    query=ProvisionQuery,
    answer=DatabaseOut,
    statuses=(404, 409, 503),
    may_go_on=True,
)
async def provision_database(call: Call[ProvisionIn, ProvisionQuery]) -> DatabaseOut | Accepted:
    """Make a database for a project; its functions get DATABASE_URL with the next call."""
    done = await call.platform.databases.provision(
        call.actor, call.id("id", "Project"), call.body, wait=call.query.wait
    )
    return Accepted(done) if done.status == "provisioning" else done


@endpoint(
    "DELETE",
    "/api/projects/{id}/database/deprovision",
    scope="write",
    query=DeprovisionQuery,
    answer=DatabaseGone,
    statuses=(400, 404, 503),
)
async def deprovision_database(call: Call[None, DeprovisionQuery]) -> DatabaseGone:
    """Remove a project's database with all that is in it; with `keep_dump` a copy is kept."""
    gone = await call.platform.databases.deprovision(
        call.actor, call.id("id", "Project"), keep_dump=call.query.keep_dump
    )
    # Paths of this machine are for who administers it.
    return gone if call.actor.administers else gone.model_copy(update={"dump": None})


@endpoint(
    "PUT",
    "/api/projects/{id}/database",
    scope="write",
    body=DatabasePatch,
    answer=DatabaseOut,
    statuses=(400, 404, 503),
)
async def update_database(call: Call[DatabasePatch, None]) -> DatabaseOut:
    """Change how large a project's database may grow before new sessions are read-only."""
    return await call.platform.databases.update(call.actor, call.id("id", "Project"), call.body)


@endpoint(
    "POST",
    "/api/projects/{id}/database/wake",
    scope="read",
    query=RevealQuery,
    answer=DatabaseOut,
    statuses=(400, 403, 404, 503),
)
async def wake_database(call: Call[None, RevealQuery]) -> DatabaseOut:
    """Start a project's database, for a program that is about to connect; it stops by itself when nobody is."""
    return await call.platform.databases.wake(call.actor, call.id("id", "Project"), reveal=call.query.reveal)


ENDPOINTS = (get_database, provision_database, deprovision_database, update_database, wake_database)
