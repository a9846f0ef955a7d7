"""Spells out the command that a report or a command suggests to type next."""

import contextlib
import pathlib
import runpy
import shlex

from flowers_keras import config

CONFIGS = pathlib.Path(__file__).parents[1] / "configs"


def spell(program, settings, workdir, **changes):
    """A command for a run's config: the nearest file in configs/, and flags for the fields that differ.

    Args:
      program: such as "python train.py".
      settings: the run's config as a plain dict; entries that are not config fields are ignored.
      workdir: of the suggested command.
      **changes: `section__field`=value for fields that the suggested command changes.

    Returns:
      One line for a shell.

    Example:
      >>> spell("python train.py", {"seed": 1, "data": {"source": "folder:my photos"}}, "runs/x", data__batch_size=8)
      "python train.py --config=configs/finetune.py --config.seed=1 '--config.data.source=folder:my photos' --config.data.batch_size=8 --workdir=runs/x"
    """  # noqa: E501
    values = config.flatten(settings) | {name.replace("__", "."): value for name, value in changes.items()}
    file, given = _nearest_config({name: each for name, each in values.items() if name in config.FIELDS})
    words = [
        f"--config.{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
        if name in config.FIELDS and value != given[name]
    ]
    return shlex.join([*program.split(), f"--config=configs/{file}", *words, f"--workdir={workdir}"])


def config_files():
    """Paths of the files in configs/, sorted; none where only the package is installed."""
    return sorted(CONFIGS.glob("[!_]*.py"))


def _nearest_config(values):
    """(name, values) of the file in configs/ from which the fewest fields differ; finetune.py, if as near."""
    known = {"finetune.py": {name: field.default for name, field in config.FIELDS.items()}}
    for path in config_files():
        with contextlib.suppress(Exception):  # a config that cannot be loaded is not suggested
            known.setdefault(path.name, config.flatten(runpy.run_path(str(path))["get_config"]().to_dict()))
    wanted = known["finetune.py"] | values
    return min(known.items(), key=lambda each: sum(each[1].get(name) != wanted[name] for name in wanted))
