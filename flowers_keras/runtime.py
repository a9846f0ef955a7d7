"""The machine and the process: precision, devices, versions, seeds, signals."""

import contextlib
import importlib
import importlib.metadata
import os
import pathlib
import platform
import signal
import sys

import keras

from flowers_keras.errors import UserError

WITHOUT_TRAINING = ("numpy", "openvino")  # backends of Keras that only predict

BFLOAT16_CAPABILITY = 8.0  # NVIDIA's Ampere; cuDNN refuses bfloat16 convolutions on older GPUs

CPUINFO = pathlib.Path("/proc/cpuinfo")


def check_backend():
    """Refuses (UserError) a backend of Keras that cannot compute here, for want of a device."""
    try:
        keras.ops.zeros(())
    except Exception as error:  # each backend has its own
        name = keras.backend.backend()
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:120]}"
        raise UserError(
            f"Keras's backend {name} cannot compute on this machine ({reason}); look at JAX_PLATFORMS and "
            "CUDA_VISIBLE_DEVICES, or type KERAS_BACKEND=tensorflow before it"
        ) from error


def resolve_policy(policy):
    """The dtype policy that `runtime.dtype_policy` means on this machine.

    Args:
      policy: "float32", "mixed_bfloat16" or "auto": bfloat16 if the processor or GPU is fast in it,
        else float32.

    Raises:
      UserError: Keras's backend only predicts, or cannot compute.
    """
    check_backend()
    if (backend := keras.backend.backend()) in WITHOUT_TRAINING:
        raise UserError(f"Keras's backend {backend} cannot train; type KERAS_BACKEND=tensorflow before it")
    if policy != "auto":
        return policy
    kind, devices = _accelerator()
    if kind == "gpu":
        fast = all(capability >= BFLOAT16_CAPABILITY for _, capability in devices)
    else:
        fast = kind == "tpu" or "avx512_bf16" in _cpuinfo()
    return "mixed_bfloat16" if fast else "float32"


def can_compute(policy):
    """Whether this machine can compute in `policy` at all: every CPU can, old NVIDIA GPUs cannot."""
    _, devices = _accelerator()
    return policy == "float32" or not any(0 < capability < BFLOAT16_CAPABILITY for _, capability in devices)


def describe_machine():
    """What results may depend on besides the config.

    Returns:
      {"device": name of the processor or of the accelerators, "cores": count, "backend": of Keras,
      "versions": package -> version}.
    """
    return {
        "device": accelerators() or _processor(),
        "cores": os.cpu_count(),
        "backend": keras.backend.backend(),
        "versions": versions(),
    }


def accelerators():
    """Names of the kinds of GPU or TPU that this process uses; "" if it uses a CPU only."""
    return ", ".join(sorted({name for name, _ in _accelerator()[1]}))


def versions():
    """Package -> version, and Python's.

    Example:

    >>> sorted(versions().keys() & {"keras", "numpy", "pillow", "python", "tensorflow"})
    ['keras', 'numpy', 'pillow', 'python', 'tensorflow']
    """
    # TensorFlow resizes and augments the photos under every backend.
    packages = ("keras", keras.backend.backend(), "tensorflow", "numpy", "pillow")
    return {package: _version(package) for package in packages} | {"python": platform.python_version()}


def _version(package):
    """The installed version, also of packages with another name, such as tensorflow-cpu or tf-nightly."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return importlib.import_module(package).__version__


def _accelerator():
    """("gpu" or "tpu", [(name, NVIDIA's compute capability or 0.0)]); ("", []) for a processor alone."""
    listed = " ".join(keras.distribution.list_devices()).lower()
    if "tpu" in listed:
        return "tpu", [("TPU", 0.0)]
    if "gpu" in listed or "cuda" in listed:
        return "gpu", _gpus() or [("GPU", 0.0)]
    return "", []


def _gpus():
    """[(name, compute capability or 0.0)], asked of the backend."""
    backend = importlib.import_module(keras.backend.backend())
    if backend.__name__ == "tensorflow":
        devices = backend.config.list_physical_devices("GPU")
        details = [backend.config.experimental.get_device_details(device) for device in devices]
        found = [(each.get("device_name"), each.get("compute_capability")) for each in details]
    elif backend.__name__ == "jax":
        devices = backend.local_devices(backend="gpu")
        found = [(each.device_kind, getattr(each, "compute_capability", None)) for each in devices]
    else:
        places = range(backend.cuda.device_count())
        found = [
            (backend.cuda.get_device_name(place), backend.cuda.get_device_capability(place))
            for place in places
        ]
    return [(name or "GPU", _capability(value)) for name, value in found]


def _capability(value):
    """(8, 0) or "8.0" as 8.0; 0.0 for what is no such thing, as of AMD's GPUs."""
    try:
        return float(value) if isinstance(value, str) else float(f"{value[0]}.{value[1]}")
    except (TypeError, ValueError, IndexError):
        return 0.0


def _cpuinfo():
    try:
        return CPUINFO.read_text()
    except OSError:
        return ""


def _processor():
    names = [
        line.partition(":")[2].strip() for line in _cpuinfo().splitlines() if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or platform.machine()


def prepare_keras(seed, deterministic):
    """Seeds Keras and resets its settings, whatever keras.json and KERAS_... of other projects say.

    Seeds Python, NumPy and the backend; `deterministic` makes the backend's operations repeat.
    TensorFlow reads the environment variable when it runs its first operation; JAX on a CPU
    repeats without it.
    """
    if deterministic:
        os.environ["TF_DETERMINISTIC_OPS"] = "1"
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    keras.utils.set_random_seed(seed)


class Stopped(BaseException):
    """SIGTERM or Ctrl-C arrived; what was finished before is saved.

    Attributes:
      status: the exit status for the shell.
    """

    def __init__(self, number):
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


@contextlib.contextmanager
def stop_on_signals():
    """Raises `Stopped` when SIGTERM or Ctrl-C arrives inside the block."""

    def stop(number, frame):
        signal.signal(number, signal.SIG_IGN)  # a second signal must not interrupt the clean-up
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_interactive():
    """Whether the output goes to a terminal or a notebook; progress bars would fill a log file."""
    return os.isatty(1) or "ipykernel" in sys.modules
