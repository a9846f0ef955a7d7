"""The command that a report or a command advises to type next, in full."""

import shlex

from flowers_keras import config


def spell(program, settings, workdir, **changes):
    """A command with the fields of a run that differ from the recipe of configs/finetune.py.

    Args:
      program: such as "python train.py".
      settings: the run's config as a plain dict; what is no field of a config is passed over.
      workdir: of the command that is advised.
      **changes: `section__field`: the value that this field gets.

    Returns:
      One line for a shell.

    Example:
      >>> spell("python train.py", {"seed": 1, "data": {"source": "folder:my photos"}}, "runs/x", data__batch_size=8)
      "python train.py --config=configs/finetune.py --config.seed=1 '--config.data.source=folder:my photos' --config.data.batch_size=8 --workdir=runs/x"
    """  # noqa: E501
    values = config.flatten(settings) | {name.replace("__", "."): value for name, value in changes.items()}
    words = [
        f"--config.{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
        if name in config.FIELDS and value != config.FIELDS[name].default
    ]
    return shlex.join([*program.split(), "--config=configs/finetune.py", *words, f"--workdir={workdir}"])
