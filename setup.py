"""What pyproject.toml cannot say: the extras, and the files of a wheel that are no modules."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
DETECTOR = "epropnp_det[det]"
RUNTIME = ["numpy>=1.26.4,<3", "opencv-python-headless>=4.11,<6", "shapely>=2.0.3,<3"]
RAY_CASTER = "embreex>=4.4,<5"

# Where mmengine and mim look for what comes with a package, and what it is.
SHIPPED = "epropnp_det/.mim"
FOLDERS = ("checkpoints", "configs", "tools")
INDEX = "model-index.yml"


class BuildWithShipped(build_py):
    """Adds configs, tools and the model index; an editable installation uses the clone's own."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        # What an earlier build left there would come along.
        shutil.rmtree(Path(self.build_lib, "epropnp_det"), ignore_errors=True)
        super().run()
        target = Path(self.build_lib, SHIPPED)
        for folder in FOLDERS:
            shutil.copytree(
                ROOT / folder, target / folder, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / INDEX, target)


def requirements() -> list[str]:
    """Requirement specifiers of requirements.txt, without its comments."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


setup(
    cmdclass={"build_py": BuildWithShipped},
    extras_require={
        "det": requirements(),
        "demo": [DETECTOR, RAY_CASTER, "mitsuba>=3.9,<4"],
        # Coordinate targets of the object pose network.
        "pose": [DETECTOR, RAY_CASTER],
        # The devkit is for Python below 3.12.
        "truckscenes": [DETECTOR, "truckscenes-devkit>=1.2,<1.3; python_version < '3.12'"],
        # To write ONNX files, and to run them where there is neither PyTorch nor the detector.
        "export": [DETECTOR, "onnx>=1.23,<2", "onnxscript>=0.7,<0.8"],
        "deploy": [*RUNTIME, "onnxruntime>=1.32,<2"],
        "openvino": [*RUNTIME, "openvino>=2026.4,<2027"],
        "docs": [DETECTOR, "furo>=2025.9.25,<2026", "myst-parser>=5.2,<6", "sphinx>=8.2,<8.3"],
        "benchmarks": [DETECTOR, "pypose==0.9.5", "terminaltables>=3.1,<4"],
        # Not the detector: the layer's tests run without.
        "tests": [
            "build>=1.6,<2",
            "hypothesis>=6.100,<7",
            "pytest>=9,<10",
            "ruff>=0.17,<0.18",
            "setuptools>=77",
            "twine>=6.1,<7",
            "wheel",
        ],
    },
)
