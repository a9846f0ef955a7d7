"""The command that a report or a command advises to type next, in full."""

import contextlib
import pathlib
import runpy
import shlex

from flowers_keras import config

CONFIGS = pathlib.Path(__file__).parents[1] / "configs"


def spell(program, settings, workdir, **changes):
    """A command with the fields of a run that differ from the nearest of the files in configs/.

    Args:
      program: such as "python train.py".
      settings: the run's config as a plain dict; what is not a field of a config is passed over.
      workdir: of the command that is advised.
      **changes: `section__field`: the value that this field gets.

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
        with contextlib.suppress(Exception):  # one that cannot be run is none to advise
            known.setdefault(path.name, config.flatten(runpy.run_path(str(path))["get_config"]().to_dict()))
    wanted = known["finetune.py"] | values
    return min(known.items(), key=lambda each: sum(each[1].get(name) != wanted[name] for name in wanted))
