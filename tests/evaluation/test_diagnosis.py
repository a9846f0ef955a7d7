"""diagnose: planted defects are found for what they are, in words, and an honest run is called so."""

import copy
import dataclasses
import io
import json

import keras
import numpy as np
import pytest
from PIL import Image

from flowers_keras.evaluation import diagnosis, measure, scores, shifts, verdicts
from flowers_keras.model import classifier, conditioning
from flowers_keras.photos import sources
from tests.conftest import measuring

SIZE = 24
NAMES = ("daisy", "rose", "tulip", "violet")
COLOURS = np.array([(190, 60, 60), (60, 190, 60), (60, 60, 190), (150, 150, 60)])


# Temperature.


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def draw_labels(probabilities, random):
    drawn = random.random(len(probabilities))[:, None]
    return (probabilities.cumsum(axis=1) < drawn).sum(axis=1).clip(max=probabilities.shape[1] - 1)


@pytest.mark.parametrize("temperature", [0.2, 0.7, 1.0, 2.5, 8.0])
def test_temperature_is_recovered(temperature):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (40_000, 5))
    labels = draw_labels(softmax(logits), random)
    too_sure = softmax(logits * temperature)
    found = scores.fit_temperature(labels, too_sure)
    assert found == pytest.approx(temperature, rel=0.02)
    assert scores.expected_calibration_error(labels, scores.apply_temperature(too_sure, found)) < 0.015


def test_temperature_is_the_minimum():
    random = np.random.default_rng(1)
    probabilities = random.dirichlet([0.5] * 3, 50)
    labels = np.where(np.arange(50) % 3 > 0, probabilities.argmax(axis=1), random.integers(0, 3, 50))

    def loss(temperature):
        changed = scores.apply_temperature(probabilities, temperature)
        return -np.log(changed[np.arange(50), labels]).mean()

    found = scores.fit_temperature(labels, probabilities)
    assert 0.1 < found < 10
    assert loss(found) < min(loss(found * factor) for factor in (0.999, 1.001, 0.5, 2))


def test_temperature_where_it_has_no_end():
    sure = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert scores.fit_temperature(np.array([0, 1]), sure) == 1.0
    assert scores.fit_temperature(np.array([1, 0]), sure) == pytest.approx(20)
    certain = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    found = scores.fit_temperature(np.array([0, 1, 1]), certain)
    assert 1 < found <= 20.1 and np.isfinite(scores.apply_temperature(certain, found)).all()


def test_applied_temperature():
    probabilities = np.random.default_rng(2).dirichlet([1] * 4, 20)
    assert scores.apply_temperature(probabilities, 1.0) == pytest.approx(probabilities, abs=1e-15)
    soft, hard = (scores.apply_temperature(probabilities, each) for each in (3.0, 0.3))
    assert np.array_equal(soft.argmax(1), probabilities.argmax(1))
    assert (soft.max(1) < probabilities.max(1)).all() and (hard.max(1) > probabilities.max(1)).all()
    assert soft.sum(axis=1) == pytest.approx(np.ones(20))


# Planted cases: photos of one colour each, and learners that are fitted on some of them.


class Neighbour:
    """Names the class of the nearest training photo: it learns everything by heart."""

    def __init__(self, photos, labels):
        self.known, self.labels = self.see(photos), labels

    def see(self, photos):
        return photos[:, 1::4, 1::4].reshape(len(photos), -1).astype(float)

    def predict_on_batch(self, photos):
        nearest = np.array([np.square(self.known - each).sum(axis=1).argmin() for each in self.see(photos)])
        return (0.97 * np.eye(len(NAMES)) + 0.01)[self.labels[nearest]].astype(np.float32)


class Mean(Neighbour):
    """Names the class whose mean training photo is nearest: it can learn one colour a class."""

    def __init__(self, photos, labels):
        super().__init__(photos, labels)
        self.known = np.stack([self.known[labels == i].mean(axis=0) for i in range(len(NAMES))])
        self.labels = np.arange(len(NAMES))


@dataclasses.dataclass
class Case:
    """Photos of three parts: colours around their class's, more or less."""

    labels: np.ndarray
    pictures: np.ndarray
    parts: dict

    @classmethod
    def drawn(cls, spread, each=120, seed=0):
        random = np.random.default_rng(seed)
        labels = np.arange(3 * each) % len(NAMES)
        colours = COLOURS[labels] + random.normal(0, spread, (len(labels), 3))
        pictures = np.repeat(np.repeat(colours[:, None, None], SIZE, axis=1), SIZE, axis=2)
        order = random.permutation(3 * each)
        parts = dict(zip(("train", "validation", "test"), np.split(order, 3), strict=True))
        return cls(labels.astype(np.int32), pictures.clip(0, 255).astype(np.uint8), parts)

    def measure(self, learner, shift=False):
        """The metrics of a run, made as the recipe makes them, with `learner` fitted on train."""
        files = [io.BytesIO() for _ in self.pictures]
        for picture, file in zip(self.pictures, files, strict=True):
            Image.fromarray(picture).save(file, "PNG")
        photos = sources.Photos(
            tuple(f"{i}.png" for i in range(len(files))), self.labels, NAMES, lambda i: files[i].getvalue()
        )
        train = self.parts["train"]
        model = learner(self.pictures[train], self.labels[train])
        found = {
            part: measure.predict_photos(model, photos, positions, measuring(SIZE), part)
            for part, positions in self.parts.items()
        }
        temperature = scores.fit_temperature(found["validation"].labels, found["validation"].plain)
        metrics = {part: measure.compute_metrics(each, temperature) for part, each in found.items()}
        if shift:
            metrics["shift"] = shifts.measure_shift(
                model, photos, self.parts["test"], measuring(SIZE, shift_photos=999)
            )
        leaks = {"across": [], "within": 0, "doubtful": [], "left_out": []}
        return metrics | {"temperature": temperature, "leaks": leaks}


def findings(metrics):
    """Which keys of `verdicts.WORDS` the diagnosis found, in its order."""
    found = diagnosis.diagnose(metrics)
    assert json.loads(json.dumps(found)) == found
    keys = []
    for each in found:
        assert each.keys() == {"level", "title", "text", "evidence"}
        assert any(digit in each["evidence"] for digit in "0123456789")
        assert "{" not in each["title"] + each["text"] + each["evidence"]
        starts = {key: title.partition("{")[0] for key, (_, title, _) in verdicts.WORDS.items()}
        (key,) = [key for key, start in starts.items() if each["title"].startswith(start)]
        assert each["level"] == verdicts.WORDS[key][0]
        keys.append(key)
    return keys


def test_honest_run_is_called_so():
    metrics = Case.drawn(spread=28, each=300).measure(Mean)
    assert 0.85 < metrics["test"]["accuracy"] < 0.99
    assert findings(metrics)[0] == "honest"
    assert all(each["level"] == "good" for each in diagnosis.diagnose(metrics)[:1])
    assert not any(each["level"] == "bad" for each in diagnosis.diagnose(metrics))


def test_shuffled_labels_that_were_learnt_by_heart():
    case = Case.drawn(spread=28)
    case.labels = np.random.default_rng(1).permutation(case.labels)
    metrics = case.measure(Neighbour)
    assert metrics["train"]["accuracy"] > 0.9
    assert findings(metrics)[0] == "random_labels"
    assert "honest" not in findings(metrics)


def test_shuffled_labels_that_could_not_be_learnt():
    case = Case.drawn(spread=28)
    case.labels = np.random.default_rng(1).permutation(case.labels)
    metrics = case.measure(Mean)
    assert metrics["train"]["accuracy"] < 0.4
    assert findings(metrics)[0] == "nothing_learnt"
    assert "honest" not in findings(metrics)


def test_watermark_that_is_absent_at_test_time():
    """Roses look like tulips, but for a white corner that the photos of one photographer have."""
    case = Case.drawn(spread=10)
    tulips = case.pictures[case.labels == 2]
    case.pictures[case.labels == 1] = tulips
    plain = copy.deepcopy(case)
    marked = (case.labels == 1) & ~np.isin(np.arange(len(case.labels)), case.parts["test"])
    case.pictures[marked, :8, :8] = 255
    metrics = case.measure(Mean)
    assert findings(metrics)[0] == "collapse" and findings(metrics).count("collapse") == 1
    verdict = diagnosis.diagnose(metrics)[0]
    assert "rose" in verdict["title"] and "watermark" in verdict["text"]
    assert "taken for tulip" in verdict["evidence"] and "Recall of rose" in verdict["evidence"]
    assert not {"copied_validation", "flattering_validation", "honest"} & set(findings(metrics))

    everywhere = copy.deepcopy(plain)
    everywhere.pictures[everywhere.labels == 1, :8, :8] = 255
    assert findings(everywhere.measure(Mean))[0] == "honest"


def test_validation_copied_from_training():
    case = Case.drawn(spread=45)
    assert "copied_validation" not in findings(case.measure(Neighbour))
    case.parts["validation"] = case.parts["train"]
    metrics = case.measure(Neighbour)
    assert metrics["validation"]["accuracy"] == 1.0 and metrics["test"]["accuracy"] < 0.85
    assert findings(metrics)[0] == "copied_validation"
    assert not {"honest", "collapse"} & set(findings(metrics))


def test_test_photos_of_another_kind():
    """Of another camera: everything a little bluer. Training, too, is better than validation."""
    case = Case.drawn(spread=40, each=200)
    test = case.parts["test"]
    case.pictures[test] = (case.pictures[test] + np.array([0, 0, 80])).clip(0, 255).astype(np.uint8)
    metrics = case.measure(Neighbour)
    assert "flattering_validation" in findings(metrics)[:2]


def test_learning_by_heart_is_found_and_is_gone_with_a_simpler_learner():
    case = Case.drawn(spread=60)
    assert findings(case.measure(Neighbour))[0] == "by_heart"
    assert findings(case.measure(Mean))[0] == "honest"
    assert findings(Case.drawn(spread=38, each=400).measure(Neighbour))[0] == "overfitting"


def test_learner_of_the_border_falls_in_front_of_other_backgrounds():
    class Border(Mean):
        def see(self, photos):
            return photos[:, :3, :3].reshape(len(photos), -1).astype(float)

    case = Case.drawn(spread=15)
    metrics = case.measure(Border, shift=True)
    (verdict,) = [each for each in diagnosis.diagnose(metrics) if "changes" in each["title"]]
    assert "before another background" in verdict["text"] and "blurred" not in verdict["text"]
    assert "background" in verdict["evidence"]


# A real network, trained for real.


@pytest.fixture(scope="module")
def features():
    """What the real backbone, of random weights, says about 150 photos of one colour each."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    labels = np.arange(150) % 3
    colours = COLOURS[labels] + random.normal(0, 25, (150, 3))
    photos = np.broadcast_to(colours[:, None, None], (150, 75, 75, 3)).clip(0, 255).astype(np.uint8)
    model = classifier.build_classifier(3, 75, hidden_units=64, dropout=0.0, l2=0.0)
    conditioning.condition_random_weights(model, [photos[:30]])
    trunk, head = classifier.cut(model, "pooled")
    head.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    return np.concatenate([trunk.predict_on_batch(each) for each in np.split(photos, 3)]), labels, head


def trained_metrics(features, labels, head):
    """The metrics of a head that is trained on the first 50 photos."""
    before = head.get_weights()
    head.fit(features[:50], labels[:50], batch_size=50, epochs=40, verbose=0)
    probabilities = head.predict_on_batch(features).astype(np.float64)
    head.set_weights(before)
    metrics, leaks = {}, {"across": [], "within": 0, "doubtful": [], "left_out": []}
    parts = {"train": slice(0, 50), "validation": slice(50, 100), "test": slice(100, 150)}
    for part, where in parts.items():
        ids = [str(i) for i in range(*where.indices(150))]
        predictions = measure.Predictions(ids, labels[where], tuple("abc"), probabilities[where], None)
        metrics[part] = measure.compute_metrics(predictions, 1.0)
    return metrics | {"temperature": 1.0, "leaks": leaks}


def test_real_network_and_real_training(features):
    features, labels, head = features
    assert findings(trained_metrics(features, labels, head))[0] == "honest"
    shuffled = np.random.default_rng(3).permutation(labels)
    assert findings(trained_metrics(features, shuffled, head))[0] in ("random_labels", "nothing_learnt")


# Figures just below and above each threshold.


def part(right, count, wrong=None, ece=0.0):
    """Metrics of a part with `right[i]` of `count` photos of class i named rightly."""
    confusion = np.diag(right)
    for i, each in enumerate(right):
        confusion[i, (i + 1) % len(right)] += count - each
    if wrong is not None:
        confusion = np.array(wrong)
    predictions = measure.Predictions([], *predictions_of(confusion), None)
    return measure.compute_metrics(predictions, None) | {"ece": ece}


def predictions_of(confusion):
    labels, named = (
        np.repeat(np.indices(confusion.shape)[axis].ravel(), confusion.ravel()) for axis in (0, 1)
    )
    names = tuple(f"class {i}" for i in range(len(confusion)))
    return labels, names, np.eye(len(names))[named]


def metrics_of(train=95, validation=92, test=91, **changes):
    """A run of 4 classes with 100 photos each in every part; percent of each class named rightly."""
    right = {"train": train, "validation": validation, "test": test}
    metrics = {name: part([each] * 4, 100) for name, each in right.items()}
    leaks = {"across": [], "within": 3, "doubtful": [], "left_out": []}
    return metrics | {"temperature": 1.2, "leaks": leaks, "shift": None} | changes


def leaks(**changes):
    return {"leaks": {"across": [], "within": 0, "doubtful": [], "left_out": []} | changes}


def shift(accuracy=0.9, photos=100, **conditions):
    steady = {name: [0.9, 0.88, 0.7] for name in diagnosis.CONDITIONS}
    return {"shift": {"photos": photos, "accuracy": accuracy, "conditions": steady | conditions}}


def confused(one, other):
    """A test part in which class 0 is taken for class 1 `one` times, and back `other` times."""
    wrong = np.diag([100] * 4) + 0
    wrong[0, :2], wrong[1, :2] = (100 - one, one), (other, 100 - other)
    return {"test": part([0] * 4, 100, wrong)}


FIGURES = [
    ("honest", metrics_of(), True),
    ("honest", metrics_of(test=60), False),
    ("overfitting", metrics_of(train=99, validation=87, test=87), False),
    ("overfitting", metrics_of(train=99, validation=84, test=84), True),
    ("by_heart", metrics_of(train=99, validation=72, test=72), False),
    ("by_heart", metrics_of(train=99, validation=65, test=65), True),
    ("overfitting", metrics_of(train=93, validation=93, test=40), False),
    ("copied_validation", metrics_of(train=98, validation=93, test=40), False),
    ("copied_validation", metrics_of(train=93, validation=93, test=40), True),
    ("flattering_validation", metrics_of(train=93, validation=93, test=40), False),
    ("flattering_validation", metrics_of(train=99, validation=93, test=40), True),
    ("copied_validation", metrics_of(train=92, validation=92, test=84), False),
    ("copied_validation", metrics_of(train=92, validation=92, test=80), True),
    ("nothing_learnt", metrics_of(train=26, validation=24, test=29), True),
    ("nothing_learnt", metrics_of(train=45, validation=35, test=35), False),
    ("random_labels", metrics_of(train=50, validation=24, test=29), True),
    ("random_labels", metrics_of(train=50, validation=40, test=40), False),
    ("collapse", metrics_of(test=92, validation=92), False),
    ("collapse", metrics_of() | {"test": part([30, 92, 92, 92], 100)}, True),
    ("collapse", metrics_of() | {"test": part([60, 92, 92, 92], 100)}, False),
    ("collapse", metrics_of() | {"test": part([30, 80, 80, 80], 100)}, False),  # all of them
    ("copied_validation", metrics_of() | {"test": part([30, 80, 80, 80], 100)}, True),
    ("collapse", metrics_of() | {"test": part([0, 0, 0, 92], 100)}, False),  # most of the classes
    ("twins_across", metrics_of(**leaks(across=[["x", "y", 3]])), True),
    ("twins_across", metrics_of(**leaks(doubtful=[["x", "y", 3]])), False),
    ("honest", metrics_of(**leaks(across=[["x", "y", 3]])), False),
    ("doubtful_labels", metrics_of(**leaks(doubtful=[["x", "y", 3]])), True),
    ("doubtful_labels", metrics_of(), False),
    ("few_photos", metrics_of(), False),
    ("few_photos", metrics_of() | {"test": part([22] * 4, 24)}, True),
    ("steady", metrics_of(**shift()), True),
    ("steady", metrics_of(), False),
    ("shift", metrics_of(**shift(blur=[0.79, 0.7, 0.6])), True),
    ("shift", metrics_of(**shift(blur=[0.81, 0.7, 0.2])), False),
    ("shift", metrics_of(**shift(light=[0.88, 0.6, 0.6])), True),
    ("shift", metrics_of(**shift(photos=10, light=[0.7, 0.7, 0.6])), False),  # two photos
    ("shift_collapse", metrics_of(**shift(noise=[0.6, 0.5, 0.4])), True),
    ("shift_collapse", metrics_of(**shift(noise=[0.7, 0.5, 0.4])), False),
    ("confused", metrics_of() | confused(15, 6), True),
    ("confused", metrics_of() | confused(15, 4), False),
    ("overconfident", metrics_of() | {"test": part([91] * 4, 100, ece=0.09)}, True),
    ("overconfident", metrics_of() | {"test": part([91] * 4, 100, ece=0.06)}, False),
    ("calibrated", metrics_of() | {"test": part([91] * 4, 100, ece=0.06)}, True),
    ("calibrated", metrics_of() | {"test": part([91] * 4, 100, ece=0.09)}, False),
    ("underconfident", metrics_of() | {"test": part([91] * 4, 100, ece=0.09)}, False),
    ("underconfident", metrics_of(temperature=0.6) | {"test": part([91] * 4, 100, ece=0.09)}, True),
]


@pytest.mark.parametrize("finding, metrics, expected", FIGURES)
def test_threshold(finding, metrics, expected):
    assert (finding in findings(metrics)) == expected, findings(metrics)


def test_every_finding_is_tried_on_both_sides():
    for finding in verdicts.WORDS:
        tried = {expected for each, _, expected in FIGURES if each == finding}
        assert tried == {True, False}, finding


def test_confused_classes_are_named_with_their_counts():
    (verdict,) = [
        each for each in diagnosis.diagnose(metrics_of() | confused(20, 9)) if "confuses" in each["title"]
    ]
    assert verdict["title"] == "It confuses class 0 and class 1"
    assert "20 of 100 class 0 taken for class 1, 9 of 100 class 1 for class 0" in verdict["evidence"]


def test_worst_comes_first_and_trust_before_the_rest():
    metrics = metrics_of(train=99, validation=84, test=84)
    metrics |= leaks(across=[["x", "y", 0]], doubtful=[["a", "b", 1]])
    metrics |= shift(noise=[0.4, 0.3, 0.2])
    found = findings(metrics)
    assert found == ["twins_across", "overfitting", "shift_collapse", "doubtful_labels", "calibrated"]


def test_few_photos_are_not_called_overfitting():
    """19 of 20 against 16 of 20 may be chance."""
    small = {name: part([each] * 4, 5) for name, each in (("train", 5), ("validation", 4), ("test", 4))}
    assert findings(metrics_of() | small)[:2] == ["honest", "few_photos"]


def test_names_of_files_and_classes_are_only_text():
    metrics = metrics_of(**leaks(across=[["{x}.jpg", "%s{0}", 3]]))
    assert "{x}.jpg and %s{0}" in diagnosis.diagnose(metrics)[0]["evidence"]
    odd = {"{0}": 0, "{name}": 1, "%d": 2, "<b>": 3}
    metrics = metrics_of() | confused(30, 30)
    for name in ("train", "validation", "test"):
        metrics[name]["per_class"] = dict(zip(odd, metrics[name]["per_class"].values(), strict=True))
    titles = [each["title"] for each in diagnosis.diagnose(metrics)]
    assert "It confuses {0} and {name}" in titles
