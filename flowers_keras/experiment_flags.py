"""The flags of an experiment: those of absl, where `--config=FILE` is ml_collections' config flag.

`absl.app.run(main, flags_parser=parse_flags)` parses them before anything slow is imported.
"""

import os
import pathlib
import re
import sys
import traceback

from absl import app, flags, logging
from ml_collections import config_flags

from flowers_keras import config, next_command, progress, user_paths
from flowers_keras.errors import UserError

# allow_override: a notebook may import this module again.
QUIET = flags.DEFINE_bool("quiet", False, "print only the result", allow_override=True)
VERBOSE = flags.DEFINE_bool("verbose", False, "print every epoch and every segment", allow_override=True)

EXAMPLE = "type for instance --config=configs/quickstart.py"


def parse_flags(arguments, default=None):
    """Parses `absl.flags.FLAGS`, or prints the help.

    Args:
      arguments: list of str, the program's name first; `--config` may be at any position.
      default: path of the config file if the arguments name none.

    Returns:
      The arguments, for `main`.

    Raises:
      UserError: names the file, the field or the flag that is wrong.
      SystemExit: the help was asked for.
    """
    path, others, words = default, [], iter(arguments[1:])
    for word in words:
        if re.match("--?config(=|$)", word):
            path = word.partition("=")[2] if "=" in word else next(words, None)
        else:
            others.append(word)
    experiment = _load(path := user_paths.user_path(path)) if path else config.default_config()
    if not {"-h", "--help"}.isdisjoint(others):
        _print_help(experiment)
        sys.exit(0)
    if not path:
        if not others:
            print(_describe_configs(), file=sys.stderr)
        raise UserError(f"--config is missing; {EXAMPLE}")
    _parse([arguments[0], f"--config={path}", *others])
    return arguments


def config_name():
    """The name of the config file, without its folder and ending."""
    return pathlib.Path(config_flags.get_config_filename(flags.FLAGS["config"])).stem


def _load(path):
    """The config that the file at `path` gives; UserError names the file."""
    if not path.is_file():
        raise UserError(f"--config={path} is not a file; {EXAMPLE}")
    sys.modules.pop("config_config", None)  # otherwise the file would run in the module of the previous one
    try:
        experiment = flags.FLAGS["config"].parser.parse(str(path))
        config.check_config(experiment)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:  # whatever the user's file raises
        reason = traceback.format_exception_only(error)[-1].strip().split("\n")[-1]
        raise UserError(f"{path} gives no config ({reason}); {EXAMPLE}") from error
    return experiment


def _parse(arguments):
    """Sets `FLAGS`, the config's first, which defines those of its fields."""
    for word in arguments:
        if (field := re.match(r"--?(?:no)?config\.([^=]*)", word)) and field[1] not in config.FIELDS:
            raise config.unknown_field(field[1])
    flags.FLAGS.unparse_flags()  # a notebook may run a command again
    for name in [each for each in flags.FLAGS if each.startswith("config.")]:
        delattr(flags.FLAGS, name)
    for flag in (QUIET, VERBOSE):
        flags.FLAGS[flag.name].unparse()
    typed, sys.argv = sys.argv, arguments  # where ml_collections looks for fields
    try:
        others = flags.FLAGS(arguments)[1:]
    except flags.Error as error:
        if field := re.match(r"flag --config\.([^=]*)=(.*?): ", str(error), re.DOTALL):
            raise config.not_allowed(*field.groups()) from error
        raise UserError(f"{error}; type --help for the flags there are") from error
    finally:
        sys.argv = typed
    if others:
        raise UserError(f"{others[0]!r} is not a flag; flags look like --config.seed=1")
    config.check_config(flags.FLAGS["config"].value)
    user_paths.check_paths(flags.FLAGS["config"].value)
    if QUIET.value and VERBOSE.value:
        raise UserError("--quiet and --verbose exclude each other; type one of them")
    detail = progress.QUIET if QUIET.value else progress.VERBOSE if VERBOSE.value else progress.NORMAL
    progress.set_detail(detail)
    if not flags.FLAGS["verbosity"].present:
        flags.FLAGS.verbosity = logging.WARNING  # absl would choose INFO, at which TFDS is loud


def _describe_configs():
    """One line for each file in configs/, its path and the first line of its docstring, under a title."""
    paths = next_command.config_files()
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in paths}
    lines = {os.path.relpath(path): text.partition("\n")[0].strip('"') for path, text in texts.items()}
    title = "configs, each with its test accuracy and its time on 2 cores with AMX:"
    return "\n".join([title, *(f"  {path}: {line}" for path, line in sorted(lines.items()))])


def _print_help(experiment):
    """Prints the flags; each field's meaning, allowed values, default and value; and the configs."""
    for flag in (QUIET, VERBOSE):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[flag.name])
    app.usage(shorthelp=True, writeto_stdout=True)
    print("fields of the config:")
    values = config.flatten(experiment.to_dict())
    for name, field in config.FIELDS.items():
        value = f"default {field.default!r}"
        if values[name] != field.default:
            value = f"{values[name]!r} in this config, {value}"
        text = f"--config.{name}: {field.help} [{field.allowed.words}; {value}]"
        print(flags.text_wrap(text, indent="    ", firstline_indent="  "))
    print(f"\n{_describe_configs()}")
