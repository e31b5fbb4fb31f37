"""Whoever tries tokens and keys is slowed down, and nobody else is."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from clowdy_tui.client import Clowdy
from clowdy_tui.gateway import app
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.gateway.guesses import MOST, Guesses
from clowdy_tui.services.platform import Platform


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """A gateway that nobody has tried anything at; what `X-Forwarded-For` says is where a call comes from. For its
    memory of wrong ones no time passes.
    """
    monkeypatch.setattr(app, "Guesses", lambda: Guesses(clock=lambda: 0.0))
    public_url = platform.public_url
    config = GatewayConfig(
        port=0, socket_path=platform.config.data_dir / "guarded.sock", trusted_proxies=("127.0.0.1",)
    )
    async with Gateway(platform, config) as gateway:
        yield gateway
    platform.public_url = public_url


async def test_wrong_tokens_slow_down_where_they_come_from(guarded: Gateway, owner: Clowdy) -> None:
    made = await owner.tokens.create("right")

    async def ask(token: str, source: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": source}
        return await http.get("/api/projects", headers=headers)

    async with httpx.AsyncClient(base_url=guarded.url, trust_env=False, timeout=60) as http:
        answers = [await ask(f"clowdy_{number}", "192.0.2.1") for number in range(MOST + 5)]
        assert [answer.status_code for answer in answers] == [401] * MOST + [429] * 5
        problem = answers[-1].json()
        assert (problem["type"], int(answers[-1].headers["retry-after"])) == ("too-many-guesses", 3)
        assert (await ask(made.token, "192.0.2.1")).status_code == 429, "or one could try at full speed"
        assert (await ask(made.token, "192.0.2.2")).status_code == 200
        # The header of an attacker's own is not believed: only what the trusted proxy wrote, the last of it.
        assert (await ask(made.token, "203.0.113.9, 192.0.2.1")).status_code == 429
        without = await http.get("/api/health", headers={"X-Forwarded-For": "192.0.2.1"})
        assert without.json() == {"status": "ok"}
        known = [await ask(f"clowdy_{number}", "192.0.2.2") for number in range(MOST + 1)]
        assert known[-1].status_code == 429
        assert (await ask(made.token, "192.0.2.2")).status_code == 200, "who was in before is not held up"
    transport = httpx.AsyncHTTPTransport(uds=str(guarded.socket_path))
    async with httpx.AsyncClient(base_url="http://clowdy", transport=transport, timeout=60) as local:
        for number in range(MOST + 5):
            answer = await local.get("/api/projects", headers={"Authorization": f"Bearer clowdy_{number}"})
            assert answer.status_code == 200, "the owner on the socket is never locked out"
    await owner.tokens.revoke(made.id)
