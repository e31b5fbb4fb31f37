"""A project's packages."""

from clowdy_tui.domain.packages import RequirementsIn, RequirementsOut
from clowdy_tui.gateway.endpoint import Accepted, Call, Parameters, endpoint


class BuildQuery(Parameters):
    """`wait=false`: answer at once, with 202 while it is built. `upgrade`: to the newest versions that the list
    allows."""

    wait: bool = True
    upgrade: bool = False


@endpoint("GET", "/api/projects/{id}/requirements", scope="read", answer=RequirementsOut, statuses=(404,))
async def get_requirements(call: Call[None, None]) -> RequirementsOut:
    """A project's list of packages, its lock, and how far the last build is."""
    return await call.platform.packages.get(call.actor, call.id("id", "Project"))


@endpoint(
    "PUT",
    "/api/projects/{id}/requirements",
    scope="write",
    body=RequirementsIn,
    query=BuildQuery,
    answer=RequirementsOut,
    statuses=(404, 409),
    may_go_on=True,
)
async def set_requirements(call: Call[RequirementsIn, BuildQuery]) -> RequirementsOut | Accepted:
    """Save a list of packages and build it; functions see it once it is there."""
    done = await call.platform.packages.set(
        call.actor,
        call.id("id", "Project"),
        call.body.requirements_txt,
        wait=call.query.wait,
        upgrade=call.query.upgrade,
    )
    return Accepted(done) if done.status == "building" else done


@endpoint("DELETE", "/api/projects/{id}/requirements/build", scope="write", answer=RequirementsOut, statuses=(404,))
async def stop_build(call: Call[None, None]) -> RequirementsOut:
    """Stop the build of a list; what was in use stays."""
    return await call.platform.packages.stop(call.actor, call.id("id", "Project"))


ENDPOINTS = (get_requirements, set_requirements, stop_build)
