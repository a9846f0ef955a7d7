"""A phase of training: compile, callbacks, fit. Both phases of the recipe are `train_phase`."""

import keras

from flowers_keras import progress, runtime
from flowers_keras.model import classifier
from flowers_keras.training import devices, tracking
from flowers_keras.training.adam import FusedAdam
from flowers_keras.training.balanced_accuracy import BalancedAccuracy
from flowers_keras.training.checkpoint import Checkpoint


def train_phase(name, feed, settings, run, history=(), kept=None):
    """Trains `feed.network` and leaves it with the weights that `settings.keep` names.

    Args:
      name: of the phase, for the files and the log.
      feed: Feed; the trainable layers of its network are trained.
      settings: config section of the phase, such as `config.finetune`.
      run: Run; an interrupted phase resumes after its last complete epoch.
      history: rows of the phases before this one.
      kept: the row of the epoch whose weights the network has, which later epochs must beat; or None.

    Returns:
      (history, kept): the rows including this phase's, and the row of the epoch whose weights are kept.

    Raises:
      UserError: learning diverged.
    """
    network = feed.network
    trainable, frozen = classifier.count_parameters(network)
    progress.detail(f"phase {name}: {trainable:,} parameters train, {frozen:,} of this network are frozen")
    compile_network(network, settings, feed.steps)
    checkpoint = Checkpoint(name, network, run, history, kept, settings)
    if not checkpoint.ended:
        _fit(feed, settings, run, checkpoint)
    checkpoint.restore_kept()
    if kept := checkpoint.kept:
        of = "" if kept["phase"] == name else f" of phase {kept['phase']}"
        run.remark(f"keeps epoch {kept['epoch']}{of}, validation accuracy {kept['val_accuracy']:.1%}")
    return checkpoint.history, checkpoint.kept


def _fit(feed, settings, run, checkpoint):
    """Trains from the checkpoint's epoch to the end of the phase."""
    callbacks = [keras.callbacks.TerminateOnNaN(), checkpoint]  # which then reports the divergence
    if settings.ema:
        callbacks.append(keras.callbacks.SwapEMAWeights())  # for each validation
    callbacks.append(keras.callbacks.TensorBoard(run.path(f"tensorboard/{checkpoint.name}")))
    done, every = checkpoint.epochs_done * feed.steps, settings.epochs * feed.steps
    with (
        devices.on_all_devices(feed.network, feed.batch_size),
        tracking.track(run, checkpoint.name) as tracked,
        progress.bar(every, checkpoint.name, " steps", done=done) as bar,
    ):
        live = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: bar.update(),
            on_epoch_end=lambda epoch, logs: bar.set_postfix_str(
                f"epoch {epoch + 1} of {settings.epochs}, val_accuracy {logs['val_accuracy']:.1%}"
            ),
        )
        feed.network.fit(
            feed.training_examples(range(checkpoint.epochs_done, settings.epochs), settings.mixup),
            steps_per_epoch=feed.steps,
            initial_epoch=checkpoint.epochs_done,
            epochs=settings.epochs,
            validation_data=feed.validation_examples(),
            class_weight=feed.class_weights,
            callbacks=[*callbacks, *tracked, live],
            verbose=(1 if runtime.is_interactive() else 2) if progress.is_verbose() else 0,
            shuffle=False,  # the stream is shuffled already, by address
        )


def compile_network(network, settings, steps):
    """Compiles a network with Adam; `trainable` takes effect by this call and no other.

    Args:
      settings: config section with `epochs`, `learning_rate`, `schedule`, `warmup_epochs`,
        `label_smoothing` and `ema`.
      steps: in an epoch.
    """
    # Objects, not names: Keras creates named metrics inside the first step, which is then traced twice.
    metrics = [keras.metrics.CategoricalAccuracy("accuracy"), BalancedAccuracy(network.output_shape[-1])]
    network.compile(
        FusedAdam(
            learning_rate(settings, steps), use_ema=settings.ema > 0, ema_momentum=settings.ema or 0.99
        ),
        keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=metrics,
    )


def learning_rate(settings, steps):
    """The rate of a phase: constant, or rising linearly and falling to 0 by a cosine (arXiv 1608.03983)."""
    if settings.schedule == "constant":
        return settings.learning_rate
    warmup = settings.warmup_epochs * steps
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else settings.learning_rate,
        decay_steps=max(1, settings.epochs * steps - warmup),
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
