"""What the engine may use, and how long it waits: one set for the whole box."""

import os
from dataclasses import dataclass

MIB = 1024 * 1024


def _default_budget_mb() -> int:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 2048
    return max(256, total // MIB * 3 // 4)


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Bounds for all functions together.

    `memory_budget_mb` (None: three quarters of the box's) bounds the sum of all instances' and spares' memory limits.
    `max_idle` bounds idle instances, `spares` sandboxes that are ready for any function; `refills` of those are made
    at the same time, and `boots` of all sandboxes: the box makes as many a second however many begin at once, but each
    then takes longer, in the end too long. Sizes are in bytes, times in seconds.
    """

    max_event_bytes: int = 6 * MIB + 64 * 1024
    max_result_bytes: int = 6 * MIB + 64 * 1024
    log_bytes: int = 256 * 1024
    boot_timeout_s: float = 10.0
    idle_timeout_s: float = 300.0
    max_idle: int = 256
    memory_budget_mb: int | None = None
    spares: int = 8
    refills: int = 4
    boots: int = 8
    tmp_mb: int = 64
    max_processes: int = 64

    @property
    def budget_mb(self) -> int:
        return _default_budget_mb() if self.memory_budget_mb is None else self.memory_budget_mb
