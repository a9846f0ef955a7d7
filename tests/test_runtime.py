"""Which precision a machine gets by `runtime.dtype_policy = "auto"`."""

import pytest

from flowers_keras import runtime


def machine(monkeypatch, tmp_path, devices, processor="", capabilities=None):
    """Makes this machine look like another one."""
    monkeypatch.setattr(runtime.keras.distribution, "list_devices", lambda: devices)
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags : fpu sse2 {processor}\n")
    monkeypatch.setattr(runtime.pathlib, "Path", lambda _: cpuinfo)
    if capabilities is not None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\nprintf '{capabilities}'\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.parametrize(
    "devices, processor, capabilities, policy",
    [
        (["cpu:0"], "avx512_bf16", None, "mixed_bfloat16"),
        (["cpu:0"], "avx2", None, "float32"),
        (["cpu:0", "gpu:0"], "", "8.0\\n", "mixed_bfloat16"),
        (["gpu:0", "gpu:1"], "", "9.0\\n7.5\\n", "float32"),  # an older one among them: a T4
        (["gpu:0"], "avx512_bf16", None, "float32"),  # of another maker, or without its driver's tool
        (["gpu:0"], "", "no devices were found", "float32"),
        (["tpu:0"], "", None, "mixed_bfloat16"),
    ],
)
def test_bfloat16_where_the_machine_is_fast_in_it(
    monkeypatch, tmp_path, devices, processor, capabilities, policy
):
    machine(monkeypatch, tmp_path, devices, processor, capabilities)
    assert runtime.resolve_policy("auto") == policy
    assert runtime.resolve_policy("float32") == "float32"
    assert runtime.resolve_policy("mixed_bfloat16") == "mixed_bfloat16"
