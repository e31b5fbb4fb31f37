"""A stand-in for Clerk: it signs tokens, and serves the public keys from a loopback port."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Issuer:
    """`keys` are what it serves. `broken`: answers 500 instead. `asked` counts how often somebody came."""

    url: str = ""
    name: str = "https://issuer.example"
    keys: dict[str, PrivateKey] = field(default_factory=dict)
    broken: bool = False
    document: str | None = None
    asked: int = 0

    def add(self, key_id: str, kind: str = "RS256") -> PrivateKey:
        """A new key with this id."""
        self.keys[key_id] = (
            rsa.generate_private_key(65537, 2048) if kind == "RS256" else ec.generate_private_key(ec.SECP256R1())
        )
        return self.keys[key_id]

    def sign(
        self, key_id: str, *, key: PrivateKey | None = None, head: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """A token that is right, but for what is said otherwise; a claim that is None is left out."""
        now = int(time.time())
        content = {"sub": "user_1", "iss": self.name, "iat": now, "exp": now + 60} | claims
        key = key or self.keys[key_id]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(
            {name: value for name, value in content.items() if value is not None},
            key,
            algorithm=algorithm,
            headers={"kid": key_id} | (head or {}),
        )

    def public(self) -> dict[str, Any]:
        return {"keys": [public_jwk(key_id, key) for key_id, key in self.keys.items()]}

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked += 1
        if self.broken:
            return web.Response(status=500)
        return web.Response(text=self.document or json.dumps(self.public()), content_type="application/json")


def public_jwk(key_id: str, key: PrivateKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        entry = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        entry = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return entry | {"kid": key_id, "use": "sig"}


@asynccontextmanager
async def serve(issuer: Issuer) -> AsyncIterator[Issuer]:
    app = web.Application()
    app.router.add_get("/jwks.json", issuer.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}/jwks.json"
        yield issuer
    finally:
        await runner.cleanup()
