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
