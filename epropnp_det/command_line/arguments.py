"""Command lines: a parser that helps with misspellings, and the arguments that tools share."""

import argparse
import difflib
import re
from typing import NoReturn

NUSCENES_VERSIONS = ("v1.0-mini", "v1.0-trainval", "v1.0-test")


class ToolParser(argparse.ArgumentParser):
    """A parser whose complaint about an unknown option names the one that is most like it.

    Args:
        description: what the tool does; its line breaks are kept.
        **kwargs: as those of `argparse.ArgumentParser`.
    """

    def __init__(self, description: str | None = None, **kwargs) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(description=description, **kwargs)

    def error(self, message: str) -> NoReturn:
        """Print the usage and one sentence on stderr, and exit with status 2."""
        unknown = re.match(r"unrecognized arguments: (-\S+)", message)
        if unknown:
            option = unknown[1].split("=")[0]
            known = [word for action in self._actions for word in action.option_strings]
            found = difflib.get_close_matches(option, known, n=1)
            message = f"there is no option {option}" + (
                f": did you mean {found[0]}?" if found else f": see `{self.prog} --help`."
            )
        super().error(message)


def positive(text: str) -> int:
    """A number of things: an argument's ``type``.

    Raises:
        argparse.ArgumentTypeError: it is no whole number of at least 1.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def score(text: str) -> float:
    """A score: an argument's ``type``.

    Raises:
        argparse.ArgumentTypeError: it is no number from 0 to 1.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return value


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
        "--local_rank", "--local-rank", type=int, default=0, help="set by the launcher"
    )


def add_nuscenes_version(parser: argparse.ArgumentParser, **kwargs) -> None:
    """Add ``--version``, one of nuScenes; further arguments are those of ``add_argument``."""
    parser.add_argument("--version", choices=NUSCENES_VERSIONS, **kwargs)


def _assignment(text: str) -> str:
    key, equals, _ = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form key=value")
    return text
