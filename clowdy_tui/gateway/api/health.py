"""Whether the gateway is there, and for those who may know, what it is."""

import os
import platform

from clowdy_tui.domain.schemas import Health
from clowdy_tui.gateway.endpoint import Call, endpoint


@endpoint("GET", "/api/health", scope=None, answer=Health, leave_out_none=True)
async def health(call: Call[None, None]) -> Health:
    """`{status: "ok"}`; with a token also version and driver; for who administers, everything."""
    if call.caller is None:
        return Health()
    gateway, driver = call.gateway, call.platform.pool.status()
    known = Health(
        version=gateway.config.version,
        driver=driver.name,
        driver_available=driver.available,
        driver_problem=f"{driver.problem} {driver.remedy}".strip() or None,
        log_problem=call.platform.log_problem(),
        enforced=sorted(driver.enforced),
        not_enforced=sorted(driver.not_enforced),
    )
    if not call.caller.administers:
        return known
    return known.model_copy(
        update={
            "url": gateway.url,
            "socket": str(gateway.socket_path),
            "data_dir": str(call.platform.config.data_dir),
            "pid": os.getpid(),
            "installation": call.platform.installation_id,
            "python": platform.python_version(),
        }
    )


ENDPOINTS = (health,)
