"""What people answer on the page is kept once a photo, whatever the list is called."""

import pytest

from flowers_keras.photos import csv_list
from flowers_keras.serving import correction_list
from tests.conftest import encode, textures


@pytest.mark.parametrize("name", ["corrections.csv", 'the "second" list.csv'])
def test_the_last_answer_to_a_photo_counts(tmp_path, name):
    first, second = (encode(each) for each in textures(2))
    path = tmp_path / name
    for data, label in ((first, "roses"), (second, "daisy"), (first, "tulips")):
        saved = correction_list.save_correction(path, data, label)
    assert saved["count"] == 2
    rows, missing = csv_list.read_rows(path)
    assert [row.label for row in rows] == ["daisy", "tulips"] and not missing


def test_a_label_that_holds_another_end_of_line_stays_whole(tmp_path):
    first, second = (encode(each) for each in textures(2))
    path, label = tmp_path / "corrections.csv", "two\u2028lines\x85"
    correction_list.save_correction(path, first, label)
    path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")  # as spreadsheets save it
    assert correction_list.save_correction(path, second, "roses")["count"] == 2
    assert path.read_text(encoding="utf-8").count(f",{label}\n") == 1
