"""The experiment on the command line: `--config=FILE`, and a flag for each field of a config."""

import argparse
import functools
import importlib.util
import re

from flowers_keras import config, errors, files
from flowers_keras.errors import UserError

EXAMPLE = "type for instance --config=configs/quickstart.py"


def load_config(path):
    """What `get_config()` of the Python file at `path` returns.

    Raises:
      UserError: there is no such file, or it gives no config.
    """
    if not path.is_file():
        raise UserError(f"--config={path} is no file; {EXAMPLE}")
    spec = importlib.util.spec_from_file_location(f"config_{path.stem}", path)
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        experiment = module.get_config()
        config.check_config(experiment)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:  # whatever the user's file raises
        raise UserError(f"{path} gives no config ({type(error).__name__}: {error}); {EXAMPLE}") from error
    return experiment


def parse_arguments(parser, arguments=None, required=True):
    """Adds `--config=FILE` and a flag for each field to a command, and parses its arguments.

    Args:
      parser: errors.Arguments with the command's other flags, made with allow_abbrev=False.
      arguments: list of str; those of the process by default.
      required: whether a file must be named; else the default config is used.

    Returns:
      (argparse.Namespace, ConfigDict): the flags, of which `config` is the file's path or None, and
      the experiment with the fields that were set.

    Raises:
      UserError: names the file, the field or the flag that is wrong.
    """
    first = errors.Arguments(parser.prog, add_help=False, allow_abbrev=False)
    for each in (first, parser):
        each.add_argument("--config", type=files.user_path, metavar="FILE", help="configs/NAME.py")
    options, others = first.parse_known_args(arguments)
    if options.config is None and required and not {"-h", "--help"} & set(others):
        raise UserError(f"--config is missing; {EXAMPLE}")
    experiment = load_config(options.config) if options.config else config.default_config()
    _add_fields(parser, config.flatten(experiment.to_dict()))
    options, others = parser.parse_known_args(arguments)
    for each in others:
        if field := re.match(r"--config\.([^=]*)", each):
            raise config.unknown_field(field[1])
        raise UserError(f"{each!r} is no flag; type --help for those there are")
    for name in config.FIELDS:
        if hasattr(options, f"config.{name}"):
            experiment.update_from_flattened_dict({name: getattr(options, f"config.{name}")})
    config.check_config(experiment)
    return options, experiment


def _add_fields(parser, values):
    """A flag for each field; its help says what it may be and its value in the config, `values`."""
    parser.usage = f"{parser.prog} --config=FILE [--config.section.field=value ...] [other flags]"
    group = parser.add_argument_group("fields of the config")
    for name, field in config.FIELDS.items():
        value = f"default {field.default!r}"
        if values[name] != field.default:
            value = f"{values[name]!r} in this config, {value}"
        group.add_argument(
            f"--config.{name}",
            metavar=field.allowed.type.__name__,
            type=functools.partial(_parse, name),
            default=argparse.SUPPRESS,
            help=f"{field.help}: {field.allowed.words} ({value})".replace("%", "%%"),
            **({"nargs": "?", "const": True} if field.allowed is config.SWITCH else {}),
        )


def _parse(field, text):
    """The value that `text` means for `field`; UserError if it may not have it."""
    kind = config.FIELDS[field].allowed.type
    try:
        value = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError) as error:
        raise config.not_allowed(field, text) from error
    config.check_field(field, value)
    return value
