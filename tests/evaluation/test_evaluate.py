"""evaluate, scores and photos.labelled: the figures, and the command that prints them for any folder."""

import csv
import dataclasses
import functools
import io
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest
from PIL import Image, ImageOps
from sklearn import metrics as reference

from configs import finetune
from flowers_keras import commands, evaluate, files
from flowers_keras.errors import UserError
from flowers_keras.evaluation import labelled_photos, predicting, prediction_table, scores
from flowers_keras.model import archive, conditioning, inference
from flowers_keras.photos import inspection, sources, split_file, splits, synthetic
from flowers_keras.report import certainty
from tests.conftest import build_network, encode, make_reference, measuring, photos_of, small_inception

# Not alphabetical, as in TFDS: neither the folder's order nor that of the drawings.
CLASS_NAMES = ("tulips", "daisy", "sunflowers", "roses", "dandelion")
IMAGE_SIZE = 75
TEMPERATURE = 1.5  # of the saved model
BATCH_SIZE = 8
TRAINING, UNLIKE = range(20), range(500, 520)
COPIES = ("mirrored", "resized", "recompressed")


# The figures.


def random_predictions(count=400, classes=5, tta=True, seed=0):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(classes, 0.4), (2, count)).clip(1e-6)
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    labels = np.where(
        random.random(count) < 0.6, probabilities[0].argmax(1), random.integers(0, classes - 1, count)
    )
    return prediction_table.Predictions(
        [f"photo, \u201c{i}\u201d.jpg" for i in range(count)],
        labels,
        tuple(f'class "{i}"' for i in range(classes)),
        probabilities[0],
        probabilities.mean(axis=0) if tta else None,
    )


def recomputed(path, temperature):
    """The figures in `metrics.json` from `predictions.csv` alone, by scikit-learn where it has them."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0])[2:]
    names = [each.removeprefix("probability:") for each in columns[: len(columns) // 2]]
    true = [row["class"] for row in rows]
    labels = np.array([names.index(name) for name in true])
    order = {"labels": range(len(names)), "average": None, "zero_division": np.nan}

    def table(columns):
        return np.array([[float(row[name]) for name in columns] for row in rows])

    def figures(p):
        return {
            "accuracy": reference.accuracy_score(labels, p.argmax(1)),
            "loss": reference.log_loss(labels, p, labels=range(len(names))),
            "ece": binned_error(labels, p),
        }

    plain = table(columns[: len(names)])
    found = figures(plain)
    if rows[0][columns[-1]]:
        found |= {f"{name}_tta": value for name, value in figures(table(columns[len(names) :])).items()}
    as_trained = plain**temperature
    found["ece_uncalibrated"] = binned_error(labels, as_trained / as_trained.sum(axis=1, keepdims=True))
    found["confusion"] = reference.confusion_matrix(labels, plain.argmax(1), labels=range(len(names)))
    found["precision"] = reference.precision_score(labels, plain.argmax(1), **order)
    found["recall"] = reference.recall_score(labels, plain.argmax(1), **order)
    return found


def figures_of(predictions, temperature):
    return scores.compute_metrics(predictions) | scores.compare_uncalibrated(predictions, temperature)


def binned_error(labels, probabilities):
    """Expected calibration error, as Guo et al. write it: 15 bins of equal width."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, 16)
    error = 0
    for low, high in zip(edges, edges[1:], strict=False):
        inside = (confidence >= low) & ((confidence < high) | (high == 1))
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def assert_agree(figures, expected):
    for name in ("accuracy", "accuracy_tta", "loss", "loss_tta", "ece", "ece_tta", "ece_uncalibrated"):
        if name in expected:
            assert figures[name] == pytest.approx(expected[name], rel=1e-13, abs=1e-15), name
        else:
            assert figures[name] is None, name
    assert np.array_equal(figures["confusion"], expected["confusion"])
    for name in ("precision", "recall"):
        shares = [np.nan if each[name] is None else each[name] for each in figures["per_class"].values()]
        assert np.array_equal(shares, expected[name], equal_nan=True), name


@pytest.mark.parametrize("tta", [True, False])
@pytest.mark.parametrize("classes", [2, 5, 37])
def test_figures_are_those_of_scikit_learn(tmp_path, tta, classes):
    predictions = random_predictions(classes=classes, tta=tta, seed=classes)
    prediction_table.save_predictions(predictions, tmp_path / "predictions.csv")
    expected = recomputed(tmp_path / "predictions.csv", 1.7)
    assert_agree(figures_of(predictions, 1.7), expected)

    labels = predictions.labels.copy()
    labels[7] = (labels[7] + 1) % classes
    one_wrong = dataclasses.replace(predictions, labels=labels)
    with pytest.raises(AssertionError):
        assert_agree(figures_of(one_wrong, 1.7), expected)


def test_metrics_are_json_and_complete():
    predictions = random_predictions(count=60, classes=9)
    predictions = dataclasses.replace(predictions, labels=predictions.labels % 8)
    assert predictions.plain.argmax(axis=1).max() == 8 > predictions.labels.max()
    metrics = figures_of(predictions, None)
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert metrics["count"] == 60 == sum(each["count"] for each in metrics["per_class"].values())
    assert metrics["ece_uncalibrated"] is None
    assert metrics["accuracy_interval"] == scores.wilson_interval(round(60 * metrics["accuracy"]), 60)
    assert list(metrics["per_class"]) == list(predictions.class_names)
    wanted = {"precision": 0.0, "recall": None, "count": 0}  # the labels hold no photo of the last class
    assert metrics["per_class"]['class "8"'] == wanted


def test_figures_do_not_depend_on_the_order_of_photos():
    predictions = random_predictions(count=997)
    expected = scores.compute_metrics(predictions)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(997)
        shuffled = dataclasses.replace(
            predictions,
            labels=predictions.labels[order],
            plain=predictions.plain[order],
            tta=predictions.tta[order],
        )
        assert scores.compute_metrics(shuffled) == expected


@pytest.mark.parametrize("tta", [True, False])
def test_predictions_are_read_back_to_the_last_digit(tmp_path, tta):
    predictions = random_predictions(tta=tta)
    prediction_table.save_predictions(predictions, tmp_path / "predictions.csv")
    again = prediction_table.load_predictions(tmp_path / "predictions.csv")
    assert again.ids == predictions.ids and again.class_names == predictions.class_names
    assert np.array_equal(again.labels, predictions.labels)
    assert np.array_equal(again.plain, predictions.plain)
    assert again.tta is None if not tta else np.array_equal(again.tta, predictions.tta)


def test_class_may_have_the_name_of_a_column(tmp_path):
    names = ("id", "class", "probability", "tta:id", "probability:id")
    predictions = dataclasses.replace(random_predictions(classes=5), class_names=names)
    prediction_table.save_predictions(predictions, tmp_path / "predictions.csv")
    with open(tmp_path / "predictions.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert len(set(header)) == len(header) == 2 + 2 * 5
    row = dict(zip(header, rows[3], strict=True))
    assert row["id"] == predictions.ids[3] and row["class"] == names[predictions.labels[3]]
    assert float(row["probability:id"]) == predictions.plain[3, 0]
    assert float(row["tta:tta:id"]) == predictions.tta[3, 3]
    assert prediction_table.load_predictions(tmp_path / "predictions.csv").class_names == names


# Predicting.


@dataclasses.dataclass
class Recorder:
    """Stands in for a model: the mean colour, and what it was shown."""

    shapes: list

    def predict_on_batch(self, photos):
        self.shapes.append(photos.shape)
        return photos.mean(axis=(1, 2)).astype(np.float32) / 255


@pytest.mark.parametrize("batch_size, computed", [(4, 4), (32, 32), (4096, 32)])
def test_every_photo_is_computed_in_a_batch_of_the_same_size(batch_size, computed):
    photos = sources.synthetic_photos(45, 32, 0)
    recorder = Recorder([])
    predictions = predicting.predict_photos(
        recorder, photos, np.arange(45), measuring(32, batch_size, tta=True), ""
    )
    assert set(recorder.shapes) == {(computed, 32, 32, 3)}
    drawn = np.stack([synthetic.draw_flower(i % 5, (0, i), 32) for i in range(45)])
    assert np.array_equal(predictions.plain, Recorder([]).predict_on_batch(drawn).astype(np.float64))
    assert predictions.ids == list(photos.ids)


def test_two_processes_share_the_photos_and_predict_what_one_predicts(in_two):
    photos, positions = sources.synthetic_photos(45, 32, 0), np.arange(3, 43)
    for tta, images in ((False, 40), (True, 80)):
        options = photos, positions, measuring(32, 8, tta=tta), ""
        alone = predicting.predict_photos(Recorder([]), *options)
        recorder = Recorder([])
        for found in in_two(functools.partial(predicting.predict_photos, recorder, *options)):
            assert found.ids == alone.ids and np.array_equal(found.labels, alone.labels)
            assert np.array_equal(found.plain, alone.plain) and np.array_equal(found.tta, alone.tta)
        assert sum(shape[0] for shape in recorder.shapes) == images


def test_neighbours_change_a_prediction_by_rounding_only(network):
    photos = np.stack([synthetic.draw_flower(i % 5, (9, i), IMAGE_SIZE) for i in range(BATCH_SIZE)])
    together = inference.predict_batch(network, photos, BATCH_SIZE)
    for shown in ([0], [5], [6, 2], [7, 6, 5, 4, 3, 2, 1, 0], [3, 3, 3, 3, 3]):
        found = inference.predict_batch(network, photos[shown], BATCH_SIZE)
        np.testing.assert_allclose(found, together[shown], rtol=0, atol=1e-5)
    assert np.ptp(together, axis=0).min() > 1e-3


def test_tta_is_the_same_for_a_mirrored_photo(network):
    photos = np.stack([synthetic.draw_flower(i % 5, (9, i), IMAGE_SIZE) for i in range(5)])
    one, mirrored = (
        predicting.predict_photos(
            network,
            photos_of([encode(each) for each in some], range(5), "abcde"),
            np.arange(5),
            measuring(IMAGE_SIZE, BATCH_SIZE, tta=True),
            "test",
        )
        for some in (photos, photos[:, :, ::-1])
    )
    assert np.array_equal(one.tta, mirrored.tta)
    assert np.array_equal(one.tta, (one.plain + mirrored.plain) / 2)
    assert np.abs(one.plain - mirrored.plain).max(axis=1).min() > 1e-4  # or this shows nothing


# The command.


@pytest.fixture(scope="module")
def network():
    """Random weights, fit to tell photos apart."""
    keras.utils.set_random_seed(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "InceptionV3", small_inception)
        network = build_network(len(CLASS_NAMES), IMAGE_SIZE, hidden_units=32)
    photos = np.stack([synthetic.draw_flower(i % 5, (4, i), IMAGE_SIZE) for i in range(16)])
    conditioning.condition_random_weights(network, [photos])
    return network


@pytest.fixture(scope="module")
def run(network, tmp_path_factory):
    """The folder of a run, trained on drawings `TRAINING`; class 0 of the model is tulips."""
    folder = tmp_path_factory.mktemp("run")
    config = finetune.get_config()
    config.data.image_size, config.data.batch_size = IMAGE_SIZE, BATCH_SIZE
    card = {"class_names": list(CLASS_NAMES), "image_size": IMAGE_SIZE, "recipe": config.to_dict()}
    archive.save(network, folder / "model.keras", card, TEMPERATURE)
    photos = sources.synthetic_photos(len(TRAINING) + 5, 96, 0)
    fingerprints, _ = inspection.fingerprint_photos(photos)
    parts = {"train": np.array(TRAINING), "validation": np.arange(20, 25), "test": np.array([], int)}
    split_file.save(splits.Split(parts, fingerprints, [], [], []), photos, folder / "splits.json")
    files.write_json(folder / "metrics.json", {"temperature": 1.5})
    return folder


def save_drawing(folder, index, copy=""):
    """Writes drawing `index`, or a copy of it, into the folder of its class; returns its id."""
    name = synthetic.CLASS_NAMES[index % 5]
    image = Image.open(io.BytesIO(synthetic.photo_bytes(index, 0, 96)))
    path = folder / name / f"{index}{copy}.{'jpg' if copy == 'recompressed' else 'png'}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if copy == "mirrored":
        image = ImageOps.mirror(image)
    if copy == "resized":
        image = image.resize((211, 140), Image.Resampling.BICUBIC)
    image.save(path, **({"quality": 40} if copy == "recompressed" else {}))
    return f"{name}/{path.name}"


@pytest.fixture(scope="module", autouse=True)
def load_once():
    """Reads the model from the disk once, as that takes seconds."""
    load = functools.cache(archive.load)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            archive, "load", lambda path: load((path / "model.keras" if path.is_dir() else path).resolve())
        )
        yield


@pytest.fixture
def folder(tmp_path):
    for index in UNLIKE:
        save_drawing(tmp_path / "photos", index)
    return tmp_path / "photos"


def run_command(*arguments):
    """The status with which the command ends."""
    try:
        commands.run(lambda: evaluate.main([str(each) for each in arguments]))
    except SystemExit as ended:
        return ended.code
    return 0


def measured(run, folder, tmp_path):
    """What the command writes."""
    output = tmp_path / "output.json"
    assert run_command(f"--model={run}/model.keras", f"--data=folder:{folder}", f"--output={output}") == 0
    return json.loads(output.read_text())


def refused(capsys, *arguments):
    """The one line with which the command refuses."""
    capsys.readouterr()
    assert run_command(*arguments) == 2
    (line,) = lines_about("error:", capsys)
    return line


def lines_about(start, capsys):
    """Lines of standard error, where a progress bar may be as well."""
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith(start)]


def test_command_gives_the_figures_of_the_recipe(run, folder, tmp_path, capsys):
    drawn = sources.synthetic_photos(UNLIKE.stop, 96, 0)
    order = [CLASS_NAMES.index(name) for name in synthetic.CLASS_NAMES]
    photos = dataclasses.replace(
        drawn, labels=np.array(order, np.int32)[drawn.labels], class_names=CLASS_NAMES
    )
    positions = np.random.default_rng(0).permutation(UNLIKE)  # other neighbours than in the folder
    model, _ = archive.load(run / "model.keras")
    predictions = predicting.predict_photos(
        model, photos, positions, measuring(IMAGE_SIZE, BATCH_SIZE, tta=True), ""
    )
    expected = figures_of(predictions, TEMPERATURE)
    metrics = measured(run, folder, tmp_path)
    for name, value in expected.items():
        exact = name in ("count", "accuracy", "accuracy_tta", "accuracy_interval", "per_class", "confusion")
        assert metrics[name] == (value if exact else pytest.approx(value, rel=1e-4)), name
    assert metrics.keys() - expected.keys() == {"left_out", "twins_in_training", "calibration"}
    assert list(metrics["per_class"]) == list(CLASS_NAMES)
    assert 0 < sum(map(any, np.array(metrics["confusion"]).T)) and metrics["count"] == 20
    shown = capsys.readouterr().out
    assert f"{expected['accuracy']:.2%}" in shown and f"{expected['accuracy_tta']:.2%}" in shown
    assert all(name in shown for name in CLASS_NAMES)


def test_command_reports_every_planted_twin_and_no_other(run, folder, tmp_path, capsys):
    planted = {
        (save_drawing(folder, index, copy), f"drawn-{index:05d}") for index in TRAINING for copy in COPIES
    }
    planted.add((save_drawing(folder, 3), "drawn-00003"))  # the very same bytes, or nearly
    save_drawing(folder, 22)  # of the run's validation photos: the model did not learn from it
    metrics = measured(run, folder, tmp_path)
    assert {(one, other) for one, other, _ in metrics["twins_in_training"]} == planted
    assert all(0 <= bits <= 8 for *_, bits in metrics["twins_in_training"])
    assert f"{len(planted)} of them have a twin" in capsys.readouterr().out


def test_command_finds_no_twin_among_unlike_photos(run, folder, tmp_path, capsys):
    assert measured(run, folder, tmp_path)["twins_in_training"] == []
    assert "0 of them have a twin" in capsys.readouterr().out


def test_command_tells_photos_of_other_things_apart(run, folder, tmp_path, capsys):
    alone, others = tmp_path / "alone", tmp_path / "others"
    alone.mkdir(), others.mkdir()
    for seed in range(6):
        noise = np.random.default_rng(seed).integers(0, 256, (90, 90, 3)).astype(np.uint8)
        Image.fromarray(noise).save(others / f"{seed}.png")
    (others / "broken.png").touch()
    command = [f"--data=folder:{folder}", f"--unknown=folder:{others}", f"--output={tmp_path}/output.json"]
    assert "train it again" in refused(capsys, f"--model={run}", *command)

    model, card = archive.load(run)
    photos, parts = (
        sources.synthetic_photos(40, 96, 0),
        {"train": np.arange(20), "validation": np.arange(20, 40)},
    )
    reference = make_reference(model, photos, parts)
    archive.save(model, alone / "model.keras", card, reference=reference)
    assert run_command(f"--model={alone}", *command) == 0
    found = json.loads((tmp_path / "output.json").read_text())["unknown"]
    assert found["auroc"] > 0.9 and found["found"] == 1.0 > found["false_alarms"] and found["count"] == 6
    assert found["stated"] == 1 / 21
    assert [pathlib.Path(path).name for path, _ in found["left_out"]] == ["broken.png"]
    assert f"6 unknown photos: AUROC {found['auroc']:.3f}, 100.0% called unlike" in capsys.readouterr().out
    classifier = inference.load_classifier(alone)  # answers find the distances of the calibration
    distances = [each.novelty.distance for each in classifier.answer(map(photos.read, range(20, 40)))]
    np.testing.assert_allclose(np.sort(distances), classifier.reference.distances, atol=1e-3)


def test_area_under_curve_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    known, other = random.integers(0, 9, 60), random.integers(3, 12, 40)
    expected = reference.roc_auc_score([0] * 60 + [1] * 40, [*known, *other])
    assert scores.area_under_curve(known, other) == pytest.approx(expected, abs=1e-12)


def test_command_works_without_what_stands_beside_the_model(run, folder, tmp_path, capsys):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "model.keras").symlink_to(run / "model.keras")
    metrics = measured(alone, folder, tmp_path)
    assert metrics["twins_in_training"] is None
    assert "not known" in capsys.readouterr().out


def test_class_that_the_folder_lacks_is_one_line(run, folder, tmp_path, capsys):
    shutil.rmtree(folder / "roses")
    metrics = measured(run, folder, tmp_path)
    (line,) = lines_about("note:", capsys)
    assert "no roses" in line
    assert metrics["count"] == 16 and metrics["per_class"]["roses"]["recall"] is None
    assert metrics["confusion"][CLASS_NAMES.index("roses")] == [0] * 5


def test_class_that_the_model_does_not_know_is_refused(run, folder, capsys):
    (folder / "roses").rename(folder / "lilies")
    line = refused(capsys, f"--model={run}", f"--data=folder:{folder}")
    assert "lilies" in line and all(name in line for name in CLASS_NAMES)


def test_broken_photos_are_left_out_and_named(run, folder, tmp_path, capsys):
    (folder / "roses" / "502.png").write_bytes(b"")
    metrics = measured(run, folder, tmp_path)
    assert metrics["count"] == 19 and metrics["left_out"] == [["roses/502.png", "empty file"]]
    assert "roses/502.png" in capsys.readouterr().out
    for photo in folder.glob("*/*.png"):
        photo.write_bytes(b"nothing")
    assert "daisy/500.png" in refused(capsys, f"--model={run}", f"--data=folder:{folder}")


def write_list(folder, splits):
    """A list of the folder's photos, with the splits in turn; as (path, {id: split})."""
    names = sorted(each.relative_to(folder).as_posix() for each in folder.glob("*/*.png"))
    given = dict(zip(names, [splits[i % len(splits)] for i in range(len(names))], strict=True))
    rows = [f"{name},{name.partition('/')[0]},{part}" for name, part in given.items()]
    (folder / "list.csv").write_text("\n".join(["path,label,split", *rows]))
    return folder / "list.csv", given


def test_a_list_gives_the_figures_of_its_folder(run, folder, tmp_path, capsys):
    of_folder = measured(run, folder, tmp_path)
    capsys.readouterr()
    for splits_given, words in (("",), "list.csv\n"), (("train", "val"), "as none is of a split test"):
        path, _ = write_list(folder, splits_given)
        output = tmp_path / "of_list.json"
        assert run_command(f"--model={run}", f"--data=csv:{path}", f"--output={output}") == 0
        assert json.loads(output.read_text()) == of_folder | {"left_out": []}
        out = capsys.readouterr().out
        assert "measured on all photos of csv:" in out and words in out


def test_of_a_list_with_splits_those_of_test_are_measured(run, folder, tmp_path, capsys):
    path, given = write_list(folder, ("train", "Testing", "val"))
    tested = [name for name, part in given.items() if part == "Testing"]
    (folder / tested[0]).unlink()
    output = tmp_path / "of_list.json"
    assert run_command(f"--model={run}", f"--data=csv:{path}", f"--output={output}") == 0
    metrics = json.loads(output.read_text())
    assert metrics["count"] == len(tested) - 1 and metrics["left_out"] == [[tested[0], "no such file"]]
    said = f"measured on the split test of csv:{path}; photos of its other splits: {len(given) - len(tested)}"
    assert said in capsys.readouterr().out


def test_a_list_of_one_class_is_measured_and_an_unknown_class_refused(run, folder, capsys):
    path, _ = write_list(folder, ("",))
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if "label" in line or ",roses," in line))
    assert run_command(f"--model={run}", f"--data=csv:{path}") == 0
    path.write_text(path.read_text().replace(",roses,", ",lilies,"))
    assert "holds lilies, which the model does not" in refused(capsys, f"--model={run}", f"--data=csv:{path}")


def test_a_tfds_set_is_measured(run, monkeypatch, tmp_path):
    drawn = sources.synthetic_photos(UNLIKE.stop, 96, 0)
    parts = ("train",) * UNLIKE.start + ("test",) * (UNLIKE.stop - UNLIKE.start)
    monkeypatch.setattr(sources, "tfds_photos", lambda name, _: dataclasses.replace(drawn, parts=parts))
    output = tmp_path / "of_set.json"
    assert run_command(f"--model={run}", "--data=tfds:drawn", f"--output={output}") == 0
    metrics = json.loads(output.read_text())
    assert metrics["count"] == len(UNLIKE) and metrics["twins_in_training"] == []


def test_command_refuses_what_it_cannot_do(run, folder, tmp_path, capsys):
    model, data = f"--model={run}/model.keras", f"--data=folder:{folder}"
    assert "folder:PATH" in refused(capsys, model, f"--data={folder}")
    assert "no-such is not a folder" in refused(capsys, model, f"--data=folder:{folder}/no-such")
    assert "class" in refused(capsys, model, f"--data=folder:{folder}/roses")
    assert "no-such.csv is not a file" in refused(capsys, model, f"--data=csv:{folder}/no-such.csv")
    assert "csv:PATH or tfds:NAME" in refused(capsys, model, "--data=csv:")
    assert "no-such.keras" in refused(capsys, f"--model={run}/no-such.keras", data)
    assert "--unknown=x is not a folder of photos" in refused(capsys, model, data, "--unknown=x")
    assert "own record" in refused(capsys, model, data, f"--output={run}/metrics.json")
    assert json.loads((run / "metrics.json").read_text()) == {"temperature": 1.5}
    before = (run / "model.keras").read_bytes()
    for name in ("model.keras", *evaluate.RECORDS):
        assert "own record" in refused(capsys, model, data, f"--output={run}/{name}")
    assert (run / "model.keras").read_bytes() == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.keras").touch()
    assert evaluate.UNKNOWN == certainty.UNKNOWN
    assert "own record" in refused(capsys, model, data, f"--output={tmp_path}/other/unknown.json")
    (tmp_path / "file").touch()
    assert "cannot write" in refused(capsys, model, data, f"--output={tmp_path}/file/x.json")
    with pytest.raises(UserError):
        labelled_photos.evaluate_photos(run, "synthetic")


def test_card_without_a_recipe_is_measured_with_the_defaults():
    config = labelled_photos.measuring_config({"class_names": ["a", "b"], "image_size": 96})
    assert (config.data.image_size, config.data.batch_size, config.data.twin_distance) == (96, 32, 8)
    recipe = {"data": {"batch_size": 16, "image_size": 96}, "evaluation": {"tta": False}}
    config = labelled_photos.measuring_config({"image_size": 96, "recipe": recipe})
    assert (config.data.batch_size, config.data.twin_distance, config.evaluation.tta) == (16, 8, False)
