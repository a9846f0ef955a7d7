"""Benchmarks each part of the recipe, in one run on one machine.

  python -m flowers_keras.benchmark --config=configs/finetune.py [--only=input,training]

Machines differ and are noisy: compare numbers of one run only, as ratios to the last row of a table.
"""

import functools
import importlib

from absl import app, flags
from ml_collections import config_flags

from flowers_keras import commands, config, experiment_flags, user_paths
from flowers_keras.errors import UserError

TABLES = {  # name -> module and function, imported only if wanted
    "augmentation": "stages.time_augmentation",
    "input": "stages.time_input",
    "trunk": "stages.time_trunk",
    "training": "stages.time_training",
    "recipe": "whole_recipe.time_recipe",
    "scaling": "scaling.measure_scaling",
    "growth": "growth.measure_growth",
    "agreement": "agreement.measure_agreement",
    "predict": "predict_command.time_predict",
    "runtimes": "runtimes.measure_runtimes",
}
FEWEST = 300  # photos of the table growth, so that each part has some of each class
TRAINED = ("agreement", "predict", "runtimes")  # tables that need a trained model

# allow_override: train.py has the first, too, and a notebook may run this file more than once.
CONFIG = config_flags.DEFINE_config_file(
    "config", None, "configs/NAME.py; by default the default of every field", allow_override=True
)
ONLY = flags.DEFINE_list("only", [], f"of {', '.join(TABLES)}; all by default", allow_override=True)
GROWTH = flags.DEFINE_list(
    "growth",
    ["1000", "10000"],
    "numbers of photos of the table growth; 100000 takes hours",
    allow_override=True,
)
MODEL = flags.DEFINE_string("model", None, f"for {', '.join(TRAINED)}: model.keras", allow_override=True)


def main(_):
    """Prints the tables that the flags name."""
    model = user_paths.user_path(MODEL.value) if MODEL.value else None
    tables = choose_tables([name for name in ONLY.value if name], model)
    arguments = dict.fromkeys(TRAINED, (model,)) | {"growth": (photo_counts(GROWTH.value),)}

    import keras  # imports that take seconds: a wrong flag should not wait

    from flowers_keras import runtime
    from flowers_keras.benchmark import experiment, machine

    subject = experiment.load_experiment(CONFIG.value)
    policy = runtime.resolve_policy(CONFIG.value.runtime.dtype_policy)
    size, batch_size = CONFIG.value.data.image_size, CONFIG.value.data.batch_size
    accelerators = runtime.accelerators() or "no accelerator"
    print(
        f"{machine.describe()}, {accelerators}\n"
        f"{keras.backend.backend()}, {policy}, {size} px, batches of {batch_size}, "
        f"{len(subject.photos.ids)} photos"
    )
    for name in tables:
        module, _, function = TABLES[name].partition(".")
        measure = getattr(importlib.import_module(f"flowers_keras.benchmark.{module}"), function)
        print(f"\n{measure(subject, *arguments.get(name, ()))}")


def choose_tables(names, model):
    """The tables to make: `names`, or all; those of `TRAINED` only if there is a model."""
    for name in names:
        if name not in TABLES:
            raise UserError(f"--only={name} is not a table; they are {', '.join(TABLES)}")
        if name in TRAINED and not model:
            raise UserError(f"--only={name} needs a trained model; add --model=runs/x/model.keras")
    return [name for name in names or TABLES if name not in TRAINED or model]


def photo_counts(words):
    """The numbers in `--growth`, ascending.

    Example:
      >>> photo_counts(["1000", "300"])
      [300, 1000]
    """
    counts = sorted({int(word) for word in words if word.isdecimal()})
    if len(counts) < 2 or len(counts) < len(words) or counts[0] < FEWEST:
        raise UserError(
            f"--growth={','.join(words)} is not allowed; type two numbers or more from {FEWEST} on, with "
            "commas, such as --growth=1000,10000"
        )
    return counts


if __name__ == "__main__":
    parser = functools.partial(experiment_flags.parse_flags, default=config.__file__)
    commands.run(lambda: app.run(main, flags_parser=parser))
