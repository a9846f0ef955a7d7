"""A phase: compile, callbacks, fit, resume. Both phases of the recipe are `train_phase`."""

import math

import keras

from flowers_keras.model import classifier
from flowers_keras.training import checkpoint, run_folder


def train_phase(name, feed, settings, run, history=(), best=None):
    """Trains `feed.network` and leaves it with the weights that were best on validation.

    Args:
      name: of the phase, for the files and the log.
      feed: Feed; what is trainable in its network is trained.
      settings: config section with `epochs` and `learning_rate`.
      run: Run; a phase that was cut off goes on after its last whole epoch.
      history: rows of the phases before this one.
      best: the score to beat, (accuracy, -loss) on validation of the weights as they are; None
        for none.

    Returns:
      (history, best): the rows with this phase's, and the score of the weights it leaves.

    Raises:
      UserError: the loss is not a number.
    """
    network = feed.network
    trainable, frozen = classifier.count_parameters(network)
    print(f"phase {name}: {trainable:,} parameters train, {frozen:,} of this network are frozen")
    compile_network(network, settings.learning_rate)
    keeper = checkpoint.Keeper(name, network, run, list(history), best)
    if keeper.epochs_done < settings.epochs:
        network.fit(
            feed.training(range(keeper.epochs_done, settings.epochs)),
            steps_per_epoch=math.ceil(feed.count / feed.batch_size),
            initial_epoch=keeper.epochs_done,
            epochs=settings.epochs,
            validation_data=feed.validation,
            callbacks=[keeper, keras.callbacks.TensorBoard(run.path(f"tensorboard/{name}"))],
            verbose=1 if run_folder.is_interactive() else 2,
            shuffle=False,  # the stream is shuffled already, by address
        )
    keeper.restore_best()
    return keeper.history, keeper.best


def compile_network(network, learning_rate):
    """Compiles a network with Adam; `trainable` takes effect here and nowhere else."""
    network.compile(
        keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
