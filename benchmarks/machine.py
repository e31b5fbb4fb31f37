"""The machine that the figures come from: enough to judge them by, nothing that names it."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def describe() -> dict[str, str]:
    """What → value, for people."""
    facts = {
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": f"{os.cpu_count()} ({_cpu_model()})",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
    }
    for package in ("clowdy-tui", "aiohttp", "uvloop"):
        facts[package] = importlib.metadata.version(package)
    for program in ("bwrap", "docker"):
        if version := _version(program):
            facts[program] = version
    return facts


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _version(program: str) -> str:
    if not (path := shutil.which(program)):
        return ""
    command = [path, "version", "--format", "{{.Server.Version}}"] if program == "docker" else [path, "--version"]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)
    return said.stdout.strip().removeprefix("bubblewrap ") if said.returncode == 0 else ""
