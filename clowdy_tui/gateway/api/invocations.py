"""The log of calls."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from clowdy_tui.domain.schemas import InvocationDetail, InvocationOut, OutcomeStatus
from clowdy_tui.gateway.endpoint import Call, Parameters, endpoint


class InvocationPage(Parameters):
    """Which calls: filters, and of what they leave up to `limit`, those before the call `before`.

    `since` and `until` are times with their zone; `q` is looked for in input and output.
    """

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    before: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
    status: OutcomeStatus | None = None
    source: Literal["api", "gateway", "test", "demo", "replay"] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    q: str | None = None

    def filters(self) -> dict[str, Any]:
        """As the service takes them."""
        return {name: getattr(self, name) for name in type(self).model_fields}


@endpoint("GET", "/api/invocations", scope="read", query=InvocationPage, answer=list[InvocationOut])
async def list_invocations(call: Call[None, InvocationPage]) -> list[InvocationOut]:
    """The calls of the caller's functions, newest first."""
    return await call.platform.invocations.list(call.actor, **call.query.filters())


@endpoint("GET", "/api/invocations/{id}", scope="read", answer=InvocationDetail, statuses=(404,))
async def get_invocation(call: Call[None, None]) -> InvocationDetail:
    """One call whole, with its log lines."""
    return await call.platform.invocations.get(call.actor, call.invocation_id("id"))


ENDPOINTS = (list_invocations, get_invocation)
