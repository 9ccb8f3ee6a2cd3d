"""Script of ``strategies/test_joining.py``: what strategies do in two processes, on the CPU.

python two_processes.py run FOLDER       # all checks; each process writes what it saw
python two_processes.py die FOLDER       # process 1 ends in the second fit
"""

import os
import pickle
import sys
from pathlib import Path

import lightning as L
import torch
from torch import nn
from torch.utils.data import TensorDataset
from torchmetrics import SumMetric
from torchmetrics.classification import MulticlassAccuracy

import alkit as al

X = torch.randn(503, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] + X[:, 1] > 0).long() + (X[:, 2] > 1).long()
TEST = TensorDataset(X[:103] + 0.3, Y[:103])
QUIET = {"accelerator": "cpu", "enable_progress_bar": False}
TWO = {**QUIET, "devices": 2, "strategy": "ddp"}


class Count(SumMetric):
    """Number of samples that were tested."""

    def update(self, y_hat, y):
        super().update(torch.ones(len(y)))


def network(*more):
    return nn.Sequential(
        nn.Sequential(nn.Linear(6, 16), *more, nn.ReLU(), nn.Dropout(0.2)), nn.Linear(16, 3)
    )


ARMS = {
    "margin": lambda: (al.MultiLayerPerceptron(6, [16], 3), {"criterion": al.Margin()}),
    "bald": lambda: (al.MCDropout(network(), samples=5), {"criterion": al.BALD()}),
    "k-means++": lambda: (network(), {"selector": al.KMeansPlusPlus()}),
    "k-center": lambda: (network(nn.BatchNorm1d(16)), {"selector": al.KCenter()}),
}


def strategy(arm, x=X, pool=None, **options):
    """A strategy without a seed of anything."""
    if pool is None:
        pool = al.ActiveLearningDataset(TensorDataset(x, Y))
        pool.annotate_random(23)
    model, asks = ARMS[arm]()
    metrics = [MulticlassAccuracy(3, average="micro"), Count()]
    options = {"batch_size": 10, "test_batch_size": 50, **asks, **options}
    return al.Strategy(model, pool, test=TEST, test_metrics=metrics, **options).build()


def told(query):
    """All that is written about a query, but its times."""
    parts = (query.indices, query.scores, query.guesses, query.shares)
    return [pickle.dumps(part) for part in parts] + [query.round, query.why, query.trace.candidates]


def rounds(learner, number, folder=None, **trainer):
    """What happens in some rounds of training, test, query and reset."""
    seen = []
    for _ in range(number):
        learner.fit(max_epochs=2, **trainer)
        steps, tested = learner.trainer.global_step, learner.test(**trainer)
        query = learner.query_and_update(7)
        annotated = learner.train_pool.annotated_indices.tolist()
        seen.append((steps, tested, told(query), annotated))
        learner.reset_model()
        if folder is not None:
            learner.save(folder / f"after_{query.round}.pt")
    return seen


def error_of(function):
    try:
        function()
    except Exception as error:
        return type(error).__name__, str(error)
    return None


def run(folder):
    saw = {"loop": rounds(strategy("margin"), 3, folder, **TWO)}
    rank = torch.distributed.get_rank()
    resumed = strategy("margin").load(folder / "after_1.pt")

    def stop(records, learner):
        return "other processes are not asked" if rank else None

    loop = al.ActiveLearningLoop(resumed, 7, 2, max_epochs=2, trainer=TWO, stop=stop)
    saw["resumed"] = [(r.steps, r.metrics, told(r.query)) for r in loop]
    for arm in ARMS:
        learner = strategy(arm)
        learner.fit(max_steps=12, **TWO)
        learner.save(folder / f"{arm}.pt")
        saw[arm] = learner.test(**TWO), told(learner.query(11))
    pool = al.ActiveLearningDataset(TensorDataset(X, Y), ledger=folder / "labels.db")
    torch.distributed.barrier()
    pool.annotate_random(23, seed=0)
    learner, asked = strategy("margin", pool=pool), []

    def oracle(ids):
        asked.append(rank)
        return Y[ids] if len(asked) == 1 else 1 / 0

    labeled = learner.query_and_update(5, oracle).indices.tolist()
    saw["oracle"] = [*asked], pool.labels_of(labeled), len(pool.ledger)
    saw["oracle fails"] = error_of(lambda: learner.query_and_update(5, oracle))
    saw["sizes differ"] = error_of(lambda: learner.query(5 + rank))
    learner = strategy("margin")
    learner.query(2)
    learner.train_pool.annotate([int(learner.train_pool.unannotated_indices[rank])])
    saw["annotations differ"] = error_of(lambda: learner.query(5))
    learner = strategy("margin", X + rank)
    saw["data differ"] = error_of(lambda: learner.fit(max_steps=2, **TWO))
    learner = strategy("margin", batch_size=10 + rank)
    saw["strategies differ"] = error_of(lambda: learner.fit(max_steps=2, **TWO))
    learner = strategy("margin")
    saw["not distributed"] = error_of(lambda: learner.fit(max_steps=2, **QUIET))
    torch.manual_seed(3)
    learner = strategy("margin", seed=7)
    learner.fit(max_steps=11, **TWO)
    saw["trained"] = {name: value.numpy() for name, value in learner.state_dict().items()}
    (folder / f"{rank}.pkl").write_bytes(pickle.dumps(saw))
    learner.fit(max_steps=9, callbacks=[Dies(folder / "dead")], **TWO)


class Dies(L.Callback):
    """Ends a process as a crash would, and touches a file."""

    def __init__(self, file):
        self.file = file

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_rank == 1 and trainer.global_step == 2:
            self.file.touch()
            os._exit(1)


if __name__ == "__main__":
    import two_processes  # so that the classes are those of the tests

    torch.set_num_threads(1)
    two_processes.run(Path(sys.argv[1]))
