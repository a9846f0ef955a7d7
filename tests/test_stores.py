"""`python -m flowers_keras.stores`: what is stored, and its removal; nothing else is ever removed."""

import os

import numpy as np
import pytest

from flowers_keras import files, locks, stores
from flowers_keras.errors import UserError
from flowers_keras.training import store, store_list
from flowers_keras.training.features import cache_key

CONTENTS = {"augment": {"policy": "none"}, "image_size": 75, "boundary": "mixed8", "precision": "float32"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three finished stores, last used in January, February and 2999, and one that was cut off."""
    values = [(np.ones((2, 4), np.float32),) * 2]
    for number, used in enumerate(("2026-01-01", "2026-02-01", "2999-01-01")):
        contents = CONTENTS | {"backend": f"backend {number}"}
        kept = store.Store(tmp_path / "features" / cache_key(contents))
        kept.folder.mkdir(parents=True)
        kept.fill({"plain": ["a", "b"]}, lambda *_: values, 2)
        kept.describe(contents, f"folder:{number}")
        manifest = files.read_json(kept.folder / store.MANIFEST)
        files.write_json(kept.folder / store.MANIFEST, manifest | {"used": f"{used}T00:00:00+00:00"})
    cut_off = tmp_path / "features" / ("0" * 20)
    cut_off.mkdir()
    os.utime(cut_off, (0, 0))
    (tmp_path / "features" / "photos").mkdir()  # somebody's own
    return tmp_path / "features"


def keys(folder):
    found = store_list.find_stores(folder)
    by_source = {each["sources"][0]: each["key"] for each in found if "sources" in each}
    return [by_source[f"folder:{number}"] for number in range(3)]


def test_the_list_says_what_each_store_is_of(folder, capsys):
    assert stores.main([str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["key", "0" * 20, *keys(folder)]
    assert "1970-01-01" in lines[1] and "unfinished" in lines[1]
    assert (
        "2026-01-01       2  folder:0; 1 views, 75 px, augment none, mixed8, float32, backend 0" in lines[2]
    )
    stores.main(["--list", str(folder)])
    assert capsys.readouterr().out.splitlines() == lines


def test_stores_are_removed_by_key_or_age_and_nothing_else(folder, capsys):
    first, second, third = keys(folder)
    stores.main(["--remove", first, str(folder)])
    assert "removed 1 of 4 stores" in capsys.readouterr().out
    stores.main(["--older", "30", str(folder)])
    assert "removed 2 of 3 stores" in capsys.readouterr().out
    assert {each.name for each in folder.iterdir()} == {third, "photos"}
    assert second not in {each["key"] for each in store_list.find_stores(folder)}


@pytest.mark.parametrize("key", ["photos", "..", ".", "", "f" * 20, "/etc"])
def test_what_is_no_store_is_not_removed(folder, key):
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(UserError, match="holds no store"):
        stores.main(["--remove", keys(folder)[0], "--remove", key, str(folder)])
    assert sorted(folder.parent.rglob("*")) == before


def test_a_store_that_a_run_fills_is_not_removed(folder):
    key = keys(folder)[0]
    with locks.hold(folder / key / store.LOCK), pytest.raises(UserError, match=f"filling the store {key}"):
        stores.main(["--older", "0", str(folder)])
    assert len(store_list.find_stores(folder)) == 4


def test_a_wrong_folder_or_number_is_one_line(folder):
    with pytest.raises(UserError, match="nowhere is not a folder"):
        stores.main([str(folder / "nowhere")])
    for days in ("-1", "nan", "inf", "1e6"):
        with pytest.raises(UserError, match="--older"):
            stores.main([f"--older={days}", str(folder)])
