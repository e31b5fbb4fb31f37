"""The client's way to the gateway, before anything is asked."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from clowdy_tui.client import Clowdy


async def test_certificates_are_read_only_where_one_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    checking: list[ssl.SSLContext] = []
    plain = ssl.create_default_context

    def create(*told: Any, **more: Any) -> ssl.SSLContext:
        checking.append(plain(*told, **more))
        return checking[-1]

    monkeypatch.setattr(ssl, "create_default_context", create)
    for told in ({"socket": Path("/none.sock")}, {"url": "http://127.0.0.1:1"}):
        async with Clowdy(**told):  # type: ignore[arg-type]
            assert checking == [], told
    for url in ("https://clowdy.example.org", "HTTPS://clowdy.example.org"):
        async with Clowdy(url=url):
            assert [context.verify_mode for context in checking] == [ssl.CERT_REQUIRED], url
        checking.clear()
