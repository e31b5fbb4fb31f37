"""What all bodies of requests and answers have in common."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema, model_validator

from clowdy_tui.domain import names
from clowdy_tui.domain.errors import InvalidInput


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(_utc, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def _clean_name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return names.clean_name(value)
    except InvalidInput as error:
        raise ValueError(error.errors[0].msg) from error


Name = Annotated[
    str,
    BeforeValidator(_clean_name),
    # Blanks around it are cut off before it is measured, so there is no `maxLength` of what is sent.
    WithJsonSchema(
        {"type": "string", "minLength": 1, "description": f"up to {names.MAX_NAME_LENGTH} characters"},
        mode="validation",
    ),
]


class Incoming(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _holds_only_unicode(cls, data: Any) -> Any:
        # JSON can spell half a surrogate pair, Python keeps it in a string, and no file or database can.
        pending = [data]
        while pending:
            value = pending.pop()
            if isinstance(value, str):
                try:
                    value.encode()
                except UnicodeEncodeError as error:
                    raise ValueError("holds half a surrogate pair, which is not text") from error
            elif isinstance(value, dict):
                pending.extend(value.keys())
                pending.extend(value.values())
            elif isinstance(value, list):
                pending.extend(value)
        return data


class Outgoing(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(extra="ignore")


class Problem(Outgoing):
    """An error, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str = ""
    status: int
    detail: str
    instance: str | None = None
    errors: list[dict[str, Any]] | None = None

    model_config = ConfigDict(extra="allow")


class Detail(Outgoing):
    """What was done, in one sentence."""

    detail: str
