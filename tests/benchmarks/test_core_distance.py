"""The C program that measures how far two cores are from each other."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "benchmarks/core_distance.c"
COMPILER = shutil.which("cc")


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
@pytest.mark.skipif(not {0, 1} <= os.sched_getaffinity(0), reason="needs cores 0 and 1")
def test_core_distance(tmp_path):
    program = tmp_path / "core_distance"
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run([COMPILER, "-O2", "-pthread", *warnings, SOURCE, "-o", program], check=True)
    run = subprocess.run([program], check=True, capture_output=True, text=True)
    number, unit, *_ = run.stdout.split()
    assert float(number) > 0 and unit == "ns"
