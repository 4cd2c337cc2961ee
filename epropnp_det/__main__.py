"""`python -m epropnp_det TOOL ...` runs a tool, with or without a clone of the repository."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from .errors import exit_with
from .shipped import comes_from_wheel, shipped_tools
from .spelling import nearest

USAGE = f"usage: python -m {__package__} TOOL ... (`TOOL --help` tells its arguments)"

# mmcv is compiled for the PyTorch that is installed, which pip would hide from its build.
FOR_MMCV = (
    "pip install 'torch<2.14' 'setuptools>=77,<80' wheel ninja && pip install --no-build-isolation"
)


def main() -> None:
    """Run the tool that the command line names, or list them all."""
    tools = shipped_tools()
    name, *words = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        width = max(map(len, tools))
        lines = [f"  {name:<{width}}  {first_line(path)}" for name, path in tools.items()]
        print(USAGE, "", *lines, sep="\n")
        return
    if name not in tools:
        hint = nearest(name, tools)
        exit_with(f"there is no tool {name!r}{hint}: `python -m {__package__}` lists them.")
    sys.argv = [str(tools[name]), *words]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        # What is installed and lacks a part is a defect, and keeps its traceback.
        if not module or find_spec(module):
            raise
        exit_with(f"{name} needs {module}, which is not installed: run `{command_for(module)}`.")


def first_line(tool: Path) -> str:
    """What a tool does, in the words of its docstring's first line."""
    return ast.get_docstring(ast.parse(tool.read_text(encoding="utf-8"))).splitlines()[0]


def command_for(module: str) -> str:
    """The command that installs a module which a tool needs."""
    if not comes_from_wheel():
        return "make env"
    for requirement in metadata.requires(__package__):
        found = re.match(rf"{module}\b.*extra == ['\"](\w+)", requirement)
        if found and found[1] != "det":
            return f"pip install '{__package__}[{found[1]}]'"
    # What the extra `det` names, or what comes along with that.
    return f"{FOR_MMCV} '{__package__}[det]'"


if __name__ == "__main__":
    main()
