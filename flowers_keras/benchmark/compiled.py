"""Compiles functions as the backend compiles training steps, and waits for the device at each call."""

import importlib

import keras


def compile_function(function):
    """`function` of tensors, compiled; a call returns when the device is done.

    Under PyTorch it is not compiled, as Keras compiles nothing there.
    """
    name = keras.backend.backend()
    backend = importlib.import_module(name)
    if name == "jax":
        compiled = backend.jit(function)
        return lambda *inputs: backend.block_until_ready(compiled(*inputs))
    if name == "tensorflow":
        compiled, wait = backend.function(function, jit_compile=False), backend.test.experimental.sync_devices
    else:
        compiled, wait = function, backend.cuda.synchronize if backend.cuda.is_available() else lambda: None

    def call(*inputs):
        outputs = compiled(*inputs)
        wait()
        return outputs

    return call


def compile_forward(network):
    """A network's bare forward pass, as `compile_function` compiles it: photos -> its outputs."""
    if keras.backend.backend() != "jax":
        return compile_function(lambda photos: network(photos, training=False))
    forward = compile_function(
        lambda trainable, other, photos: network.stateless_call(trainable, other, photos, training=False)[0]
    )
    trainable, other = (
        [variable.value for variable in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    )
    return lambda photos: forward(trainable, other, photos)
