"""A project's database: whether it has one and how that is, one made, one removed. Its address goes to no model."""

from typing import Any, Final, Literal

from clowdy_tui.domain.databases import DATABASE_URL, DatabaseOut, ProvisionIn
from clowdy_tui.domain.errors import Conflict, NotFound, Unavailable
from clowdy_tui.services.assistant.tools.base import Plan, Tool, Workplace
from clowdy_tui.services.assistant.tools.projects import OneProject

_MIB: Final = 1024 * 1024
_FIND_IT: Final = f"Functions find it under {DATABASE_URL} in os.environ; psycopg is there without being installed."


class NewDatabase(OneProject):
    """`enable_network` switches the network of the project's functions on, where the provider needs that."""

    provider: Literal["local", "neon"] = "local"
    enable_network: bool = False


class RemovedDatabase(OneProject):
    keep_dump: bool = True


async def get_database(place: Workplace, wanted: OneProject) -> Any:
    project = await place.project(wanted.project_id)
    return described(await place.services.databases.get(place.actor, project.id))


async def provision_database(place: Workplace, wanted: NewDatabase) -> Plan:
    place.actor.require("write")
    project = await place.project(wanted.project_id)
    now = await place.services.databases.get(place.actor, project.id)
    if now.status in ("ready", "provisioning"):
        raise Conflict(f"{project.name} has a database, or it is being made; get_database tells")
    provider = next(each for each in now.providers if each.name == wanted.provider)
    if provider.problem:
        raise Unavailable(provider.problem)
    enable = wanted.enable_network and provider.needs_network

    async def carry_out() -> Any:
        asked = ProvisionIn(provider=wanted.provider, enable_network=enable)
        return described(await place.services.databases.provision(place.actor, project.id, asked))

    where = "on this machine" if wanted.provider == "local" else "at Neon, which may cost money there"
    detail = f"{where[0].upper()}{where[1:]}. Every function of the project gets its address as {DATABASE_URL}."
    if enable:
        detail += " The network is switched on for all functions of the project."
    elif provider.needs_network:
        detail += " Functions whose network is off cannot reach it."
    return Plan(
        f"Make a PostgreSQL database for {project.name}",
        carry_out,
        detail,
        goes_on="The database is still being made; get_database tells how that ends.",
    )


async def remove_database(place: Workplace, wanted: RemovedDatabase) -> Plan:
    place.actor.require("write")
    project = await place.project(wanted.project_id)
    now = await place.services.databases.get(place.actor, project.id)
    if now.status == "none":
        raise NotFound(f"{project.name} has no database")

    async def carry_out() -> Any:
        gone = await place.services.databases.deprovision(place.actor, project.id, keep_dump=wanted.keep_dump)
        return {"removed": True, "dump": gone.dump}

    after = "A dump of it is kept." if wanted.keep_dump else "Nothing of it is kept. This cannot be undone."
    return Plan(f"Remove the database of {project.name}", carry_out, f"With all that is in it. {after}")


def described(database: DatabaseOut) -> dict[str, Any]:
    """A database as the model gets it: no address, masked or not."""
    found: dict[str, Any] = {"has_database": database.has_database, "status": database.status}
    if database.status == "none":
        found["note"] = "There is none; provision_database makes one."
        return found | {"providers": {each.name: each.problem or "can make one" for each in database.providers}}
    found["provider"] = database.provider
    if not database.has_database:
        return found | {name: said for name in ("progress", "error") if (said := getattr(database, name)) is not None}
    found |= {"running": database.running, "read_only": database.read_only, "note": _FIND_IT}
    if database.size_bytes is not None:
        found["size_mb"] = round(database.size_bytes / _MIB, 1)
    if database.max_bytes is not None:
        found["max_mb"] = database.max_bytes // _MIB
    if database.functions_without_network:
        found["cannot_reach_it"] = database.functions_without_network
    return found


TOOLS = (
    Tool("get_database", "A project's PostgreSQL database: whether there is one, whether it runs, its size and bound, "
         "and which functions cannot reach it. Never its address.", OneProject, "read", read=get_database),
    Tool("provision_database", "Make a PostgreSQL database for a project that has none. The person is asked.",
         NewDatabase, "change", prepare=provision_database),
    Tool("remove_database", "Remove a project's database with all that is in it; keep_dump keeps a copy. The person is "
         "always asked.", RemovedDatabase, "delete", prepare=remove_database),
)  # fmt: skip
