"""Which web pages may call the management API from a browser (a project's own paths are the project's matter)."""

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from aiohttp import hdrs, web

from clowdy_tui.gateway.public import GATEWAY_PREFIX

_ALLOWED: Final = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST, PUT, DELETE",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type, Last-Event-ID, X-Request-Id",
    hdrs.ACCESS_CONTROL_MAX_AGE: "600",
}


def install(app: web.Application, origins: Collection[str]) -> None:
    """Answer browsers that ask on behalf of pages from these origins, like `https://clowdy.example.org`."""

    def is_allowed(request: web.BaseRequest) -> bool:
        return request.headers.get(hdrs.ORIGIN) in origins and not request.rel_url.raw_path.startswith(GATEWAY_PREFIX)

    async def name_origin(request: web.Request, response: web.StreamResponse) -> None:
        if is_allowed(request):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)

    @web.middleware
    async def answer_preflights(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        asks = request.method == "OPTIONS" and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        if asks and is_allowed(request):
            return web.Response(status=204, headers=_ALLOWED)
        return await handler(request)

    app.on_response_prepare.append(name_origin)
    app.middlewares.insert(0, answer_preflights)
