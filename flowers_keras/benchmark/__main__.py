"""Tables of how fast each part is, in one run on one machine.

  python -m flowers_keras.benchmark --config=configs/finetune.py [--only=input,steps]

Machines differ and are noisy: compare figures of one run, as ratios to the last row of a table.
"""

import functools
import os

from absl import app, flags
from ml_collections import config_flags

from flowers_keras import config, errors, runtime
from flowers_keras.benchmark import exactness, growth, parts, predicting, runtimes, setting, whole
from flowers_keras.photos import pipeline, sources, splits

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment to time; configs/finetune.py.")
ONLY = flags.DEFINE_list("only", [], "Names of tables; all of them by default.")
MODEL = flags.DEFINE_string("model", None, "runs/x/model.keras, for the tables that need one.")
TABLES = {
    "augmentation": parts.augmentation,
    "input": parts.pipeline_rates,
    "trunk": parts.trunk_rates,
    "steps": parts.step_rates,
    "recipe": whole.whole_recipe,
    "growth": growth.growth,
    "exactness": exactness.exactness,
    "predict": predicting.predict_rates,
    "runtimes": runtimes.runtimes,
}
TRAINED = ("exactness", "predict", "runtimes")  # tables about a model that is trained


def main(_):
    config.check_config(CONFIG.value)
    tables = choose_tables(ONLY.value, MODEL.value)
    run = make_setting(CONFIG.value)
    policy = runtime.resolve_policy(CONFIG.value.runtime.dtype_policy)
    size, batch_size = CONFIG.value.data.image_size, CONFIG.value.data.batch_size
    print(
        f"{os.cpu_count()} cores, {policy}, {size} px, batches of {batch_size}, {len(run.photos.ids)} photos"
    )
    for table in tables:
        print(f"\n{table(run)}")


def choose_tables(names, model):
    """The functions Setting -> Table of `names`; those of `TRAINED` only where there is a model."""
    for name in names:
        if name not in TABLES:
            raise errors.UserError(f"--only={name} is no table; they are {', '.join(TABLES)}")
        if name in TRAINED and not model:
            raise errors.UserError(f"--only={name} needs a trained model; add --model=runs/x/model.keras")
    bound = TABLES | {name: functools.partial(TABLES[name], model_path=model) for name in TRAINED}
    return [bound[name] for name in names or TABLES if name not in TRAINED or model]


def make_setting(config):
    """The photos that `config` names, split as its runs would."""
    photos = sources.load_photos(config.data)
    split = splits.split_photos(photos, config.data)
    batches = pipeline.plain_batches(
        photos, split.parts["train"], config.data.image_size, config.data.batch_size
    )
    return setting.Setting(config, photos, split, next(batches.as_numpy_iterator()))


if __name__ == "__main__":
    parser = functools.partial(config.parse_flags, default="configs/finetune.py")
    errors.run_command(lambda: app.run(main, flags_parser=parser))
