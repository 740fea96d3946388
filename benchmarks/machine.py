"""Describes what a result depends on: the processor, the kernel, the versions."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def describe(data: Path) -> dict[str, object]:
    """Return a description of the machine; ``data`` is a path on the file system of interest."""
    info = cpu_info()
    return {
        "architecture": platform.machine(),
        "cpu": info.get("model name", info.get("CPU part", "unknown")),
        "flags": info.get("flags", info.get("Features", "")).split(),
        "cores": cores(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "system": distribution(),
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "openssl_of_python": ssl.OPENSSL_VERSION,
        "file_system": file_system(data),
        "load_before": os.getloadavg()[0],
        "commit": commit(),
    }


def cpu_info() -> dict[str, str]:
    """Return what the kernel reports about the first processor."""
    text = Path("/proc/cpuinfo").read_text()
    pairs = (line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def distribution() -> str:
    """Return the name of the operating system."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""


def file_system(path: Path) -> str:
    """Return the type of a path's file system."""
    best, kind = Path("/"), "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, found, *_ = line.split()
        mount = Path(place.replace("\\040", " "))
        if path.is_relative_to(mount) and len(mount.parts) >= len(best.parts):
            best, kind = mount, found
    return kind


def available_bytes() -> int:
    """Return how much memory is available, including cached pages of files."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def commit() -> str:
    """Return the commit of the checkout, or ""."""
    return first_line("git", "-C", str(HERE.parent), "describe", "--always", "--dirty")


def first_line(*command: str) -> str:
    """Return the first line that a command prints, or "" if it cannot be run."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if done.returncode == 0 and lines else ""
