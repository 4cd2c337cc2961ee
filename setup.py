"""Packaging. The ranges live in requirements.txt; tools/install.py puts everything in order."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def requirements() -> list[str]:
    """Requirement specifiers of requirements.txt, without its comments."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


setup(
    name="epropnp_det",
    version="0.1.0",
    description="EPro-PnP-Det for MMDetection3D: monocular 3D object detection on nuScenes",
    python_requires=">=3.11,<3.12",
    packages=find_packages(include=["epropnp_det", "epropnp_det.*"]),
    install_requires=requirements(),
    extras_require={
        "tests": ["pytest>=9,<10", "hypothesis>=6.100,<7", "ruff>=0.17,<0.18"],
        "demo": ["embreex>=4.4,<5", "mitsuba>=3.9,<4"],
        "docs": ["furo>=2025.9.25,<2026", "myst-parser>=5.2,<6", "sphinx>=8.2,<8.3"],
        "benchmarks": ["pypose==0.9.5", "terminaltables>=3.1,<4"],
    },
)
