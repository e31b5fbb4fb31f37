"""What a container is made with: every limit and every door that is shut, as the engine's API takes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clowdy_tui.engine.pack import DATABASE_PLACE
from clowdy_tui.engine.sandboxes import docker_direct
from clowdy_tui.engine.sandboxes.base import Enforced, SandboxSpec

INSTALLATION_LABEL = "clowdy.installation"
SANDBOX_LABEL = "clowdy.sandbox"
USER = "65534:65534"
OPEN_FILES = 1024
PODMAN_PROCESSES = 16384
"""Of all sandboxes together, which have one uid: the limit of each is the engine's."""
SHARED_MEMORY_MB = 16
OOM_SCORE = 500
MIB = 1024 * 1024
MASKED = (
    # What the engine itself masks; a list of ours takes its place.
    *("/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi"),
    # The host's hardware and kernel, read-only by itself: nothing in it is a function's business.
    "/sys",
)


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the engine says of itself (`/info`), as far as limits depend on it.

    `seccomp` is whether it can filter system calls, `confined` whether it does so where it is not told how.
    `kernels` are the OCI runtimes that it knows by name and that bring a kernel of their own: gVisor.
    """

    cpus: int
    memory: bool
    swap: bool
    cpu: bool
    processes: bool
    seccomp: bool
    confined: bool
    architecture: str
    linux: bool
    bridge: bool
    rootless: bool
    name: str
    podman: bool
    kernels: frozenset[str]
    default_runtime: str

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "EngineFacts":
        options = [str(option) for option in info.get("SecurityOptions") or []]
        return cls(
            cpus=int(info.get("NCPU") or 1),
            memory=bool(info.get("MemoryLimit")),
            swap=bool(info.get("SwapLimit")),
            cpu=bool(info.get("CpuCfsQuota")),
            processes=bool(info.get("PidsLimit", True)),
            seccomp=any(option.startswith("name=seccomp") for option in options),
            confined="name=seccomp,profile=unconfined" not in options,
            architecture=str(info.get("Architecture")),
            linux=info.get("OSType") == "linux",
            bridge="bridge" in ((info.get("Plugins") or {}).get("Network") or []),
            rootless="name=rootless" in options,
            name=str(info.get("OperatingSystem") or "an unknown system"),
            podman="BuildahVersion" in info,
            default_runtime=str(info.get("DefaultRuntime") or ""),
            kernels=frozenset(
                name
                for name, told in (info.get("Runtimes") or {}).items()
                if "runsc" in {Path(str(told.get("path") or "")).name, *str(told.get("runtimeType") or "").split(".")}
            ),
        )

    def own_kernel(self, oci_runtime: str | None) -> bool:
        """Whether containers of this runtime, None for the engine's default, have a kernel of their own."""
        return (oci_runtime or self.default_runtime) in self.kernels

    def enforced(self, *, own_seccomp: bool, oci_runtime: str | None = None) -> frozenset[Enforced]:
        """By the name of what a sandbox is held to here. A kernel of a runtime's own reads no list of system calls."""
        held = {
            Enforced.MEMORY: self.memory,
            Enforced.CPU: self.cpu,
            Enforced.PROCESSES: self.processes,
            Enforced.FILES: True,
            Enforced.NETWORK_OFF: True,
            Enforced.NETWORK_APART: self.bridge,
            Enforced.SYSTEM_CALLS: self.seccomp and (self.confined or own_seccomp) and not self.own_kernel(oci_runtime),
            Enforced.UNPRIVILEGED: True,
        }
        return frozenset(what for what, really in held.items() if really)


def container_config(
    spec: SandboxSpec,
    facts: EngineFacts,
    *,
    image: str,
    installation_id: str,
    network: str,
    oci_runtime: str | None,
    seccomp_profile: str | None,
    direct: Path | None,
) -> dict[str, Any]:
    """The body of `POST /containers/create`. `network` is a network's id, or "none"; `direct` the folder with the
    socket that the runner may speak by.
    """
    memory = spec.shape.memory_mb * MIB
    security = ["no-new-privileges:true"]
    if seccomp_profile is not None:
        security.append(f"seccomp={seccomp_profile}")
    host: dict[str, Any] = {
        "NetworkMode": network,
        "ReadonlyRootfs": True,
        "Tmpfs": {"/tmp": f"rw,nosuid,nodev,noexec,mode=1777,size={spec.tmp_mb * MIB}"},  # noqa: S108 (the sandbox's own)
        "ShmSize": SHARED_MEMORY_MB * MIB,
        "CapDrop": ["ALL"],
        "SecurityOpt": security,
        "Privileged": False,
        "PidsLimit": spec.max_processes,
        "Memory": memory,
        "MemorySwap": memory,
        "MaskedPaths": list(MASKED),
        "IpcMode": "private",
        "LogConfig": {"Type": "none"},
        "Init": False,
        "AutoRemove": False,
        "RestartPolicy": {"Name": "no"},
        "OomScoreAdj": OOM_SCORE,
        "Ulimits": [
            {"Name": "nofile", "Soft": OPEN_FILES, "Hard": OPEN_FILES},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
    }
    mounted = {DATABASE_PLACE: spec.shape.database_socket, docker_direct.PLACE: direct}
    host["Mounts"] = [
        {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": True}
        for target, source in mounted.items()
        if source is not None
    ]
    if facts.podman:
        # Left out, it asks for a million, which it may not have where it lacks the right to raise limits.
        host["Ulimits"].append({"Name": "nproc", "Soft": PODMAN_PROCESSES, "Hard": PODMAN_PROCESSES})
    if facts.cpu:
        host["NanoCpus"] = int(min(spec.shape.cpus, facts.cpus) * 1_000_000_000)
    if oci_runtime is not None:
        host["Runtime"] = oci_runtime
    return {
        "Image": image,
        "Entrypoint": list(spec.argv),
        "Cmd": [],
        "Env": [],
        "User": USER,
        "WorkingDir": "/",
        "Hostname": "clowdy",
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "OpenStdin": True,
        "StdinOnce": True,
        "Tty": False,
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {INSTALLATION_LABEL: installation_id, SANDBOX_LABEL: spec.id},
        "HostConfig": host,
    }
