import json

import pytest
import torch

from alkit.errors import FolderError
from alkit.experiment.states import StateFiles
from alkit.experiment.trial import State


def state(rows=1, finished=False, weights=True):
    """Of a trial, with values that plain JSON keeps exactly."""
    drawn = torch.randn(3, generator=torch.Generator().manual_seed(rows))
    return State(
        rows=[{"round": i, "testAccuracy": 0.1 + i / 3, "picked": [3, 1]} for i in range(rows)],
        finished=finished,
        fits=rows,
        pool={"annotated": [1, 2]},
        validation=None,
        monitor={},
        weights={"initial": {"weight": drawn}} if weights else None,
    )


def test_a_state_comes_back_exactly(tmp_path):
    StateFiles(tmp_path).write(state())
    found = StateFiles(tmp_path).read()
    assert found.rows == state().rows
    assert found.weights["initial"]["weight"].equal(state().weights["initial"]["weight"])
    assert StateFiles(tmp_path).read(weights=False).weights is None
    assert StateFiles(tmp_path / "other").read() is None


def test_weights_that_were_not_given_stay_those_before(tmp_path):
    files = StateFiles(tmp_path)
    files.write(state())
    files.write(state(rows=2, weights=False))
    found = StateFiles(tmp_path).read()
    assert len(found.rows) == 2
    assert found.weights["initial"]["weight"].equal(state().weights["initial"]["weight"])


def test_only_the_weights_of_the_last_state_are_kept_and_none_of_a_finished_one(tmp_path):
    files = StateFiles(tmp_path)
    for rows in (1, 2, 3):
        files.write(state(rows=rows))
    assert [path.name for path in tmp_path.glob("*.pt")] == ["weights-3.pt"]
    files.write(state(rows=4, finished=True))
    assert not list(tmp_path.glob("*.pt"))
    assert StateFiles(tmp_path).read().weights is None


def test_one_changed_number_is_seen(tmp_path):
    StateFiles(tmp_path).write(state())
    path = tmp_path / "state.json"
    whole = json.loads(path.read_text())
    whole["state"]["fits"] += 1
    path.write_text(json.dumps(whole))
    with pytest.raises(FolderError, match="checksum"):
        StateFiles(tmp_path).read()
