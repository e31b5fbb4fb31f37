"""What the installation remembers of itself."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from clowdy_tui.domain.tables import Meta


class MetaValues:
    """Texts by key."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, key: str) -> str | None:
        row = await self._session.get(Meta, key)
        return row.value if row else None

    async def all(self) -> dict[str, str]:
        return {row.key: row.value for row in await self._session.scalars(select(Meta))}

    async def set(self, key: str, value: str) -> None:
        await self._session.merge(Meta(key=key, value=value))
        await self._session.flush()


def glance(database: Path) -> dict[str, str]:
    """All texts, for who only wants to look: nothing is made or migrated. Empty where there is nothing to be read."""
    return dict(_read(database, "SELECT key, value FROM meta"))


def holds_secrets(database: Path) -> bool:
    """Whether something in it is encrypted, by a look as `glance` takes it."""
    return bool(_read(database, "SELECT 1 FROM variable UNION ALL SELECT 1 FROM project_database LIMIT 1"))


def _read(database: Path, query: str) -> list[Any]:
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.Error:
        return []
