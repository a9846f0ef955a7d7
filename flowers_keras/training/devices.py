"""Data parallelism: the steps of a phase on all devices that JAX sees, of one process or of several.

Every device holds all variables and computes its share of each batch; JAX sums the gradients. A batch that
cannot be divided evenly, as often the last one of an epoch, is computed whole by each device: no row is
padded, dropped or counted twice, and dropout draws what it draws on one device. Sums are taken in
another order than on one device, so that results differ in their last digits.

A process need not read the rows that only other processes compute: see `own_rows`.
"""

import contextlib
import functools

import keras
import numpy as np

from flowers_keras import progress


@contextlib.contextmanager
def on_all_devices(network, batch_size):
    """Makes `network.fit` run on all devices inside the block; with a single device nothing changes.

    Args:
      network: compiled keras.Model whose optimizer is built. Inside, each process passes the same batches
        to `fit`. The variables begin as those of process 0, and are afterwards as before on one device.
      batch_size: of all batches but the last of an epoch; a note says if the devices cannot share it.
    """
    if keras.backend.backend() != "jax" or len(keras.distribution.list_devices()) == 1:
        yield
        return
    import jax

    by_process = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    mesh = jax.sharding.Mesh(np.array(by_process), ("batch",))
    if batch_size % mesh.size:
        progress.note(
            f"note: each of the {mesh.size} devices computes every batch whole, which gains nothing; "
            f"let data.batch_size be a multiple of {mesh.size}"
        )
    variables = [*network.variables, *network.optimizer.variables]
    for variable, value in zip(variables, _of_first_process(variables), strict=True):
        variable.assign(_place(value, mesh))
    for kind in ("train", "test"):
        getattr(network, f"make_{kind}_function")()  # which `fit` would make, and takes as it finds it
        step = functools.partial(_step, getattr(network, f"{kind}_function"), mesh)
        setattr(network, f"{kind}_function", step)
    yield
    for variable in [*variables, *network.metrics_variables]:
        variable.assign(keras.ops.convert_to_numpy(variable.value))
    network.train_function = network.test_function = None


def own_rows(count):
    """slice of the rows that this process's devices compute of a batch of `count`."""
    if keras.backend.backend() != "jax":
        return slice(count)
    import jax

    if count % jax.device_count():
        return slice(count)
    share = count // jax.process_count()
    return slice(jax.process_index() * share, (jax.process_index() + 1) * share)


def own_examples(count, batch_size):
    """bool [count]: which examples of an epoch, in its order, this process's devices compute."""
    own = np.zeros(count, bool)
    for start in range(0, count, batch_size):
        batch = own[start : start + batch_size]
        batch[own_rows(len(batch))] = True
    return own


def read_own(read, rows):
    """`read(rows)` of a batch, NumPy [batch, ...], with zeros where other processes compute."""
    own = own_rows(len(rows))
    found = read(rows[own])
    if len(found) == len(rows):
        return found
    values = np.zeros((len(rows), *found.shape[1:]), found.dtype)
    values[own] = found
    return values


def _step(step, mesh, state, batches):
    """Keras's function of a step, on batches that are placed on all devices."""
    import jax

    return step(state, (jax.tree.map(lambda values: _share(values, mesh), batch) for batch in batches))


def _share(values, mesh):
    """Global jax.Array [rows, ...] of NumPy's or a local one, cut into as many parts as there are devices."""
    return _place(values, mesh, "batch") if len(values) % mesh.size == 0 else _place(values, mesh)


def _place(values, mesh, *axes):
    """Global jax.Array of the same values in all processes; each device gets all of them, or its part."""
    import jax

    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))
    return jax.make_array_from_callback(values.shape, sharding, lambda place: values[place])


def _of_first_process(variables):
    """NumPy values; processes on other processors could have made weights that differ in the last digits."""
    from jax.experimental import multihost_utils

    return multihost_utils.broadcast_one_to_all(
        [keras.ops.convert_to_numpy(variable.value) for variable in variables]
    )
