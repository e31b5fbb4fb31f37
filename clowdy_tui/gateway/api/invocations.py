"""The log of calls."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

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
    q: Annotated[str, Field(max_length=200)] | None = None

    @field_validator("before")
    @classmethod
    def _is_an_id(cls, value: str | None) -> str | None:
        if value is not None and int(value, 16) >= 2**63:
            raise ValueError("is not the id of a call")
        return value

    @field_validator("until")
    @classmethod
    def _is_a_stretch(cls, value: datetime | None, known: ValidationInfo) -> datetime | None:
        since = known.data.get("since")
        if value is not None and since is not None and value <= since:
            raise ValueError("must be later than since")
        return value

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
