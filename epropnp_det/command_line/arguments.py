"""Command lines: a parser that helps with misspellings, and the arguments that tools share."""

import argparse
import difflib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

NUSCENES_VERSIONS = ("v1.0-mini", "v1.0-trainval", "v1.0-test")
TABLE_VERSION = re.compile(r"v\d+\.\d+-(mini|trainval|test)")
"""What the folder of a version is called, of nuScenes or a relative."""


class ToolParser(argparse.ArgumentParser):
    """A parser whose complaint about an unknown option names the one that is most like it.

    An empty word, such as that of an unset variable, is no value of any argument.

    Args:
        description: what the tool does; its line breaks are kept.
        **kwargs: as those of `argparse.ArgumentParser`.
    """

    def __init__(self, description: str | None = None, **kwargs) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(description=description, **kwargs)

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As that of `argparse.ArgumentParser`, which takes empty words."""
        found, rest = super().parse_known_args(args, namespace)
        for action in self._actions:
            value = getattr(found, action.dest, None)
            if value != action.default and "" in (value if isinstance(value, list) else [value]):
                name = "/".join(action.option_strings) or action.metavar or action.dest
                self.error(f"argument {name}: the word is empty: give a value, or leave it out")
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Print the usage and one sentence on stderr, and exit with status 2."""
        unknown = re.match(r"unrecognized arguments: (-\S+)", message)
        if unknown:
            option = unknown[1].split("=")[0]
            found = difflib.get_close_matches(option, list(_options(self)), n=1)
            message = f"there is no option {option}" + (
                f": did you mean {found[0]}?" if found else f": see `{self.prog} --help`."
            )
        super().error(message)


def at_least(least: int) -> Callable[[str], int]:
    """Whole numbers from ``least`` on: an argument's ``type``."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
        return int(text)

    return read


def between(low: float, high: float) -> Callable[[str], float]:
    """Numbers from ``low`` to ``high``: an argument's ``type``."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {low:g} to {high:g}")
        return value

    return read


positive = at_least(1)
"""A number of things: an argument's ``type``."""

score = between(0, 1)
"""A score: an argument's ``type``."""


def image_size(text: str) -> tuple[int, int]:
    """Width and height in pixels, of a word such as 640x480."""
    size = re.fullmatch(r"(\d+)x(\d+)", text.lower())
    if size is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 640x480, width by height")
    return int(size[1]), int(size[2])


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``: a list of ``key=value`` that `parse_options` reads."""
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        type=_assignment,
        metavar="KEY=VALUE",
        help="overrides of the config, for example train_cfg.max_epochs=1",
    )


def add_runner_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that trainings and tests have in common, in mmdet3d's style."""
    parser.add_argument("config", help="config file")
    parser.add_argument("--work-dir", help="folder for logs, checkpoints and results")
    add_cfg_options(parser)
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="how the processes of a distributed run were started",
    )
    parser.add_argument(
        "--local_rank", "--local-rank", type=at_least(0), default=0, help="set by the launcher"
    )


def add_nuscenes_version(parser: argparse.ArgumentParser, **kwargs) -> None:
    """Add ``--version``, one of nuScenes; further arguments are those of ``add_argument``."""
    parser.add_argument("--version", choices=NUSCENES_VERSIONS, **kwargs)


def add_table_version(parser: argparse.ArgumentParser, **kwargs) -> None:
    """Add ``--version`` of nuScenes or a relative; further arguments as above."""
    parser.add_argument("--version", type=table_version, metavar="VERSION", **kwargs)


def table_version(text: str) -> str:
    """Name of a folder of tables, such as v1.0-mini.

    Raises:
        ArgumentTypeError: it is of another form.
    """
    if not TABLE_VERSION.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"invalid choice: {text!r} (choose from {', '.join(map(repr, NUSCENES_VERSIONS))}, or "
            "one of the same form)"
        )
    return text


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Options of a parser and of its subcommands, whose unknown words it is that complains of."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _options(child)


def _assignment(text: str) -> str:
    key, equals, _ = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form key=value")
    return text
