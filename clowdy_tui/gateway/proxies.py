"""Where a call comes from, when it came through a reverse proxy."""

import ipaddress
from collections.abc import Sequence

from aiohttp import web
from multidict import CIMultiDictProxy

from clowdy_tui.domain.errors import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_network(text: str) -> Network:
    """An address or a network, as `trusted_proxies` has them.

    Raises:
        SettingsError: it is neither.
    """
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise SettingsError(f"trusted_proxies: {text!r} is neither an address nor a network") from error


def source_ip(request: web.BaseRequest, trusted: Sequence[Network]) -> str:
    """Where a call comes from: the other end, or what a trusted proxy there says."""
    # A unix socket has no address: whoever calls through it is on this machine.
    return origin_of(request.remote or "127.0.0.1", request.headers, trusted)


def origin_of(remote: str, headers: CIMultiDictProxy[str], trusted: Sequence[Network]) -> str:
    """`source_ip` of a request with these headers, whose other end is `remote`.

    `X-Forwarded-For` is read from the right, as far as those who wrote it are trusted.
    """
    if not trusted or not _is_in(remote, trusted):
        return remote
    for part in reversed(",".join(headers.getall("X-Forwarded-For", [])).split(",")):
        hop = part.strip()
        if not _is_address(hop):
            break
        remote = hop
        if not _is_in(hop, trusted):
            break
    return remote


def spoken_to(request: web.BaseRequest, trusted: Sequence[Network], port: int) -> tuple[str, str]:
    """The scheme and the port that the caller used: our own, or what a trusted proxy says (`X-Forwarded-Proto`)."""
    if trusted and _is_in(request.remote or "127.0.0.1", trusted):
        scheme = request.headers.get("X-Forwarded-Proto", "").strip().lower()
        if scheme in {"http", "https"}:
            given = request.headers.get("X-Forwarded-Port", "").strip()
            known = given.isascii() and given.isdecimal() and len(given) <= 5
            return scheme, given if known else {"http": "80", "https": "443"}[scheme]
    return "http", str(port)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_in(text: str, networks: Sequence[Network]) -> bool:
    return _is_address(text) and any(ipaddress.ip_address(text) in network for network in networks)
