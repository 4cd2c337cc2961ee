import subprocess
import sys


def test_layer_needs_nothing_of_openmmlab():
    code = (
        "import sys, epropnp_det.pnp; "
        "print([n for n in ('mmengine', 'mmcv', 'mmdet', 'mmdet3d') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
