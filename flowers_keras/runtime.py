"""The machine: which precision it is fast in, and whether its results must repeat bit for bit."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess

import keras

BFLOAT16_CAPABILITY = 8.0  # NVIDIA's Ampere; cuDNN refuses bfloat16 convolutions on older GPUs


def resolve_policy(policy):
    """The dtype policy that `runtime.dtype_policy` means on this machine.

    Args:
      policy: "float32", "mixed_bfloat16" or "auto": bfloat16 where the processor or the GPU
        computes in it, else float32.
    """
    if policy != "auto":
        return policy
    return "mixed_bfloat16" if _has_bfloat16() else "float32"


def _has_bfloat16():
    devices = [name.lower() for name in keras.distribution.list_devices()]
    if any("tpu" in name for name in devices):
        return True
    if any("gpu" in name or "cuda" in name for name in devices):
        return _least_capability() >= BFLOAT16_CAPABILITY
    try:
        return "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def _least_capability():
    """The lowest compute capability of this machine's NVIDIA GPUs; 0.0 where it cannot be asked."""
    command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
        return min(map(float, told.split()), default=0.0)
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0.0


def seed_everything(seed, deterministic):
    """Seeds Python, NumPy and the backend; `deterministic` makes the backend's operations repeat.

    TensorFlow reads the environment variable when it runs its first operation; JAX on a CPU
    repeats without being told.
    """
    if deterministic:
        os.environ["TF_DETERMINISTIC_OPS"] = "1"
    keras.utils.set_random_seed(seed)


def versions():
    """What the results depend on: package -> version, and the machine."""
    packages = ("keras", keras.backend.backend(), "tensorflow", "numpy", "pillow")
    found = {package: importlib.metadata.version(package) for package in packages}
    return found | {"python": platform.python_version(), "cores": str(os.cpu_count())}
