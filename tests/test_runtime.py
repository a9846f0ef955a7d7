"""Which precision a machine gets by `runtime.dtype_policy = "auto"`, and what is recorded of it."""

import importlib
import os
import subprocess
import sys
import types

import keras
import pytest

from flowers_keras import runtime
from flowers_keras.errors import UserError
from flowers_keras.model import archive
from tests.conftest import SIZE

T4, A100, AMD = ("Tesla T4", (7, 5)), ("NVIDIA A100", (8, 0)), ("Radeon", None)


def tensorflow_with(gpus):
    """A stand-in for TensorFlow on a machine with these GPUs."""
    details = {number: {"device_name": name} for number, (name, _) in enumerate(gpus)}
    for number, (_, capability) in enumerate(gpus):
        if capability:  # absent where TensorFlow does not know it
            details[number]["compute_capability"] = capability
    experimental = types.SimpleNamespace(get_device_details=details.get)
    config = types.SimpleNamespace(list_physical_devices=lambda _: list(details), experimental=experimental)
    return types.SimpleNamespace(__name__="tensorflow", config=config)


def jax_with(gpus):
    """The same for JAX, whose capability is a text."""
    devices = [
        types.SimpleNamespace(device_kind=name, compute_capability=".".join(map(str, capability)))
        if capability
        else types.SimpleNamespace(device_kind=name)
        for name, capability in gpus
    ]
    return types.SimpleNamespace(__name__="jax", local_devices=lambda backend: devices)


def machine(monkeypatch, tmp_path, devices, processor="", backend=None):
    """Makes this machine look like another one."""
    monkeypatch.setattr(runtime.keras.distribution, "list_devices", lambda: devices)
    monkeypatch.setattr(runtime, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(f"model name : A Processor\nflags : fpu sse2 {processor}\n")
    monkeypatch.setattr(runtime.importlib, "import_module", lambda _: backend)


@pytest.mark.parametrize("backend", [tensorflow_with, jax_with])
@pytest.mark.parametrize(
    "devices, processor, gpus, policy, device",
    [
        (["cpu:0"], "avx512_bf16", [], "mixed_bfloat16", "A Processor"),
        (["cpu:0"], "avx2", [], "float32", "A Processor"),
        (["cpu:0", "gpu:0"], "", [A100], "mixed_bfloat16", "NVIDIA A100"),
        (["gpu:0", "gpu:1"], "", [A100, T4], "float32", "NVIDIA A100, Tesla T4"),  # the oldest counts
        (["gpu:0"], "avx512_bf16", [AMD], "float32", "Radeon"),
        (["gpu:0"], "", [], "float32", "GPU"),  # one that the backend cannot describe
        (["tpu:0"], "", [], "mixed_bfloat16", "TPU"),
    ],
)
def test_bfloat16_where_the_machine_is_fast_in_it(
    monkeypatch, tmp_path, backend, devices, processor, gpus, policy, device
):
    machine(monkeypatch, tmp_path, devices, processor, backend(gpus))
    assert runtime.resolve_policy("auto") == policy
    assert runtime.resolve_policy("float32") == "float32"
    assert runtime.resolve_policy("mixed_bfloat16") == "mixed_bfloat16"
    assert runtime.describe_machine()["device"] == device
    assert runtime.can_compute("float32")
    # A processor computes in bfloat16, however slowly; cuDNN refuses on old GPUs.
    assert runtime.can_compute("mixed_bfloat16") == (T4 not in gpus)


def test_settings_of_another_project_do_not_reach_a_run():
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float16")
    keras.config.set_max_epochs(1)  # as KERAS_MAX_EPOCHS does: `fit` would end without a word
    keras.config.set_max_steps_per_epoch(1)
    try:
        runtime.prepare_keras(0, False)
        assert keras.config.max_epochs() is None and keras.config.max_steps_per_epoch() is None
        assert keras.config.image_data_format() == "channels_last" and keras.config.floatx() == "float32"
        assert keras.layers.Dense(1).dtype_policy.name == "float32"
    finally:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")
        keras.config.set_max_epochs(None)
        keras.config.set_max_steps_per_epoch(None)


def test_a_package_of_another_name_has_a_version(monkeypatch):
    """As TensorFlow from tensorflow-cpu or tf-nightly has."""

    def version(package):
        if package == "tensorflow":
            raise runtime.importlib.metadata.PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setattr(runtime.importlib.metadata, "version", version)
    assert runtime.versions()["tensorflow"] == importlib.import_module("tensorflow").__version__


@pytest.mark.long
def test_a_backend_that_cannot_compute_is_one_line_and_no_damage(light_pristine, tmp_path):
    """As JAX where it is asked for CUDA and there is none."""
    pytest.importorskip("jax", reason="jax is not installed")
    card = {"class_names": ["a", "b", "c"], "image_size": SIZE, "recipe": {}}
    archive.save(light_pristine[0], tmp_path / "model.keras", card)
    done = subprocess.run(
        [sys.executable, "-m", "flowers_keras.predict", f"--model={tmp_path}", "photo.jpg"],
        env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cuda"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "error: Keras's backend jax cannot compute on this machine" in done.stderr
    assert "JAX_PLATFORMS" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("backend", ["numpy", "openvino"])
def test_a_backend_that_cannot_train_is_one_line(backend, monkeypatch):
    monkeypatch.setattr(runtime.keras.backend, "backend", lambda: backend)
    with pytest.raises(UserError, match=f"Keras's backend {backend} cannot train; type KERAS_BACKEND=tens"):
        runtime.resolve_policy("float32")
