"""A phase of training: compile, callbacks, fit. Both phases of the recipe are `train_phase`."""

import math

import keras

from flowers_keras import runtime
from flowers_keras.model import classifier
from flowers_keras.training.checkpoint import Checkpoint


def train_phase(name, feed, settings, run, history=(), best=None):
    """Trains `feed.network` and leaves it with the weights that were best on validation.

    Args:
      name: of the phase, for the files and the log.
      feed: Feed; what is trainable in its network is trained.
      settings: config section with `epochs` and what `compile_network` reads.
      run: Run; a phase that was cut off goes on after its last whole epoch.
      history: rows of the phases before this one.
      best: the score to beat, (accuracy, -loss) on validation of the weights as they are; None
        for none.

    Returns:
      (history, best): the rows with this phase's, and the score of the weights it leaves.

    Raises:
      UserError: learning diverged.
    """
    network = feed.network
    trainable, frozen = classifier.count_parameters(network)
    print(f"phase {name}: {trainable:,} parameters train, {frozen:,} of this network are frozen")
    compile_network(network, settings)
    checkpoint = Checkpoint(name, network, run, history, best)
    if checkpoint.epochs_done < settings.epochs:
        network.fit(
            feed.training(range(checkpoint.epochs_done, settings.epochs)),
            steps_per_epoch=math.ceil(feed.count / feed.batch_size),
            initial_epoch=checkpoint.epochs_done,
            epochs=settings.epochs,
            validation_data=feed.validation,
            callbacks=[
                keras.callbacks.TerminateOnNaN(),  # ends the epoch, which `checkpoint` then refuses
                checkpoint,
                keras.callbacks.TensorBoard(run.path(f"tensorboard/{name}")),
            ],
            verbose=1 if runtime.is_interactive() else 2,
            shuffle=False,  # the stream is shuffled already, by address
        )
    checkpoint.restore_best()
    return checkpoint.history, checkpoint.best


def compile_network(network, settings):
    """Compiles a network; `trainable` takes effect here and nowhere else.

    Args:
      settings: config section with `learning_rate`, that of Adam.
    """
    network.compile(
        keras.optimizers.Adam(settings.learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
