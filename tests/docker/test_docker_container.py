"""What the engine is asked for, and what is said of an engine that cannot give all of it."""

from pathlib import Path
from typing import Any

import pytest
from docker_support import SpecMaker

from clowdy_tui.engine.sandboxes.base import Enforced
from clowdy_tui.engine.sandboxes.docker import notes
from clowdy_tui.engine.sandboxes.docker_container import EngineFacts, container_config

INFO: dict[str, Any] = {
    "NCPU": 2,
    "MemoryLimit": True,
    "SwapLimit": True,
    "CpuCfsQuota": True,
    "PidsLimit": True,
    "OSType": "linux",
    "SecurityOptions": ["name=seccomp,profile=default"],
    "Plugins": {"Network": ["bridge", "host"]},
}


def config_of(info: dict[str, Any] = INFO, **options: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"network": "none", "oci_runtime": None, "seccomp_profile": None, "direct": None}
    spec = SpecMaker(Path("/root-tree"))(cpus=options.pop("cpus", 0.5))
    return container_config(spec, EngineFacts.of(info), image="i:1", installation_id="inst", **(given | options))


def test_every_door_is_shut() -> None:
    config = config_of()
    host = config["HostConfig"]
    assert (config["User"], config["Env"], config["Healthcheck"]) == ("65534:65534", [], {"Test": ["NONE"]})
    assert (config["Tty"], config["OpenStdin"], config["StdinOnce"]) == (False, True, True)
    assert (host["CapDrop"], host["SecurityOpt"], host["ReadonlyRootfs"]) == (["ALL"], ["no-new-privileges:true"], True)
    assert host["Memory"] == host["MemorySwap"] == 64 << 20
    assert (host["NanoCpus"], host["PidsLimit"], host["NetworkMode"]) == (500_000_000, 32, "none")
    assert (host["LogConfig"], host["Init"], host["IpcMode"]) == ({"Type": "none"}, False, "private")
    assert "Binds" not in host
    assert config["Labels"] == {"clowdy.installation": "inst", "clowdy.sandbox": "sandbox1"}


def test_options_are_handed_down() -> None:
    host = config_of(oci_runtime="runsc", seccomp_profile='{"defaultAction":"x"}', network="net1")["HostConfig"]
    assert host["Runtime"] == "runsc"
    assert host["SecurityOpt"][1] == 'seccomp={"defaultAction":"x"}'
    assert host["NetworkMode"] == "net1"


def test_what_is_mounted_cannot_be_written_to() -> None:
    assert config_of()["HostConfig"]["Mounts"] == []
    mounted = {"Type": "bind", "Source": "/a/b", "Target": "/run/clowdy", "ReadOnly": True}
    assert config_of(direct=Path("/a/b"))["HostConfig"]["Mounts"] == [mounted]


def test_more_cpus_than_the_engine_has_are_all_it_has() -> None:
    assert config_of(cpus=8.0)["HostConfig"]["NanoCpus"] == 2_000_000_000


def test_an_engine_without_cpu_shares_is_not_asked_for_them() -> None:
    assert "NanoCpus" not in config_of(INFO | {"CpuCfsQuota": False})["HostConfig"]


def test_podman_is_told_a_number_of_processes_that_it_may_have() -> None:
    """Else it asks for a million, and starts nothing where it lacks the right to raise limits."""
    names = [limit["Name"] for limit in config_of(INFO | {"BuildahVersion": "1.28.2"})["HostConfig"]["Ulimits"]]
    assert names == ["nofile", "core", "nproc"]
    assert [limit["Name"] for limit in config_of()["HostConfig"]["Ulimits"]] == ["nofile", "core"]


def test_what_an_engine_cannot_enforce_is_said() -> None:
    weak = INFO | {"MemoryLimit": False, "CpuCfsQuota": False, "PidsLimit": False, "SecurityOptions": None}
    missing = frozenset(Enforced) - EngineFacts.of(weak).enforced(own_seccomp=False)
    assert missing == {Enforced.MEMORY, Enforced.CPU, Enforced.PROCESSES, Enforced.SYSTEM_CALLS}
    unconfined = EngineFacts.of(INFO | {"SecurityOptions": ["name=seccomp,profile=unconfined"]})
    assert Enforced.SYSTEM_CALLS not in unconfined.enforced(own_seccomp=False)
    assert Enforced.SYSTEM_CALLS in unconfined.enforced(own_seccomp=True)
    assert Enforced.SYSTEM_CALLS not in EngineFacts.of(weak).enforced(own_seccomp=True)
    assert EngineFacts.of(INFO).enforced(own_seccomp=False) == frozenset(Enforced)


@pytest.mark.parametrize("told", [{"path": "/usr/bin/runsc"}, {"runtimeType": "io.containerd.runsc.v1"}])
def test_gvisor_is_not_said_to_hold_to_the_list(told: dict[str, str]) -> None:
    """It answers system calls itself, and reads nobody's list."""
    facts = EngineFacts.of(INFO | {"Runtimes": {"runc": {"path": "runc"}, "mine": told}, "DefaultRuntime": "runc"})
    for runtime, missing in ((None, set()), ("runc", set()), ("mine", {Enforced.SYSTEM_CALLS})):
        assert frozenset(Enforced) - facts.enforced(own_seccomp=True, oci_runtime=runtime) == missing
        assert any("gVisor" in note for note in notes(facts, own_seccomp=True, oci_runtime=runtime)) == bool(missing)
    facts = EngineFacts.of(INFO | {"Runtimes": {"mine": told}, "DefaultRuntime": "mine"})
    assert Enforced.SYSTEM_CALLS not in facts.enforced(own_seccomp=True)
