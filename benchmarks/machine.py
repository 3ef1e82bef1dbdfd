"""What a figure was measured on, and the peak of a process's memory; needs no PyTorch."""

import datetime
import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

PACKAGES = ("cosod", "torch", "onnxruntime", "openvino")
#: Flags of Linux's /proc/cpuinfo that decide how fast a network is, and the names people know.
INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "amx_bf16": "AMX BF16",
    "asimd": "NEON",
    "bf16": "BF16",
}


def processor() -> str:
    """Name, cores that this process may use, and instruction sets, in one line."""
    name, flags = platform.processor() or platform.machine(), set()
    table = Path("/proc/cpuinfo")
    if table.exists():
        rows = [line.partition(":") for line in table.read_text(encoding="utf-8").splitlines()]
        facts = {key.strip(): value.strip() for key, _, value in reversed(rows)}
        name = facts.get("model name", name)
        flags = set(facts.get("flags", facts.get("Features", "")).split())
    known = [title for flag, title in INSTRUCTIONS.items() if flag in flags]
    return ", ".join([name, f"{cores()} cores", *known])


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> str:
    """Main memory of the machine."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return "memory unknown"
    return f"{size / 2**30:.0f} GiB memory"


def gpus() -> str:
    """Names of the GPUs as the driver's own program tells them; empty where there is none."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return ""
    return "; ".join(line.strip() for line in lines)


def versions() -> str:
    """Python and the packages that a figure depends on."""
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def heading(command: Sequence[str], device: str = "cpu") -> str:
    """What stands before a table of figures, in Markdown: command, machine, versions and date."""
    rows = [f"`{shlex.join(command)}`", "", f"{processor()}; {memory()}; {platform.system()} {platform.release()}."]
    if device.startswith("cuda"):
        rows.append(f"GPU: {gpus() or 'unknown'}.")
    return "\n".join([*rows, f"{versions()}. {datetime.date.today().isoformat()}."])


def peak_memory() -> int:
    """Most bytes of main memory that this process held at once.

    Linux counts it for the program that runs now; the figure of ``getrusage`` would include the process that
    started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        row = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(row.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024
