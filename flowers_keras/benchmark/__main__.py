"""Tables of how fast each part is, in one run on one machine.

  python -m flowers_keras.benchmark --config=configs/finetune.py [--only=input,training]

Machines differ and are noisy: compare figures of one run, as ratios to the last row of a table.
"""

import functools

from absl import app, flags
from ml_collections import config_flags

from flowers_keras import config, errors, runtime
from flowers_keras.benchmark import (
    agreement,
    experiment,
    machine,
    predict_command,
    runtimes,
    scaling,
    stages,
    whole_recipe,
)

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment to time; configs/finetune.py.")
ONLY = flags.DEFINE_list("only", [], "Names of tables; all of them by default.")
MODEL = flags.DEFINE_string("model", None, "runs/x/model.keras, for the tables that need one.")
TABLES = {
    "augmentation": stages.time_augmentation,
    "input": stages.time_input,
    "trunk": stages.time_trunk,
    "training": stages.time_training,
    "recipe": whole_recipe.time_recipe,
    "scaling": scaling.measure_scaling,
    "agreement": agreement.measure_agreement,
    "predict": predict_command.time_predict,
    "runtimes": runtimes.measure_runtimes,
}
TRAINED = ("agreement", "predict", "runtimes")  # tables about a model that is trained


def main(_):
    settings = CONFIG.value
    config.check_config(settings)
    tables = choose_tables(ONLY.value, MODEL.value)
    subject = experiment.load_experiment(settings)
    policy = runtime.resolve_policy(settings.runtime.dtype_policy)
    size, batch_size = settings.data.image_size, settings.data.batch_size
    print(
        f"{machine.describe()}\n"
        f"{policy}, {size} px, batches of {batch_size}, {len(subject.photos.ids)} photos"
    )
    for table in tables:
        print(f"\n{table(subject)}")


def choose_tables(names, model):
    """The functions Experiment -> Table of `names`; those of `TRAINED` only where there is a model."""
    for name in names:
        if name not in TABLES:
            raise errors.UserError(f"--only={name} is not a table; they are {', '.join(TABLES)}")
        if name in TRAINED and not model:
            raise errors.UserError(f"--only={name} needs a trained model; add --model=runs/x/model.keras")
    bound = TABLES | {name: functools.partial(TABLES[name], model_path=model) for name in TRAINED}
    return [bound[name] for name in names or TABLES if name not in TRAINED or model]


if __name__ == "__main__":
    parser = functools.partial(config.parse_flags, default="configs/finetune.py")
    errors.run_command(lambda: app.run(main, flags_parser=parser))
