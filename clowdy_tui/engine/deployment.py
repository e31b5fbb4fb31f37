"""A Deployment: everything that decides what runs. Its key is a hash of all that."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(frozen=True, slots=True)
class SpareShape:
    """What a spare must have been made with to become an instance of a deployment: all that LOAD cannot change."""

    runtime: str
    layer: str | None
    network_enabled: bool
    memory_mb: int
    cpus: float
    database_socket: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One version of one function with its surroundings. `environment` is decrypted: never log one, nor its repr."""

    function_id: str
    function_name: str
    owner: str
    version: int
    files: Mapping[str, str] = field(repr=False)
    project_id: str | None = None
    entry: str = "function.py"
    handler: str = "handler"
    runtime: str = "python"
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    layer: str | None = None
    database_socket: str | None = None
    network_enabled: bool = False
    memory_mb: int = 128
    cpus: float = 0.5
    timeout_s: float = 30.0
    max_instances: int = 10
    min_instances: int = 0
    max_queue: int = 100
    concurrency: int = 1
    key: str = field(init=False, compare=False, default="")
    shape: SpareShape = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        parts = {item.name: getattr(self, item.name) for item in fields(self) if item.init}
        text = json.dumps(parts, sort_keys=True, default=dict)
        object.__setattr__(self, "key", hashlib.sha256(text.encode()).hexdigest()[:32])
        shape = SpareShape(
            self.runtime, self.layer, self.network_enabled, self.memory_mb, self.cpus, self.database_socket
        )
        object.__setattr__(self, "shape", shape)
