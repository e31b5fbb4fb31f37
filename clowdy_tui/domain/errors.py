"""One exception per thing that can go wrong, each with its HTTP status and problem type (RFC 9457).

`detail` is for the person: what is wrong, where, and what to do. It never holds a secret, a path of the host that
the caller may not see, or a stack trace.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field of a request: where, what, and a machine-readable kind."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


class ClowdyError(Exception):
    """Anything that Clowdy itself refuses or cannot do. Never raised for a fault of our own code."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self, detail: str, *, extra: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra: dict[str, Any] = dict(extra or {})
        self.headers: dict[str, str] = dict(headers or {})


class InvalidInput(ClowdyError):
    """A request that cannot be carried out as it is written; `errors` names each field."""

    status, type, title = 422, "invalid-input", "Invalid input"

    def __init__(self, detail: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.errors = errors

    @classmethod
    def of(cls, field: str, message: str, *, kind: str = "value_error") -> Self:
        """One wrong field."""
        return cls(f"{field}: {message}", errors=(FieldError(loc=(field,), msg=message, type=kind),))


class BadRequest(ClowdyError):
    status, type, title = 400, "bad-request", "Bad request"


class Unauthorized(ClowdyError):
    status, type, title = 401, "unauthorized", "Authentication needed"


class Forbidden(ClowdyError):
    status, type, title = 403, "forbidden", "Not allowed"


class NotFound(ClowdyError):
    status, type, title = 404, "not-found", "Not found"


class MethodNotAllowed(ClowdyError):
    status, type, title = 405, "method-not-allowed", "Method not allowed"


class Conflict(ClowdyError):
    status, type, title = 409, "conflict", "Conflict"


class StaleVersion(Conflict):
    """Somebody else saved since: `extra` has `active_version`, `base_version`, `diff` (unified, base to active)."""

    type, title = "stale-version", "Saved by somebody else"


class BodyTooLarge(ClowdyError):
    status, type, title = 413, "body-too-large", "Body too large"


class BodyTooSlow(ClowdyError):
    status, type, title = 408, "request-timeout", "Too slow"


class EncodedBody(ClowdyError):
    """A compressed body where the gateway itself reads it; `headers` say what is taken."""

    status, type, title = 415, "encoded-body", "Encoded body"


class TransferEncodingRefused(ClowdyError):
    status, type, title = 501, "transfer-encoding", "Transfer encoding not taken"


class Throttled(ClowdyError):
    status, type, title = 429, "throttled", "Too many calls"


class Unavailable(ClowdyError):
    """Something that Clowdy leans on is not there now: the sandbox driver, a provider, an inactive function."""

    status, type, title = 503, "unavailable", "Not available now"


class FunctionInactive(ClowdyError):
    """400 by the invoke endpoint, 503 by the gateway: the caller says which."""

    status, type, title = 400, "function-inactive", "Function not active"


class DriverUnavailable(Unavailable):
    """No sandbox can be made here. `detail` says why in one sentence, `remedy` what to do."""

    type, title = "driver-unavailable", "No sandbox can be made"

    def __init__(self, detail: str, *, remedy: str = "") -> None:
        super().__init__(f"{detail} {remedy}".strip())
        self.reason = detail
        self.remedy = remedy


class InvalidAnswer(ClowdyError):
    """A function answered the gateway with something that is not an HTTP answer; `detail` names the fault."""

    status, type, title = 502, "invalid-answer", "The function's answer is not valid"


class StartError(ClowdyError):
    """The gateway cannot start here; `detail` says what to do."""

    status, type, title = 503, "cannot-start", "Cannot start"


class DataFolderError(StartError):
    """The data folder cannot be made, read or written."""


class DataFolderLocked(StartError):
    """Another gateway serves this data folder."""


class DatabaseTooNew(StartError):
    """The database was written by a newer Clowdy."""


class PortTaken(StartError):
    """Another program listens on the TCP port."""


class SettingsError(StartError):
    """A setting is unknown or has a value that it cannot have."""
