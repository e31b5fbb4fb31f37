"""Times as the tables keep them (milliseconds since 1970) and as the API shows them."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def moment(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1000, UTC)


def unix_ms(value: datetime) -> int:
    """A time without a zone is taken as UTC."""
    return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)
