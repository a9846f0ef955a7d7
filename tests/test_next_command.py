"""The command that is advised gives the config that it was made from."""

import pathlib
import shlex

from configs import best, finetune
from flowers_keras import experiment_flags, next_command


def test_what_is_advised_is_parsed_back_to_the_same_config(monkeypatch, tmp_path):
    import train

    monkeypatch.chdir(tmp_path)
    (tmp_path / 'my list\'s, "first".csv').touch()
    (tmp_path / "configs").symlink_to(pathlib.Path(best.__file__).parent)

    experiment = best.get_config()
    experiment.data.source = 'csv:my list\'s, "first".csv'
    experiment.evaluation.tta = not finetune.get_config().evaluation.tta
    line = next_command.spell("python train.py", experiment.to_dict() | {"folds": 5}, "runs/x y", seed=3)
    words = shlex.split(line)
    assert words[:3] == ["python", "train.py", "--config=configs/best.py"] and len(words) == 7
    experiment_flags.parse_flags(words[1:])
    experiment.seed = 3
    assert train.CONFIG.value.to_dict() == experiment.to_dict() and train.WORKDIR.value == "runs/x y"


def test_only_what_differs_from_the_recipe_is_typed():
    line = next_command.spell(
        "python train.py", finetune.get_config().to_dict(), "runs/x", data__corrections="a"
    )
    assert line == "python train.py --config=configs/finetune.py --config.data.corrections=a --workdir=runs/x"


def test_a_config_that_cannot_be_run_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(next_command, "CONFIGS", tmp_path)
    (tmp_path / "broken.py").write_text("import what_is_not_there")
    line = next_command.spell("python train.py", best.get_config().to_dict(), "runs/x")
    assert "--config=configs/finetune.py" in line and "--config.data.image_size=448" in line
