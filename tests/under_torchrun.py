"""Script of ``test_launched.py``: what users write, started by ``torchrun``.

torchrun --nproc_per_node=3 under_torchrun.py FOLDER       # each process writes what it saw
"""

import os
import pickle
import sys
from pathlib import Path

import torch
import two_processes as common
from sklearn.linear_model import LogisticRegression
from torch import distributed
from torch.utils.data import Dataset, TensorDataset

import alkit as al

PROCESSES = 3
BROKEN = (7, 26, 55)
QUIET = common.QUIET
ALL = {**QUIET, "devices": PROCESSES, "strategy": "ddp"}
X, Y = common.X[:59], common.Y[:59]


class Damaged(Dataset):
    """Some samples cannot be read, each scored by another process."""

    def __len__(self):
        return len(X)

    def __getitem__(self, k):
        if k in BROKEN:
            raise OSError(f"file {k} is damaged")
        return X[k], Y[k]


def strategy(annotated=None, data=None, model=None, **options):
    """Strategy of the first samples, whose weights have no seed in the processes."""
    pool = al.ActiveLearningDataset(TensorDataset(X, Y) if data is None else data)
    if annotated is not None:
        pool.annotate([k for k in range(annotated) if data is None or k not in BROKEN])
    model = al.MultiLayerPerceptron(6, [16], 3) if model is None else model
    options = {"batch_size": 10, "test_batch_size": 10, **options}
    return al.Strategy(model, pool, al.Margin(), test=common.TEST, **options).build()


def main(folder):
    place = int(os.environ["RANK"])
    saw, asked = {}, []

    def oracle(ids):
        asked.append(place)
        return Y[ids]

    launcher = {name: os.environ.pop(name) for name in ("RANK", "WORLD_SIZE")}
    elsewhere = strategy(20)
    elsewhere.query(3)  # as under a launcher that is not known
    os.environ.update(launcher)

    cold = strategy()
    first = cold.query_and_update(12, oracle).indices.tolist()
    saw["connected"] = distributed.is_initialized()
    saw["cold"] = first, cold.train_pool.labels_of(first)
    saw["rounds"] = common.rounds(cold, 2, **ALL)
    saw["asked"] = asked

    skips = strategy(20, Damaged(), on_error="skip")
    skips.save(folder / f"skips_{place}.pt")  # the first writes, before any meeting as well
    queries = []
    for _ in range(2):  # the second begins with what the first found
        queries.append(skips.query_and_update(5))
    saw["skips"] = [query.indices.tolist() for query in queries], dict(skips.unreadable)

    few = strategy(57, test_batch_size=1)  # two candidates for three processes
    saw["few"] = few.query_and_update(2).indices.tolist(), few.train_pool.get_num_annotated()

    torch.manual_seed(9)
    small = strategy(7, batch_size=2, seed=1)  # batches with fewer samples than processes
    small.fit(max_epochs=2, **ALL)
    saw["small"] = {name: value.numpy() for name, value in small.state_dict().items()}

    saw["queried alone"] = common.error_of(lambda: elsewhere.fit(max_steps=1, **ALL))
    alone = strategy(20)
    saw["one process"] = common.error_of(lambda: alone.fit(max_steps=1, **QUIET))
    fitted = strategy(20, model=al.Estimator(LogisticRegression()))
    saw["estimator"] = common.error_of(lambda: fitted.fit(**ALL))
    saw["stream"] = common.error_of(lambda: al.Stream(alone, budget=0.5))
    sizes = {"seeds": [0], "rounds": 2, "query_size": 3, "max_steps": 2}
    arms = {"a": lambda pool, seed: alone}
    saw["compare"] = common.error_of(lambda: al.compare(arms, TensorDataset(X, Y), **sizes))
    (folder / f"{place}.pkl").write_bytes(pickle.dumps(saw))


if __name__ == "__main__":
    torch.set_num_threads(1)
    import under_torchrun  # so that the classes are those of the tests

    under_torchrun.main(Path(sys.argv[1]))
