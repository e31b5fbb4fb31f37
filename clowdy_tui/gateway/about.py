"""What the API says of itself: /openapi.json, and /docs, a page that shows it and needs nothing from elsewhere."""

import asyncio
import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web

from clowdy_tui.gateway import auth
from clowdy_tui.gateway.api import ENDPOINTS
from clowdy_tui.gateway.context import Context
from clowdy_tui.gateway.openapi import make_document
from clowdy_tui.gateway.operations import OPERATIONS

_PAGE: Final = Path(__file__).parent / "docs.html"
_INLINE: Final = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


async def serve_openapi(gateway: Context, _door: auth.Door, _request: web.Request) -> web.Response:
    """GET /openapi.json"""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-cache"}
    content = await asyncio.to_thread(document, gateway.config.version)
    return web.Response(body=content, headers=headers)


async def serve_docs(_gateway: Context, _door: auth.Door, _request: web.Request) -> web.Response:
    """GET /docs"""
    content, policy = page()
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "Cache-Control": "no-cache",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(body=content, headers=headers)


@cache
def document(version: str) -> bytes:
    """The description as JSON: made once, when somebody first asks."""
    return json.dumps(make_document(ENDPOINTS, OPERATIONS, version=version), ensure_ascii=False).encode()


@cache
def page() -> tuple[bytes, str]:
    """The page, and the policy that lets the browser run what is written in it and nothing else."""
    content = _PAGE.read_bytes()
    allowed = {"style": "", "script": ""}
    for kind, text in _INLINE.findall(content.decode()):
        allowed[kind] += f" 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    policy = (
        f"default-src 'none'; style-src{allowed['style']}; script-src{allowed['script']}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return content, policy
