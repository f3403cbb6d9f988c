"""What the figures were measured on, and who else was at work meanwhile."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("pyoxigraph", "rdflib", "pyshacl", "granian", "uvloop", "flask", "rdflib-endpoint")
TICK = os.sysconf("SC_CLK_TCK")


def print_machine(*commands: tuple[str, ...]) -> None:
    """Print the machine and the versions, those that ``commands`` print included."""
    print(f"{_first('/proc/cpuinfo', 'model name')}, {os.cpu_count()} processors, ", end="")
    print(f"{int(_first('/proc/meminfo', 'MemTotal').split()[0]) >> 20} GiB, {platform.platform()}")
    print(f"Python {platform.python_version()}, {', '.join(filter(None, map(_version, PACKAGES)))}")
    for command in commands:
        print(subprocess.run(command, capture_output=True, text=True, check=False).stdout.partition("\n")[0].strip())
    print(f"load of the machine before: {', '.join(f'{number:.1f}' for number in os.getloadavg())}", flush=True)


def _first(path: str, name: str) -> str:
    """Return what the first line that begins with ``name`` says."""
    lines = Path(path).read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "0")


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def busy() -> float:
    """Return the seconds for which processors of this machine have been at work since it started, for anybody."""
    user, nice, system, _idle, _wait, *interrupts = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + sum(interrupts)) / TICK


def worked(pid: int) -> float:
    """Return the seconds for which a process has been at work, those of its children that have ended included."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return 0
    return sum(map(int, fields[11:15])) / TICK


def proportional(pid: int) -> float:
    """Return the MiB of a process; of a page that several share each has its part (Pss: proc(5), smaps)."""
    try:
        return int(_first(f"/proc/{pid}/smaps_rollup", "Pss:").split()[0]) / 1024
    except OSError:
        return 0
