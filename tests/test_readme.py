"""The README: short, its commands run by CI, its files there, its figures those of the configs."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTIONS = [each for each in re.split(r"^## ", README, flags=re.M) if "```bash" in each]


def test_it_is_short():
    assert len(README.splitlines()) <= 130


@pytest.mark.parametrize("section", SECTIONS, ids=lambda each: each.partition("\n")[0])
def test_every_command_is_run_by_ci_letter_by_letter(section):
    title = section.partition("\n")[0]
    assert f'"{title}"' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    command = [sys.executable, ".ci/readme.py", title]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (block,) = re.findall(r"```bash\n(.*?)```", section, re.S)
    kept = [line for line in block.splitlines() if "flowers_keras.demo" not in line]  # it serves until Ctrl-C
    assert kept and "\n".join(kept) in printed


def test_no_command_stands_outside_of_what_ci_runs():
    blocks = re.findall(r"```(\w*)\n(.*?)```", README, re.S)
    assert [kind for kind, text in blocks if re.search("^(python|pip) ", text, re.M)] == ["bash"] * len(
        SECTIONS
    )


def test_what_it_links_to_is_there():
    titles = re.findall("^## (.*)", README, re.M)
    anchors = {title.lower().replace(" ", "-") for title in titles}
    links = re.findall(r"\]\((?!https:)(.*?)\)", README)
    assert len(links) > 5
    for link in links:
        assert link[1:] in anchors if link.startswith("#") else (ROOT / link).exists(), link
