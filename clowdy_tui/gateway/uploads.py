"""Bodies on their way in: within their size, and within a time that grows with what has come."""

import asyncio
from typing import Final

from aiohttp import HttpVersion11, hdrs, web

from clowdy_tui.domain.errors import BadRequest, BodyTooSlow, EncodedBody, TransferEncodingRefused
from clowdy_tui.gateway import problems

SLOWEST_BYTES_PER_S: Final = 16 * 1024
"""A body that comes slower than this, after the time that any body gets, comes too slowly."""


async def read_body(request: web.Request, timeout_s: float) -> bytes:
    """A request's body as it came, compressed or not: that is the function's matter.

    Raises:
        BodyTooSlow: it did not come within `timeout_s` and a second for each 16 KiB.
        BadRequest: its chunks are no chunks.
        TransferEncodingRefused: it has another transfer encoding than `chunked`.
        web.HTTPRequestEntityTooLarge: it is larger than the gateway takes; nothing of it is read where it says so.
        ConnectionError: the caller hung up.
    """
    if not request.body_exists:
        return b""
    if hdrs.TRANSFER_ENCODING in request.headers:
        _check_transfer_encoding(request)
    content = request.content
    if content.is_eof() and content.exception() is None:
        # Nearly every body came along with its head.
        return await request.read()
    most = request.client_max_size
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
    body = bytearray()
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(timeout_s) as limit:
            while piece := await content.readany():
                body += piece
                if len(body) > most:
                    raise web.HTTPRequestEntityTooLarge(most, len(body))
                limit.reschedule(began + timeout_s + len(body) / SLOWEST_BYTES_PER_S)
    except TimeoutError:
        raise BodyTooSlow(f"The body did not come in time: {len(body)} bytes of it did") from None
    except web.RequestPayloadError as error:
        raise BadRequest("The body is not HTTP: its chunks cannot be read") from error
    return bytes(body)


def _check_transfer_encoding(request: web.Request) -> None:
    """A proxy before us that reads these in another way than we would see other requests than we do."""
    if request.version < HttpVersion11:
        raise TransferEncodingRefused("HTTP/1.0 has no transfer encodings")
    encoding = ", ".join(request.headers.getall(hdrs.TRANSFER_ENCODING))
    if encoding.strip().lower() != "chunked":
        raise TransferEncodingRefused(f"The transfer encoding {encoding!r} is not taken, only 'chunked'")


async def read_plain_body(request: web.Request, timeout_s: float) -> bytes:
    """`read_body` for bodies that the gateway itself reads.

    Raises:
        EncodedBody: it is compressed; also what `read_body` raises.
    """
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "identity")
    if encoding.strip().lower() != "identity":
        raise EncodedBody(
            f"A body with the content encoding {encoding!r} is not taken here: send it as it is",
            headers={hdrs.ACCEPT_ENCODING: "identity"},
        )
    return await read_body(request, timeout_s)


async def answer_expectation(request: web.Request) -> web.StreamResponse | None:
    """Whether a caller who asks first (`Expect: 100-continue`) may send the body; an answer where not."""
    if request.version < HttpVersion11:
        return None
    expected = request.headers.get(hdrs.EXPECT, "")
    if expected.strip().lower() != "100-continue":
        return problems.from_aiohttp(request, web.HTTPExpectationFailed())
    if (request.content_length or 0) > request.client_max_size:
        too_large = web.HTTPRequestEntityTooLarge(request.client_max_size, request.content_length or 0)
        return problems.from_aiohttp(request, too_large)
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # An answer that fails later must not look as if it had begun.
    request.writer.output_size = 0
    return None
