"""What a project can set for the requests to its address: which web pages may ask, and how often anybody may."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

ANY: Final = "*"

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?\Z")
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


def _origin(value: str) -> str:
    if value == ANY:
        return value
    origin = value.lower()
    if not _ORIGIN.match(origin):
        raise ValueError(
            f"{value!r} is not an origin; write one as https://example.org or http://localhost:5173, or * for any"
        )
    # As browsers send it: without the port that goes without saying.
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition(":")[0], "\0"))


def _token(value: str) -> str:
    if not _TOKEN.match(value):
        raise ValueError(f"{value!r} is neither a name nor *")
    return value


def _some(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("must name at least one, or *")
    return value


Origin = Annotated[str, Field(max_length=300), AfterValidator(_origin)]
HeaderName = Annotated[str, Field(max_length=100), AfterValidator(_token)]
MethodName = Annotated[str, Field(max_length=30), AfterValidator(_token), AfterValidator(str.upper)]


class CorsRules(BaseModel):
    """Which web pages may call a project from a browser. `max_age` is in seconds; `*` means any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origins: Annotated[tuple[Origin, ...], Field(max_length=100), AfterValidator(_some)]
    methods: Annotated[tuple[MethodName, ...], Field(max_length=30), AfterValidator(_some)] = (ANY,)
    headers: Annotated[tuple[HeaderName, ...], Field(max_length=100)] = (ANY,)
    credentials: bool = False
    max_age: Annotated[int, Field(ge=0, le=86400)] = 600

    @model_validator(mode="after")
    def _names_who_may_send_credentials(self) -> Self:
        if self.credentials and ANY in self.origins:
            raise ValueError(
                "credentials need origins by name: with * any web page could act as the person who visits it"
            )
        return self


class RateLimit(BaseModel):
    """How many requests are taken in how many seconds: by all together, or by each client's address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: Annotated[int, Field(ge=1, le=1_000_000)]
    per_seconds: Annotated[float, Field(ge=0.1, le=86400)]
    by: Literal["project", "client"] = "project"
