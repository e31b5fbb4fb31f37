"""The part of the fake gateway for what a project owns: variables, packages, a database."""

import builtins
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from clowdy_tui.domain.databases import DatabaseGone, DatabaseOut, ProviderOut, ProvisionIn
from clowdy_tui.domain.dotenv import DotenvOut, read_dotenv, write_dotenv
from clowdy_tui.domain.errors import InvalidInput
from clowdy_tui.domain.packages import RequirementsOut, read_requirements
from clowdy_tui.domain.schemas import VariableOut

if TYPE_CHECKING:
    from tests.tui.fake import FakeClowdy

URL = "postgresql://app:***@/app?host=/run/database"
LOCK = (
    "certifi==2026.1.4 \\\n    --hash=sha256:" + "a" * 64 + "\nrequests==2.32.5 \\\n    --hash=sha256:" + "b" * 64
    + " \\\n    --hash=sha256:" + "c" * 64 + "\n"
)  # fmt: skip
NOTHING = RequirementsOut(requirements_txt="", requirements_hash=None, has_custom_image=False, status="ready", lock="")
PROVIDERS = [
    ProviderOut(name="local", available=True, problem="", needs_network=False),
    ProviderOut(name="neon", available=False, problem="Neon wants an API key: set NEON_API_KEY", needs_network=True),
]


class Variables:
    def __init__(self, fake: "FakeClowdy") -> None:
        self.fake = fake
        self.kept: dict[str, VariableOut] = {}

    async def list(self, project_id: str, reveal: bool = False) -> builtins.list[VariableOut]:
        self.fake.check()
        hidden = {} if reveal else {"value": "****"}
        return [one.model_copy(update=hidden if one.is_secret else {}) for _, one in sorted(self.kept.items())]

    async def set(self, project_id: str, key: str, value: str, is_secret: bool = True) -> VariableOut:
        from tests.tui.fake import THEN

        self.fake.check(change=True)
        made = VariableOut(
            id=self.fake.new_id(), key=key, value=value, is_secret=is_secret, created_at=THEN, updated_at=THEN
        )
        self.kept[key] = made
        self.fake.publish("variable.set", project_id=project_id, key=key)
        return made

    async def delete(self, project_id: str, key: str) -> None:
        self.fake.check(change=True)
        del self.kept[key]
        self.fake.publish("variable.deleted", project_id=project_id, key=key)

    async def import_dotenv(self, project_id: str, text: str, *, is_secret: bool = True) -> DotenvOut:
        from tests.tui.fake import problem

        try:
            pairs = read_dotenv(text)
        except InvalidInput as error:
            errors = [{"loc": [*one.loc], "msg": one.msg, "type": one.type} for one in error.errors]
            raise problem(422, error.detail, errors=errors) from error
        for key, value in pairs:
            await self.set(project_id, key, value, is_secret)
        return DotenvOut(set=[key for key, _ in pairs], unchanged=[])

    async def export_dotenv(self, project_id: str, *, reveal: bool = False) -> str:
        return write_dotenv((one.key, one.value) for one in self.kept.values())


class Packages:
    """A list that is saved is `building` until `finish`."""

    def __init__(self, fake: "FakeClowdy") -> None:
        self.fake = fake
        self.found = NOTHING
        self.upgraded = 0

    async def get(self, project_id: str) -> RequirementsOut:
        self.fake.check()
        return self.found

    async def set(self, project_id: str, text: str, *, wait: bool = True, upgrade: bool = False) -> RequirementsOut:
        from tests.tui.fake import problem

        self.fake.check(change=True)
        try:
            read_requirements(text)
        except InvalidInput as error:
            errors = [{"loc": [*one.loc], "msg": one.msg, "type": one.type} for one in error.errors]
            raise problem(422, error.detail, errors=errors) from error
        self.upgraded += upgrade
        told: dict[str, Any] = {"wanted_txt": text, "progress": "Resolving", "error": None, "stopped": False}
        self.change(project_id, "building", status="building", **told)
        return self.found

    async def stop(self, project_id: str) -> RequirementsOut:
        self.change(project_id, "failed", status="failed", error="The build was stopped", stopped=True)
        return self.found

    def change(self, project_id: str, event: str, **changes: Any) -> None:
        """What a build does, told by an event."""
        self.found = self.found.model_copy(update=changes)
        self.fake.publish(f"packages.{event}", project_id=project_id)

    def finish(self, project_id: str) -> None:
        changes: dict[str, Any] = {"requirements_txt": self.found.wanted_txt, "wanted_txt": None, "lock": LOCK}
        self.change(project_id, "ready", **changes, status="ready", has_custom_image=True, progress=None, error=None)


class Databases:
    """One that is made is `provisioning` until `finish`."""

    def __init__(self, fake: "FakeClowdy") -> None:
        self.fake = fake
        self.found = DatabaseOut(has_database=False, status="none", providers=PROVIDERS)
        self.asked: list[Any] = []

    async def get(self, project_id: str, *, reveal: bool = False) -> DatabaseOut:
        self.fake.check()
        return self.found

    async def provision(self, project_id: str, wanted: ProvisionIn, *, wait: bool = True) -> DatabaseOut:
        self.fake.check(change=True)
        self.asked.append(wanted)
        self.change(project_id, "provisioning", status="provisioning", progress="Making a cluster")
        return self.found

    async def wake(self, project_id: str, *, reveal: bool = False) -> DatabaseOut:
        return self.found.model_copy(update={"local_url": "postgresql://app:s3cret@/app?host=/var/lib/clowdy/x"})

    async def deprovision(self, project_id: str, *, keep_dump: bool = False) -> DatabaseGone:
        self.fake.check(change=True)
        self.asked.append(keep_dump)
        self.found = DatabaseOut(has_database=False, status="none", providers=PROVIDERS)
        self._mark(project_id, has=False)
        self.fake.publish("database.removed", project_id=project_id)
        return DatabaseGone(dump="/var/lib/clowdy/dumps/shop.dump" if keep_dump else None)

    def change(self, project_id: str, event: str, **changes: Any) -> None:
        self.found = self.found.model_copy(update=changes)
        self.fake.publish(f"database.{event}", project_id=project_id)

    def finish(self, project_id: str, **changes: Any) -> None:
        self._mark(project_id, has=True)
        told: dict[str, Any] = {
            "has_database": True, "status": "ready", "provider": "local", "database_url": URL, "running": True,
            "size_bytes": 8_000_000, "max_bytes": 1024 * 1024 * 1024, "progress": None,
        }  # fmt: skip
        self.change(project_id, "ready", **{**told, **changes})

    def _mark(self, project_id: str, *, has: bool) -> None:
        project = self.fake.all_projects[project_id]
        self.fake.all_projects[project_id] = project.model_copy(update={"has_database": has})


def furnish(fake: "FakeClowdy", project_id: str) -> None:
    """Give a project some variables, packages and a database."""
    # Said as "2 d ago", whenever that is.
    then = datetime.now(UTC) - timedelta(days=2, hours=1)
    for key, value, is_secret in (
        ("API_KEY", "s3cret", True), ("MODE", "production", False), ("STOCK_URL", "https://stock.example.org/v2", False)
    ):  # fmt: skip
        fake.variables.kept[key] = VariableOut(
            id=fake.new_id(), key=key, value=value, is_secret=is_secret, created_at=then, updated_at=then
        )
    fake.packages.found = fake.packages.found.model_copy(update={"wanted_txt": "requests>=2"})
    fake.packages.finish(project_id)
    fake.databases.finish(project_id)
