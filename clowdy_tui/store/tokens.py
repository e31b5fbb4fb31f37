"""Tokens, as they are kept: their hashes, never themselves."""

from collections.abc import Mapping

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from clowdy_tui.domain.tables import Token


class Tokens:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all(self) -> list[Token]:
        """Newest first."""
        return list(await self._session.scalars(select(Token).order_by(col(Token.created_at).desc())))

    async def get(self, token_id: str) -> Token | None:
        return await self._session.get(Token, token_id)

    async def add(self, token: Token) -> None:
        self._session.add(token)
        await self._session.flush()

    async def delete(self, token_id: str) -> None:
        await self._session.execute(delete(Token).where(col(Token.id) == token_id))

    async def used(self, moments: Mapping[str, int]) -> None:
        """Note when tokens (by id) were last used, in milliseconds since 1970."""
        for token_id, moment in moments.items():
            await self._session.execute(update(Token).where(col(Token.id) == token_id).values(last_used_at=moment))
