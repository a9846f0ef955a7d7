"""What benchmark results depend on besides the code: the processor, its instructions, its load."""

import os
import pathlib
import platform

CPUINFO = pathlib.Path("/proc/cpuinfo")

INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "bf16")  # x86, then ARM


def describe(cpuinfo=None):
    """The processor's name, its instructions for fast convolutions, and its load.

    Args:
      cpuinfo: text like that of /proc/cpuinfo; read from there by default, empty where there is none.

    Example:
      >>> describe("model name : AMD EPYC 9\\nflags : fpu avx2 avx512f").partition(", ")[0]
      'AMD EPYC 9 (avx2 avx512f)'
    """
    if cpuinfo is None:
        cpuinfo = CPUINFO.read_text() if CPUINFO.exists() else ""
    fields = dict(map(str.strip, line.split(":", 1)) for line in cpuinfo.splitlines() if ":" in line)
    name = fields.get("model name") or platform.processor() or platform.machine()
    flags = fields.get("flags", fields.get("Features", "")).split()
    known = " ".join(each for each in INSTRUCTIONS if each in flags) or "instructions unknown"
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return f"{name} ({known}), {os.cpu_count()} cores, load of the last minute {load}"
