"""The structure: the order of its folders, no cycles, small modules, and who may call TensorFlow."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "flowers_keras"
MODULES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")
}
ORDER = (
    "ground",
    "photos",
    "augment",
    "model",
    "training",
    "evaluation",
    "report",
    "serving",
    "recipe",
    "jobs",
    "commands",
    "benchmark",
)
GROUND = {
    "experiment_flags.py",
    "commands.py",
    "config.py",
    "distributed.py",
    "errors.py",
    "files.py",
    "quiet_tensorflow.py",
    "locks.py",
    "user_paths.py",
    "next_command.py",
    "progress.py",
    "runtime.py",
}


def level(path):
    """The place in `ORDER` of a module: that of its folder, of the ground, the recipe or the commands."""
    if "/" in path:
        return ORDER.index(path.partition("/")[0])
    if path == "recipe.py":
        return ORDER.index("recipe")
    return ORDER.index("ground" if path in GROUND else "commands")


def imports(path):
    """Modules of ours that a module imports, wherever in it, as paths."""
    for node in ast.walk(MODULES[path]):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: import by the full name"
            names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [each.value for each in node.args if isinstance(each, ast.Constant)]
        else:
            continue
        for name in names:
            file = name.removeprefix("flowers_keras.").replace(".", "/") + ".py"
            if name.startswith("flowers_keras.") and file in MODULES:
                yield file


@pytest.mark.parametrize("path", MODULES)
def test_a_module_imports_only_what_comes_before_it(path):
    if path != "__init__.py":  # which loads on demand
        later = [each for each in imports(path) if level(each) > level(path)]
        assert not later, f"{path} imports {later}"


def test_no_cycles():
    remaining = {path: set(imports(path)) - {path} for path in MODULES if path != "__init__.py"}
    while free := [path for path, needs in remaining.items() if not needs & remaining.keys()]:
        for path in free:
            del remaining[path]
    assert not remaining, f"among {sorted(remaining)}"


def test_no_alias_of_a_module_of_ours():
    for path, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flowers_keras"):
                assert not [each.name for each in node.names if each.asname], path


@pytest.mark.parametrize("path", MODULES)
def test_small_modules_of_small_functions(path):
    lines = len((PACKAGE / path).read_text().splitlines())
    assert lines <= 250, f"{path} has {lines} lines: split it by idea"
    for node in ast.walk(MODULES[path]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 40, f"{path}: {node.name} has more than 40 lines"


def test_only_these_call_tensorflow():
    """So that the network runs on any backend."""
    allowed = {
        "model/explain.py", "training/adam.py",  # a gradient and a step, where TensorFlow is the backend
        "photos/pipeline.py", "photos/resize.py", "photos/tfds_records.py",  # the input pipeline; TFDS
        "augment/operations.py", "augment/trivial_augment.py", "augment/training_views.py",  # parts of it
        "augment/mixup.py",
        "benchmark/predict_command.py", "benchmark/stages.py",  # compare with it
        "benchmark/whole_recipe.py",
        # Exports are TensorFlow functions, and LiteRT's file format comes with it.
        "serving/exported.py", "serving/litert.py", "serving/litert_metadata.py", "serving/onnx_file.py",
        "serving/portable.py", "serving/saved_model.py",
    }  # fmt: skip
    callers = {
        path
        for path, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or "", *(each.name for each in node.names)]
        if name.startswith("tensorflow")
    }
    assert callers <= allowed
