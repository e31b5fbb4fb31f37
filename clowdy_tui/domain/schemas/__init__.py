"""What goes over the API, in and out (pydantic), one file a resource.

The contract is `docs/api.md`; OpenAPI is made from these.

Whatever comes in refuses unknown fields, so that a misspelt one is an error and not a silent nothing.
"""

from clowdy_tui.domain.schemas.base import (
    Detail,
    Incoming,
    Moment,
    Name,
    Outgoing,
    Problem,
)
from clowdy_tui.domain.schemas.events import (
    EventOut,
)
from clowdy_tui.domain.schemas.functions import (
    Cpus,
    Diagnostic,
    Diff,
    FunctionIn,
    FunctionOut,
    FunctionPatch,
    Instances,
    Memory,
    Timeout,
    VersionOut,
)
from clowdy_tui.domain.schemas.health import (
    Health,
)
from clowdy_tui.domain.schemas.inputs import (
    SavedInputIn,
    SavedInputOut,
)
from clowdy_tui.domain.schemas.invocations import (
    InvocationDetail,
    InvocationOut,
    InvokeIn,
    InvokeOut,
    LogLine,
    OutcomeStatus,
    ReplayOut,
)
from clowdy_tui.domain.schemas.pool import (
    PoolInstance,
)
from clowdy_tui.domain.schemas.projects import (
    Capture,
    ProjectGone,
    ProjectIn,
    ProjectOut,
    ProjectPatch,
)
from clowdy_tui.domain.schemas.routes import (
    Auth,
    KeyCreated,
    KeyIn,
    KeyOut,
    Method,
    PayloadFormat,
    RouteIn,
    RouteOut,
    RoutePatch,
)
from clowdy_tui.domain.schemas.stats import (
    FunctionStats,
    Stats,
    StatsMinute,
)
from clowdy_tui.domain.schemas.tokens import (
    ALL_SCOPES,
    Scope,
    TokenCreated,
    TokenIn,
    TokenOut,
)
from clowdy_tui.domain.schemas.variables import (
    VariableIn,
    VariableOut,
)

__all__ = [
    "ALL_SCOPES",
    "Auth",
    "Capture",
    "Cpus",
    "Detail",
    "Diagnostic",
    "Diff",
    "EventOut",
    "FunctionIn",
    "FunctionOut",
    "FunctionPatch",
    "FunctionStats",
    "Health",
    "Incoming",
    "Instances",
    "InvocationDetail",
    "InvocationOut",
    "InvokeIn",
    "InvokeOut",
    "KeyCreated",
    "KeyIn",
    "KeyOut",
    "LogLine",
    "Memory",
    "Method",
    "Moment",
    "Name",
    "OutcomeStatus",
    "Outgoing",
    "PayloadFormat",
    "PoolInstance",
    "Problem",
    "ProjectGone",
    "ProjectIn",
    "ProjectOut",
    "ProjectPatch",
    "ReplayOut",
    "RouteIn",
    "RouteOut",
    "RoutePatch",
    "SavedInputIn",
    "SavedInputOut",
    "Scope",
    "Stats",
    "StatsMinute",
    "Timeout",
    "TokenCreated",
    "TokenIn",
    "TokenOut",
    "VariableIn",
    "VariableOut",
    "VersionOut",
]
