"""The log of calls."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

from clowdy_tui.domain.names import INVOCATION_ID_PATTERN, parse_invocation_id
from clowdy_tui.domain.schemas import InvocationDetail, InvocationOut, OutcomeStatus
from clowdy_tui.gateway.endpoint import Call, Parameters, endpoint

Status = Literal[
    "success", "error", "timeout", "out_of_memory", "crashed", "throttled", "unavailable", "cancelled", "failed"
]
FAILED: Final = tuple(status for status in OutcomeStatus if status is not OutcomeStatus.SUCCESS)


class InvocationPage(Parameters):
    """Which calls: filters, and of what they leave up to `limit`, those before the call `before`.

    `status` may also be `failed`, for every one but success. `since` and `until` are times with their zone; `q` is
    looked for in input and output. Of input and output at most `cut` characters come, and `logs` adds what was printed.
    """

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    before: Annotated[str, Field(pattern=INVOCATION_ID_PATTERN)] | None = None
    status: Status | None = None
    source: Literal["api", "gateway", "test", "demo", "replay", "assistant"] | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    q: Annotated[str, Field(max_length=200)] | None = None
    cut: Annotated[int, Field(ge=0, le=1024 * 1024)] | None = None
    logs: bool = False

    @field_validator("before")
    @classmethod
    def _is_an_id(cls, value: str | None) -> str | None:
        if value is not None and parse_invocation_id(value) is None:
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
        filters = {name: getattr(self, name) for name in type(self).model_fields}
        if self.status == "failed":
            filters["status"] = FAILED
        return filters


@endpoint("GET", "/api/invocations", scope="read", query=InvocationPage, answer=list[InvocationOut])
async def list_invocations(call: Call[None, InvocationPage]) -> list[InvocationOut]:
    """The calls of the caller's functions, newest first."""
    return await call.platform.invocations.list(call.actor, **call.query.filters())


@endpoint("GET", "/api/invocations/{id}", scope="read", answer=InvocationDetail, statuses=(404,))
async def get_invocation(call: Call[None, None]) -> InvocationDetail:
    """One call whole, with its log lines."""
    return await call.platform.invocations.get(call.actor, call.invocation_id("id"))


ENDPOINTS = (list_invocations, get_invocation)
