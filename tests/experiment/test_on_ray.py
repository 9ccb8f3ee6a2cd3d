"""Trials on Ray, on two workers of this machine."""

import os
import signal
from pathlib import Path

import pytest
from small import compare, lasting, margin, uniform

from alkit.errors import ConfigurationError

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
    assert "failed in round 2" in told
    assert ray.is_initialized()  # what was there before is left


def test_resources_that_are_not_there_are_said(two_workers):
    with pytest.raises(ConfigurationError, match="asks for 64 CPU, and Ray has 2"):
        compare(executor="ray", cpus=64)
