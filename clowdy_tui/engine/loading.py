"""What a runner is told to load: a deployment's files and surroundings."""

import math
from typing import Final

from clowdy_tui.engine import protocol
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.pack import DATABASE_CLIENT, LAYER_PLACE

_BASE_ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",  # noqa: S108  the sandbox's own
    "LANG": "C.UTF-8",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
}


def load_frame(deployment: Deployment, instance_id: str, limits: EngineLimits) -> bytes:
    """The LOAD frame that makes a sandbox an instance of this deployment."""
    arn = f"arn:clowdy:lambda:local:{deployment.owner}:function:{deployment.function_name}:{deployment.version}"
    return protocol.load_frame(
        {
            "files": dict(deployment.files),
            "entry": deployment.entry,
            "handler": deployment.handler,
            "paths": [LAYER_PLACE] if deployment.layer else [],
            "late_paths": [DATABASE_CLIENT],
            "environment": {**_BASE_ENVIRONMENT, **_threads(deployment.cpus), **deployment.environment},
            "log_bytes": limits.log_bytes,
            "max_result_bytes": limits.max_result_bytes,
            "concurrency": deployment.concurrency,
            "context": {
                "function_name": deployment.function_name,
                "function_version": str(deployment.version),
                "invoked_function_arn": arn,
                "memory_limit_in_mb": deployment.memory_mb,
                "log_group_name": f"/clowdy/{deployment.function_name}",
                "log_stream_name": f"{deployment.version}/{instance_id}",
            },
        }
    )


def _threads(cpus: float) -> dict[str, str]:
    """What libraries (numpy's, for one) ask for the number of threads to compute with: by themselves they take the
    machine's, each with memory of its own, which a small limit has no room for.
    """
    return {"OMP_NUM_THREADS": str(max(1, math.ceil(cpus)))}
