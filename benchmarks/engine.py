"""The Docker engine from outside: what Clowdy's containers run, how long a bare one takes, what is left behind."""

import subprocess
import time
from typing import Any

from benchmarks import cpu
from benchmarks.model import BenchmarkError

LABEL = "clowdy.benchmark"
"""On every container that the benchmark itself makes."""


def problem() -> str:
    """Why no engine can be used here; empty where one answers."""
    try:
        asked = subprocess.run(["docker", "version"], check=False, capture_output=True, text=True, timeout=20)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return f"no Docker engine answers ({error.__class__.__name__})"
    return "" if asked.returncode == 0 else f"no Docker engine answers: {asked.stderr.strip()}"


def pids() -> set[int]:
    """The engine's own processes: it carries every byte of a call, so its work is part of the call's cost."""
    return cpu.named("dockerd") | cpu.named("containerd") | cpu.named("containerd-shim-runc-v2")


def client() -> Any:
    import docker

    return docker.from_env()


def containers(installation: str) -> list[Any]:
    """All containers of one Clowdy installation, running or not."""
    found: list[Any] = client().containers.list(all=True, filters={"label": f"clowdy.installation={installation}"})
    return found


def runtime_image(installation: str) -> tuple[str, str]:
    """The image that this installation's sandboxes run, and the interpreter's path in it, read off one of them."""
    for container in containers(installation):
        return container.image.id, container.attrs["Config"]["Entrypoint"][0]
    raise BenchmarkError("the gateway has a sandbox, but the engine shows no container of it")


def bare_starts(image: str, python: str, times: int) -> list[float]:
    """Seconds from asking for a container to the first byte that its Python prints: no cold start can be faster."""
    api = client().api
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        host = api.create_host_config(network_mode="none", log_config={"Type": "none"})
        made = api.create_container(
            image, entrypoint=[python, "-I", "-S", "-c", "print(1)"], host_config=host, labels={LABEL: "bare"}
        )
        try:
            stream = api.attach_socket(made["Id"], params={"stdout": 1, "stream": 1})
            api.start(made["Id"])
            if not stream.read(9):
                raise BenchmarkError("a bare container printed nothing")
            took.append(time.perf_counter() - begun)
            stream.close()
        finally:
            api.remove_container(made["Id"], force=True)
    return took
