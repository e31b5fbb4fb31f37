"""Users who come with JWTs: whose are taken, whose are not, and what happens while the keys cannot be had."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from api_support import until
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from issuer_support import Issuer, public_jwk, serve

from clowdy_tui.client import ApiError, Clowdy
from clowdy_tui.domain.schemas import FunctionIn
from clowdy_tui.gateway import jwks
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.platform import Platform


@asynccontextmanager
async def taking(platform: Platform, issuer: Issuer, **config: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that takes the issuer's tokens, by TCP."""
    public_url = platform.public_url
    settings = GatewayConfig(port=0, socket_path=platform.config.data_dir / "jwt.sock", jwks_url=issuer.url, **config)
    async with (
        Gateway(platform, settings) as gateway,
        httpx.AsyncClient(base_url=gateway.url, timeout=60, trust_env=False) as http,
    ):
        yield http
    platform.public_url = public_url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def issuer() -> AsyncIterator[Issuer]:
    made = Issuer()
    made.add("rsa-1")
    made.add("ec-1", "ES256")
    async with serve(made) as issuer:
        yield issuer


@pytest_asyncio.fixture(loop_scope="session")
async def http(platform: Platform, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with taking(platform, issuer, jwt_issuer=issuer.name, jwt_audience="clowdy") as http:
        yield http


async def ask(http: httpx.AsyncClient, token: str, path: str = "/api/projects") -> httpx.Response:
    return await http.get(path, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("key_id", ["rsa-1", "ec-1"])
@pytest.mark.parametrize("audience", ["clowdy", ["other", "clowdy"]])
async def test_the_subject_is_the_user(
    http: httpx.AsyncClient, issuer: Issuer, key_id: str, audience: str | list[str]
) -> None:
    token = issuer.sign(key_id, aud=audience, sub="user_2abc")
    async with Clowdy(url=str(http.base_url), token=token) as client:
        project = await client.projects.create("Mine")
        made = await client.functions.create(
            FunctionIn(name="f", code="def handler(e, c): pass", project_id=project.id)
        )
        assert [item.created_by for item in await client.functions.versions(made.id)] == ["user_2abc"]
        assert project.id in {item.id for item in await client.projects.list()}
        other = await ask(http, issuer.sign("rsa-1", aud="clowdy", sub="user_other"))
        assert other.json() == []
        with pytest.raises(ApiError, match="Only who administers"):
            await client.stop()
        await client.projects.delete(project.id)


def forged(issuer: Issuer, algorithm: str, secret: bytes) -> str:
    """A token with an `alg` of the attacker's choice, signed with what everybody can know."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = part(json.dumps({"alg": algorithm, "typ": "JWT", "kid": "rsa-1"}).encode())
    claims = {"sub": "user_1", "iss": issuer.name, "aud": "clowdy", "exp": int(time.time()) + 60}
    signed = f"{head}.{part(json.dumps(claims).encode())}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest() if secret else b""
    return f"{signed}.{part(signature)}"


async def test_what_is_no_proof_is_refused(http: httpx.AsyncClient, issuer: Issuer) -> None:
    now = int(time.time())
    right = issuer.sign("rsa-1", aud="clowdy")
    assert (await ask(http, right)).status_code == 200
    public = issuer.keys["rsa-1"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    head, claims, signature = right.split(".")
    other = issuer.sign("rsa-1", aud="clowdy", sub="user_2").split(".")[1]
    for why, token, says in (
        ("no signature asked for", forged(issuer, "none", b""), "must be signed with"),
        ("None, in other letters", forged(issuer, "nOnE", b""), "must be signed with"),
        ("a public key as a password", forged(issuer, "HS256", pem), "must be signed with"),
        ("the same in other bytes", forged(issuer, "HS256", der), "must be signed with"),
        ("a password under RS256", forged(issuer, "RS256", pem), "signature is wrong"),
        ("no signature there", f"{head}.{claims}.", "signature is wrong"),
        ("another's claims", f"{head}.{other}.{signature}", "signature is wrong"),
        ("another's key", issuer.sign("rsa-1", key=rsa.generate_private_key(65537, 2048), aud="clowdy"), "signature"),
        ("a curve's key under RSA's id", issuer.sign("rsa-1", key=ec.generate_private_key(ec.SECP256R1())), "key"),
        ("a key of its own in the head", issuer.sign("x", key=rsa.generate_private_key(65537, 2048)), "not known"),
        ("what must be understood", issuer.sign("rsa-1", aud="clowdy", head={"crit": ["exp"], "exp": 1}), "no JWT"),
        ("run out", issuer.sign("rsa-1", aud="clowdy", exp=now - 31), "has expired"),
        ("not begun", issuer.sign("rsa-1", aud="clowdy", nbf=now + 40), "not valid yet"),
        ("for ever", issuer.sign("rsa-1", aud="clowdy", exp=None), "has no exp"),
        ("nobody", issuer.sign("rsa-1", aud="clowdy", sub=None), "has no sub"),
        ("empty", issuer.sign("rsa-1", aud="clowdy", sub=""), "no user's name"),
        ("an escape sequence", issuer.sign("rsa-1", aud="clowdy", sub="a\x1b[2J"), "no user's name"),
        ("the owner", issuer.sign("rsa-1", aud="clowdy", sub="local"), "the owner's own name"),
        ("another issuer", issuer.sign("rsa-1", aud="clowdy", iss="https://evil.example"), "another issuer"),
        ("no issuer", issuer.sign("rsa-1", aud="clowdy", iss=None), "has no iss"),
        ("another audience", issuer.sign("rsa-1", aud="other"), "another audience"),
        ("no audience", issuer.sign("rsa-1"), "has no aud"),
        ("an odd scope", issuer.sign("rsa-1", aud="clowdy", scope={"read": True}), "scope is no text"),
        ("three parts of nothing", "a.b.c", "no JWT"),
        ("nothing", "..", "no JWT"),
    ):
        answer = await ask(http, token)
        assert answer.status_code == 401, (why, answer.text)
        assert says in answer.json()["detail"], (why, answer.text)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_clocks_may_differ_a_little(http: httpx.AsyncClient, issuer: Issuer) -> None:
    now = int(time.time())
    for claims in ({"exp": now - 15}, {"nbf": now + 15}):
        assert (await ask(http, issuer.sign("ec-1", aud="clowdy", **claims))).status_code == 200


async def test_scopes_are_those_that_the_token_names(http: httpx.AsyncClient, issuer: Issuer) -> None:
    async def may(method: str, path: str, scope: str | None) -> int:
        token = issuer.sign("rsa-1", aud="clowdy", sub="scoped", scope=scope)
        answer = await http.request(method, path, headers={"Authorization": f"Bearer {token}"})
        return answer.status_code

    assert await may("GET", "/api/projects", "openid read email") == 200
    assert await may("DELETE", "/api/projects/0123456789ab", "openid read email") == 403
    assert await may("GET", "/api/projects", "openid") == 403
    assert await may("GET", "/api/projects", "") == 403
    assert await may("DELETE", "/api/projects/0123456789ab", None) == 404
    token = issuer.sign("rsa-1", aud="clowdy", sub="scoped")
    body = {"name": "t", "scopes": ["approve"]}
    answer = await http.post("/api/tokens", json=body, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, "'approve'" in answer.json()["detail"]) == (403, True)


async def test_issuer_and_audience_are_asked_for_only_where_set(platform: Platform, issuer: Issuer) -> None:
    async with taking(platform, issuer) as http:
        assert (await ask(http, issuer.sign("rsa-1", aud="anything", iss=None))).status_code == 200


async def test_without_an_issuer_no_jwt_is_taken(gateway: Gateway, issuer: Issuer) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, timeout=60) as http:
        answer = await ask(http, issuer.sign("rsa-1"))
    assert (answer.status_code, "jwks_url" in answer.json()["detail"]) == (401, True)


async def test_keys_turn_and_old_ones_outlive_the_url(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(jwks.KeySet.__init__, "__kwdefaults__", {"fetch": None, "clock": lambda: now[0]})
    issuer = Issuer()
    issuer.add("a")
    async with serve(issuer), taking(platform, issuer) as http:
        old = issuer.sign("a")
        assert [(await ask(http, old)).status_code for _ in range(3)] == [200, 200, 200]
        assert issuer.asked == 1, "keys are kept"

        issuer.add("b", "ES256")
        new = issuer.sign("b")
        answer = await ask(http, new)
        assert (answer.status_code, issuer.asked) == (401, 1), "asked only just now"
        assert "a key that is not known" in answer.json()["detail"]
        now[0] += jwks.PAUSE_S
        assert ((await ask(http, new)).status_code, issuer.asked) == (200, 2), "an unknown key is asked for"
        for _ in range(20):
            await ask(http, issuer.sign("x", key=issuer.keys["a"]))
        assert issuer.asked == 2, "but not by each who names one"

        issuer.broken = True
        now[0] += jwks.FRESH_S + 1
        assert (await ask(http, old)).status_code == 200
        await until_asked(issuer, 3)
        assert [(await ask(http, token)).status_code for token in (old, new)] == [200, 200]

        issuer.broken = False
        del issuer.keys["a"]
        now[0] += jwks.PAUSE_S
        await ask(http, new)
        await until_asked(issuer, 4)

        async def taken_back() -> bool:
            return (await ask(http, old)).status_code == 401

        await until(taken_back)
        assert (await ask(http, new)).status_code == 200


async def until_asked(issuer: Issuer, times: int) -> None:
    async def asked() -> bool:
        return issuer.asked >= times

    await until(asked)


@pytest.mark.parametrize(
    ("broken", "document", "says"),
    [
        (True, None, "answers 500"),
        (False, "<html>", "not JSON"),
        (False, "[]", "no key set"),
        (False, '{"keys": []}', "none of the keys"),
        (False, '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}, 7, {"kty": "RSA"}]}', "none of the keys"),
        (False, "[" * 2_000_000, "longer than"),
        (None, None, "Cannot connect"),
    ],
)
async def test_without_keys_it_says_that_it_cannot_check(
    platform: Platform, broken: bool | None, document: str | None, says: str
) -> None:
    issuer = Issuer(broken=bool(broken), document=document)
    issuer.add("a")
    token = issuer.sign("a")
    async with serve(issuer):
        if broken is not None:
            async with taking(platform, issuer) as http:
                await _cannot_check(http, token, says)
    if broken is None:
        async with taking(platform, issuer) as http:
            await _cannot_check(http, token, says)


async def _cannot_check(http: httpx.AsyncClient, token: str, says: str) -> None:
    for _ in range(2):
        answer = await ask(http, token)
        assert (answer.status_code, answer.json()["type"]) == (503, "no-keys")
        assert says in answer.json()["detail"]
        assert answer.headers["retry-after"] == "10"
    assert (await http.get("/api/health")).json() == {"status": "ok"}
    assert (await ask(http, "clowdy_wrong")).status_code == 401, "tokens of our own need no keys"


def test_only_keys_that_can_be_trusted_are_read() -> None:
    good = rsa.generate_private_key(65537, 2048)
    short = rsa.generate_private_key(65537, 1024)
    curve = ec.generate_private_key(ec.SECP384R1())
    entries: list[Any] = [
        public_jwk("good", good),
        public_jwk("short", short),
        public_jwk("curve", curve),
        public_jwk("for secrets", good) | {"use": "enc"},
        public_jwk("another algorithm", good) | {"alg": "RS512"},
        public_jwk("number", good) | {"kid": 7},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
    ]
    keys = jwks.read_keys(json.dumps({"keys": entries}).encode())
    assert [(key.id, key.algorithm) for key in keys] == [("good", "RS256"), (None, "RS256")]
