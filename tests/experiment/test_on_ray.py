"""Trials, and a selection over shards, on Ray: two workers of this machine."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from small import compare, lasting, margin, uniform

from alkit.errors import ConfigurationError

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "shards.md"

ray = pytest.importorskip("ray", reason="the extra alkit[ray] is not installed")


@pytest.fixture(scope="module")
def two_workers():
    """A local Ray whose workers import what is imported here."""
    import alkit

    folders = [str(Path(alkit.__file__).parents[1]), str(Path(__file__).parent)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(folders))
        patch.setenv("OMP_NUM_THREADS", "1")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_two_workers_give_the_serial_records_and_one_that_dies_is_replaced(two_workers, tmp_path):
    serial = compare()
    mark = tmp_path / "die"
    mark.touch()

    def dying(pool, seed):
        strategy = margin(pool, seed)
        query = strategy.query_strategy

        def once(*args):
            if pool.next_round == 2 and mark.exists():
                mark.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            return query(*args)

        strategy.query_strategy = once
        return strategy

    result = compare({"uniform": uniform, "margin": dying}, executor="ray", folder=tmp_path / "out")
    assert not mark.exists()
    assert lasting(result.rows) == lasting(serial.rows)
    (told,) = result.protocol["failures"]
    # the state after round 1 may be lost with the worker that has just sent it
    assert re.search("failed in round [12]", told)
    assert ray.is_initialized()  # what was there before is left


def test_resources_that_are_not_there_are_said(two_workers):
    with pytest.raises(ConfigurationError, match="asks for 64 CPU, and Ray has 2"):
        compare(executor="ray", cpus=64)


def test_the_selection_over_shards_of_the_page_has_the_picks_of_its_loop(two_workers, tmp_path):
    page = PAGE.read_text(encoding="utf-8")
    here, made, on_ray = re.findall(r"^```py(?:thon)?\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "shards"}
    exec(here + made, names)
    of_loop = names.pop("chosen")
    names["paths"] = [str(tmp_path / path) for path in names["paths"]]  # workers are elsewhere
    exec(on_ray, names)
    assert [(Path(path).name, row) for path, row in names["chosen"]] == of_loop
    assert len(set(of_loop)) == 20
