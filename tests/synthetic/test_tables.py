import numpy as np
import pytest

from epropnp_det.synthetic.tables import Measurement


@pytest.mark.parametrize("visible, level", [(0, 1), (39, 1), (40, 2), (60, 3), (80, 4), (100, 4)])
def test_visibility_levels_have_nuscenes_bounds(visible, level):
    measurement = Measurement(np.array([1]), np.array([visible]), np.array([100]))
    assert measurement.visibility(0) == level


def test_only_what_a_sensor_saw_is_annotated():
    measurement = Measurement(np.array([0, 2, 0]), np.array([0, 0, 5]), np.array([9, 0, 5]))
    assert measurement.annotated.tolist() == [1, 2]
    assert measurement.visibility(1) == 1


def test_records_are_linked_both_ways(tiny_nusc):
    for table in ("sample", "sample_data", "sample_annotation"):
        for record in getattr(tiny_nusc, table):
            if record["next"]:
                assert tiny_nusc.get(table, record["next"])["prev"] == record["token"]
    for instance in tiny_nusc.instance:
        last = tiny_nusc.get("sample_annotation", instance["last_annotation_token"])
        assert not last["next"] and last["instance_token"] == instance["token"]
