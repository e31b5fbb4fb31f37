import hashlib
from pathlib import Path

import pytest
from fake_engine import FakeEngine

from clowdy_tui.domain.errors import Forbidden, NotFound
from clowdy_tui.domain.schemas import ALL_SCOPES, TokenIn
from clowdy_tui.services import tokens
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.platform import Platform, PlatformConfig


async def test_a_token_from_making_to_taking_back(platform: Platform) -> None:
    made = await platform.tokens.create(LOCAL, TokenIn(name="ci", scopes=["write", "read", "read"]))
    assert made.token.startswith("clowdy_")
    assert len(made.token) == len("clowdy_") + 43
    assert (made.user, made.scopes, made.last_used_at) == ("local", ["read", "write"], None)
    actor = platform.tokens.authenticate(made.token)
    assert actor == Actor("local", frozenset({"read", "write"}), administers=False, name="ci")
    (listed,) = await platform.tokens.list(LOCAL)
    assert listed.last_used_at is not None
    await platform.tokens.revoke(LOCAL, made.id)
    assert platform.tokens.authenticate(made.token) is None
    assert await platform.tokens.list(LOCAL) == []
    with pytest.raises(NotFound, match="Token not found"):
        await platform.tokens.revoke(LOCAL, made.id)


async def test_only_the_hash_is_kept(platform: Platform, folder: Path) -> None:
    made = await platform.tokens.create(LOCAL, TokenIn(name="ci"))
    content = b"".join(file.read_bytes() for file in folder.glob("clowdy.db*"))
    assert made.token.encode() not in content
    assert hashlib.sha256(made.token.encode()).hexdigest().encode() in content


@pytest.mark.parametrize("token", ["", "clowdy_", "clowdy_x", "clowdy_\ud800", "Bearer x", "x" * 100_000, "clowdy_é"])
async def test_nonsense_is_nobody(platform: Platform, token: str) -> None:
    assert platform.tokens.authenticate(token) is None


async def test_tokens_expire(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await platform.tokens.create(LOCAL, TokenIn(name="short", expires_in_s=60))
    assert made.expires_at is not None
    assert platform.tokens.authenticate(made.token) is not None
    expiry = int(made.expires_at.timestamp() * 1000)
    monkeypatch.setattr(tokens, "now_ms", lambda: expiry)
    assert platform.tokens.authenticate(made.token) is None


async def test_nobody_makes_more_of_themselves_than_they_are(platform: Platform) -> None:
    made = await platform.tokens.create(LOCAL, TokenIn(name="ada", user="ada", scopes=["read", "write"]))
    ada = platform.tokens.authenticate(made.token)
    assert ada is not None
    assert (ada.user, ada.administers) == ("ada", False)
    with pytest.raises(Forbidden, match="other users"):
        await platform.tokens.create(ada, TokenIn(name="x", user="local", scopes=["read"]))
    for scopes in (["reveal"], [], list(ALL_SCOPES)):
        with pytest.raises(Forbidden, match=r"'invoke'|'reveal'"):
            await platform.tokens.create(ada, TokenIn.model_validate({"name": "x", "scopes": scopes}))
    hers = await platform.tokens.create(ada, TokenIn(name="x", scopes=["read"]))
    mine = await platform.tokens.create(LOCAL, TokenIn(name="y"))
    assert {token.name for token in await platform.tokens.list(ada)} == {"ada", "x"}
    assert {token.name for token in await platform.tokens.list(LOCAL)} == {"ada", "x", "y"}
    with pytest.raises(NotFound):
        await platform.tokens.revoke(ada, mine.id)
    await platform.tokens.revoke(LOCAL, hers.id)


async def test_the_owners_own_token_with_all_scopes_is_as_good_as_the_socket(platform: Platform) -> None:
    made = await platform.tokens.create(LOCAL, TokenIn(name="laptop"))
    actor = platform.tokens.authenticate(made.token)
    assert actor is not None
    assert actor.administers
    assert made.scopes == list(ALL_SCOPES)


async def test_tokens_and_their_last_use_outlive_the_gateway(folder: Path) -> None:
    config = PlatformConfig(data_dir=folder)
    platform = await Platform.open(config, engine=FakeEngine())
    made = await platform.tokens.create(LOCAL, TokenIn(name="ci"))
    platform.tokens.authenticate(made.token)
    (before,) = await platform.tokens.list(LOCAL)
    await platform.close()
    platform = await Platform.open(config, engine=FakeEngine())
    assert await platform.tokens.list(LOCAL) == [before]
    assert before.last_used_at is not None
    assert platform.tokens.authenticate(made.token) is not None
    await platform.close()
