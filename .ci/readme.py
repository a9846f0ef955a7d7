"""Prints the README's commands under a heading, letter by letter: `python .ci/readme.py "Ship it"`."""

import pathlib
import re
import sys

text = pathlib.Path("README.md").read_text(encoding="utf-8")
(section,) = (each for each in re.split(r"^## ", text, flags=re.M) if each.startswith(f"{sys.argv[1]}\n"))
print("set -e")
for kind, block in re.findall(r"```(bash|python)\n(.*?)```", section, flags=re.S):
    if kind == "python" and "import" in block:
        print(f"python - <<'PYTHON'\n{block}PYTHON")
    elif kind == "bash":
        print("".join(line for line in block.splitlines(True) if "flowers_keras.demo" not in line), end="")
