"""Problems to test the layer on."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from epropnp_det.pnp import HuberCost, OpenCVCamera, PerspectiveCamera, PnPProblem
from epropnp_det.pnp.camera import image_bounds
from epropnp_det.pnp.newer_torch import can_compile
from epropnp_det.pnp.pose import QuaternionPose, rotate

collect_ignore = [] if can_compile() else ["test_backend.py", "test_compile_errors.py"]

ProblemMaker = Callable[..., tuple[PnPProblem, Tensor]]
CameraMaker = Callable[[Tensor, Tensor | None], PerspectiveCamera]


class Golden(NamedTuple):
    """Reference numbers of one pose type."""

    dof: int
    arrays: dict[str, Tensor]


def load(path: Path) -> dict[str, Tensor]:
    np = pytest.importorskip("numpy")
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(params=[4, 6], ids=["4dof", "6dof"])
def dof(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="session")
def golden(golden_dir: Path) -> dict[str, Tensor]:
    return load(golden_dir / "public_pnp_4dof.npz")


@pytest.fixture(scope="session", params=[4, 6], ids=["4dof", "6dof"])
def golden_dof(golden_dir: Path, request: pytest.FixtureRequest) -> Golden:
    return Golden(request.param, load(golden_dir / f"public_pnp_{request.param}dof.npz"))


@pytest.fixture(scope="session")
def golden_proposals(golden_dir: Path) -> dict[str, Tensor]:
    return load(golden_dir / "public_proposals.npz")


@pytest.fixture
def golden_problem(golden: dict[str, Tensor]) -> Callable[..., PnPProblem]:
    """The reference objects, as leaves of the gradient, in any dtype."""

    def make(dtype: torch.dtype = torch.float64, arrays: dict[str, Tensor] = golden) -> PnPProblem:
        x3d, x2d, w2d = (arrays[k].to(dtype).requires_grad_() for k in ("x3d", "x2d", "w2d"))
        camera = PerspectiveCamera.of_image(arrays["cam_mats"].to(dtype), arrays["img_shape"])
        return PnPProblem(x3d, x2d, w2d, camera, HuberCost.adaptive(x2d, w2d))

    return make


def lens_camera(cam_mats: Tensor, bounds: Tensor | None = None) -> PerspectiveCamera:
    """A camera with a lens that bends the image by a few pixels."""
    distortion = cam_mats.new_tensor([-0.12, 0.05, 1e-3, -2e-3, 0.01])
    return OpenCVCamera(cam_mats, bounds, distortion=distortion.repeat(len(cam_mats), 1))


@pytest.fixture(params=[PerspectiveCamera, lens_camera], ids=["pinhole", "lens"])
def make_camera(request: pytest.FixtureRequest) -> CameraMaker:
    """Every camera model in turn."""
    return request.param


@pytest.fixture
def make_problem() -> ProblemMaker:
    """Random objects in front of a camera, and their true poses."""

    def make(
        batch: int = 4,
        num_points: int = 24,
        noise: float = 1.0,
        dtype: torch.dtype = torch.float64,
        seed: int = 0,
        depth: tuple[float, float] = (5.0, 40.0),
        bounded: bool = True,
        dof: int = 4,
        make_camera: CameraMaker = PerspectiveCamera,
    ) -> tuple[PnPProblem, Tensor]:
        rng = torch.Generator().manual_seed(seed)

        def uniform(low: float, high: float, *size: int) -> Tensor:
            return low + (high - low) * torch.rand(*size, generator=rng, dtype=dtype)

        size = torch.tensor([4.0, 1.6, 1.8], dtype=dtype)
        x3d = uniform(-0.5, 0.5, batch, num_points, 3) * size
        z = uniform(*depth, batch)
        centre = (uniform(-0.5, 0.5, batch) * z, uniform(-0.05, 0.1, batch) * z, z)
        if dof == 4:
            rotation = uniform(-3.1, 3.1, batch)[:, None]
        else:
            rotation = QuaternionPose.uniform_rotation(uniform(0, 1, batch, 3))
        pose = torch.cat((torch.stack(centre, dim=-1), rotation), dim=-1)
        intrinsics = torch.tensor([[1260.0, 0, 800], [0, 1255, 450], [0, 0, 1]], dtype=dtype)
        bounds = image_bounds(torch.tensor([900.0, 1600.0], dtype=dtype), 200).repeat(batch, 1)
        camera = make_camera(intrinsics.repeat(batch, 1, 1), bounds if bounded else None)
        x2d = camera.project(rotate(pose, x3d) + pose[:, None, :3])
        x2d = x2d + noise * torch.randn(x2d.shape, generator=rng, dtype=dtype)
        w2d = uniform(0.1, 0.5, batch, num_points, 2)
        return PnPProblem(x3d, x2d, w2d, camera, HuberCost.adaptive(x2d, w2d)), pose

    return make


@pytest.fixture
def degenerate(
    make_problem: ProblemMaker, request: pytest.FixtureRequest
) -> tuple[PnPProblem, Tensor, Tensor]:
    """A healthy object between broken ones: problem with leaves, poses, and which are healthy.

    Of 4 degrees of freedom, unless a test parametrises it indirectly.
    """
    healthy, pose = make_problem(batch=1, num_points=8, dof=getattr(request, "param", 4))
    x3d, x2d, w2d = (t.repeat(12, 1, 1) for t in (healthy.x3d, healthy.x2d, healthy.w2d))
    pose = pose.repeat(12, 1)
    cam_mats = healthy.camera.cam_mats.repeat(12, 1, 1)
    x3d[0], x2d[0] = x3d[0, :1], x2d[0, :1]  # coincident points
    w2d[1] = 0
    x3d[2, 3] = torch.nan
    x2d[3, 3] = torch.inf
    w2d[4, 3, 0] = torch.nan
    w2d[5, 1:] = 0  # one point
    x3d[6] = 0
    x2d[7] = x2d[7, :1]  # pixels coincide, the points do not
    x3d[8] = 1e30
    cam_mats[9, 0, 0] = torch.nan
    w2d[10] = 1e-30
    x3d, x2d, w2d = (t.requires_grad_() for t in (x3d, x2d, w2d))
    camera = PerspectiveCamera(cam_mats, healthy.camera.bounds.repeat(12, 1))
    problem = PnPProblem(x3d, x2d, w2d, camera, HuberCost.adaptive(x2d, w2d))
    return problem, pose, torch.arange(12) == 11
