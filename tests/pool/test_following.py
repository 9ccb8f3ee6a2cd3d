"""Two processes of a distributed training with one ledger, without Lightning."""

import subprocess
import sys
from pathlib import Path

import alkit as al

SCRIPT = """
import sys, time
import torch
from torch import distributed
import alkit as al
from alkit.pool import following

rank, folder = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
pool = al.ActiveLearningDataset(torch.zeros(20, 2), ledger=f"{folder}/labels.db")
distributed.barrier()
if rank == 0:
    time.sleep(0.3)  # the other one is faster
pool.annotate([3, 1], [0, 1])
pool.relabel([3], [2])
pool.exclude([5, 6], "broken")
pool.include([6])
pool.annotate([7], [0])
pool.undo()
pool.annotate([8], [1])
distributed.barrier()
assert pool.labels_of([1, 3, 8]) == [1, 2, 1]
assert pool.excluded == {5: "broken"}
before = pool.state_dict()
assert pool.refresh().tolist() == [], pool.state_dict()
assert pool.state_dict() == before
if rank == 1:
    following.PATIENCE = 0.2
    try:
        pool.annotate([10], [1])
    except al.errors.AnnotationError as error:
        print(error)
    assert pool.state_dict() == before
distributed.barrier()
if rank == 0:
    pool.annotate([11], [1])
distributed.barrier()
if rank == 1:
    assert pool.refresh().tolist() == [11]
distributed.destroy_process_group()
"""


def test_each_answer_is_written_once_and_one_that_the_first_lacks_is_refused(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    workers = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path)], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        )
        for rank in range(2)
    ]  # fmt: skip
    told = [worker.communicate(timeout=100) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], told
    assert "it has not written the answer of process 1 about '10' within 0.2 s" in told[1][0]
    ledger = al.pool.Ledger(tmp_path / "labels.db")
    answers = [(e.sample, e.label or e.reason or "0") for e in ledger.entries() if not e.undoes]
    assert answers == [("3", "0"), ("1", 1), ("3", 2), ("5", "broken"), ("6", "broken"),
                       ("7", "0"), ("8", 1), ("11", 1)]  # fmt: skip
    pool = al.ActiveLearningDataset([[0.0, 0.0]] * 20)
    assert pool.get_num_annotated() == 0  # no process group here: nothing is followed
