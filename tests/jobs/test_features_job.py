"""The pass as jobs that share it: values equal in bytes to one process's, and training computes nothing."""

import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from flowers_keras import compute_features, recipe, runtime
from flowers_keras.errors import UserError
from flowers_keras.jobs import features_job
from flowers_keras.photos import pipeline
from flowers_keras.training import feeds, run_folder, segments, store
from tests.conftest import small_config, small_inception
from tests.training.test_resume import SMALL

ROOT = pathlib.Path(__file__).parents[2]


def make_small(config, patch):
    """60 photos in batches of 4, segments of 2 batches, the light backbone."""
    patch.setattr(store, "SEGMENT", 8)
    patch.setattr(keras.applications, "InceptionV3", small_inception)
    config.augment.policy = "none"
    config.data.batch_size = 4
    config.data.synthetic_photos = 60
    config.frozen.epochs = config.finetune.epochs = 1
    return config


@pytest.fixture
def small(config, monkeypatch):
    return make_small(config, monkeypatch)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """(bytes of splits.json, stored values) of a pass that one process computed."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    with pytest.MonkeyPatch.context() as patch:
        config = make_small(small_config(), patch)
        features_job.compute_share(config, folder)
        return (folder / "splits.json").read_bytes(), read_all(config, folder)


def read_all(config, workdir):
    """Every stored value that the phases of the run in `workdir` read."""
    with run_folder.open_run(workdir, config.to_dict()) as run, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "flowers_keras.training.trunk_pass.Pass.values", lambda *_: pytest.fail("something is missing")
        )
        runtime.prepare_keras(config.seed, config.runtime.deterministic)  # the random weights of the run
        photos, split, model = features_job.begin(config, run)
        stored = feeds.store_views(model, photos, split, config, run)
        train, validation = split.positions["train"], split.positions["validation"]
        rows = [stored.rows(view, train) for view in range(config.features.views)]
        rows.append(stored.rows("plain", validation))
        return [
            each.read(output, np.arange(len(each))) for each in rows for output in ("activation", "pooled")
        ]


def test_four_shards_store_what_one_process_stores_and_training_computes_nothing(
    small, alone, tmp_path, capsys
):
    splits, values = alone
    shared = tmp_path / "run"
    for shard in (2, 0, 3, 1):
        features_job.compute_share(small, shared, shard, 4)
    for one, other in zip(values, read_all(small, shared), strict=True):
        assert one.tobytes() == other.tobytes() and len(one) > 8
    assert splits == (shared / "splits.json").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "flowers_keras.training.trunk_pass.Pass.values", lambda *_: pytest.fail("something is missing")
        )
        with run_folder.open_run(shared, small.to_dict()) as run:
            runtime.prepare_keras(small.seed, small.runtime.deterministic)
            recipe.train(*recipe.load_photos(small, run), small, run)
    assert (shared / "model.keras").exists() and "shard 3 of 4 is stored" in capsys.readouterr().out


def test_a_shard_that_was_killed_does_what_is_missing(small, alone, tmp_path, monkeypatch):
    shared = tmp_path / "run"
    for shard in (0, 1, 2):
        features_job.compute_share(small, shared, shard, 3)
    folder = next((tmp_path / "features").glob("*/store.json")).parent
    written = sorted(path.parent for path in folder.glob("*/*/manifest.json"))
    for path in written[1::3]:  # as if shards had died before these
        store.files.discard(path)
    seen, original = [], pipeline.view_batches
    monkeypatch.setattr(
        pipeline,
        "view_batches",
        lambda photos, at, *more: seen.append(len(at)) or original(photos, at, *more),
    )
    for shard in (0, 1, 2):
        features_job.compute_share(small, shared, shard, 3)
    assert 0 < sum(seen) < 2 * 36
    assert sorted(path.parent for path in folder.glob("*/*/manifest.json")) == written
    for one, other in zip(alone[1], read_all(small, shared), strict=True):
        assert one.tobytes() == other.tobytes()


def test_jobs_that_start_at_once_split_the_photos_once(small, tmp_path, monkeypatch):
    """The others wait for the first, and go on with its splits and in its precision."""
    split, built = [], []
    monkeypatch.setattr(recipe, "build", lambda *_: built.append(1))
    original = recipe.splits.split_photos
    monkeypatch.setattr(recipe.splits, "split_photos", lambda *a: split.append(1) or original(*a))
    sleeps = []

    with run_folder.open_run(tmp_path / "run", small.to_dict(), shared=True) as run:
        holder = features_job.locks.hold(run.path(features_job.BEGINNING))
        holder.__enter__()

        def first_job_ends(_):
            sleeps.append(1)
            holder.__exit__(None, None, None)

        monkeypatch.setattr(features_job.time, "sleep", first_job_ends)
        features_job.begin(small, run)
        features_job.begin(small, run)
    assert len(sleeps) == 1 and len(split) == 1 and len(built) == 2


def test_training_and_jobs_keep_each_other_out(small, tmp_path):
    with run_folder.open_run(tmp_path / "run", small.to_dict(), shared=True):
        with run_folder.open_run(tmp_path / "run", small.to_dict(), shared=True):
            pass
        with pytest.raises(UserError, match="another process is working in"):
            recipe.train_and_evaluate(small, tmp_path / "run")


def test_flags_that_name_no_shard_are_refused():
    compute_features.flags.FLAGS(["x", "--shards=2", "--shard=2"])
    with pytest.raises(UserError, match="--shard=2 is not one of --shards=2; type 0 to 1"):
        compute_features.main([])


def test_a_config_that_stores_nothing_is_refused(small, tmp_path):
    small.features.views = 0
    with pytest.raises(UserError, match="pass --config.features.views=1"):
        features_job.compute_share(small, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def start_job(folder, *flags):
    light = [sys.executable, "-m", "tests.training.light", "flowers_keras.compute_features"]
    command = [*light, *SMALL, f"--workdir={folder}", *flags]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def values_by_photo(folder):
    """{(view, address, output): bytes} of the one store beside the run in `folder`."""
    found = {}
    for path in (folder.parent / "features").glob("*/*/*/manifest.json"):
        for output in segments.OUTPUTS:
            rows = np.load(path.parent / f"{output}.npy")
            for address, row in zip(segments.read_addresses(path.parent), rows, strict=True):
                found[path.parent.parent.name, address, output] = row.tobytes()
    return found


@pytest.mark.long
def test_jobs_at_once_of_which_one_is_killed_store_what_one_process_stores(tmp_path):
    alone, shared = tmp_path / "alone" / "run", tmp_path / "shared" / "run"
    done = start_job(alone)
    assert done.wait() == 0, done.stderr.read()
    first, second = (start_job(shared, "--shards=2", f"--shard={shard}") for shard in (0, 1))
    for line in second.stdout:
        if "will be computed" in line:
            second.kill()
    assert second.wait() == -signal.SIGKILL and first.wait() == 0, first.stderr.read()
    assert values_by_photo(shared).keys() < values_by_photo(alone).keys()
    again = start_job(shared, "--shards=2", "--shard=1")
    assert again.wait() == 0, again.stderr.read()
    assert values_by_photo(shared) == values_by_photo(alone)
