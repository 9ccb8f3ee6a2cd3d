# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8. A strategy of your own
#
# You will be able to
#
# - put a LightningModule that you have, unchanged, into an active learning loop;
# - change what it asks for in three ways: with new parts, a new score, a new training step;
# - check that your strategy keeps the rules that every strategy keeps.
#
# It takes about half a minute. Seed: 0.

# %%
import lightning as L
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset
from torchmetrics import Accuracy

import alkit as al

torch.set_num_threads(1)  # so small a network is fastest on one thread

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16).float().reshape(-1, 8, 8), torch.tensor(y)
train, test = TensorDataset(x[:1300], y[:1300]), TensorDataset(x[1300:], y[1300:])

# %% [markdown]
# ## A module of your own
#
# This is an ordinary LightningModule, as you may have one already. It knows nothing of alkit: it
# says how it is trained, how it is tested, and with which optimizer.


# %%
class Reader(L.LightningModule):
    """Reads digits of 8 x 8 pixels."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        self.accuracy = Accuracy(task="multiclass", num_classes=10)

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def test_step(self, batch, batch_idx):
        x, y = batch
        self.accuracy(self(x), y)
        self.log("test_accuracy", self.accuracy)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=3e-3)


# %% [markdown]
# `ActiveLearner` puts it together with a pool. The module trains on what is annotated, by its own
# `training_step`.

# %%
options = {"test": test, "test_batch_size": 512, "seed": 0}


def start(learner_class=al.ActiveLearner, **more):
    """A learner that was trained for 100 steps on 40 random labels."""
    pool = al.ActiveLearningDataset(train)
    pool.annotate_random(40, seed=0)
    torch.manual_seed(0)  # the initial weights, as for any torch module
    learner = learner_class(Reader(), pool, **options, **more)
    learner.fit(max_steps=100, enable_progress_bar=False)
    return learner


learner = start()
print(learner.test())

# %% tags=["hidden"]
assert 0.65 < learner.test()["test_accuracy"] < 0.85

# %% [markdown]
# The learner asks for the samples with the smallest margin, since nobody said otherwise. Here they
# are, with the label (which nobody has paid for yet: the picture looks it up), the model's guess,
# and the score. A frame says that the guess is wrong.

# %% alt="Twelve digits with their labels, guesses and margins; some guesses are wrong"
al.plots.gallery(learner.query(12), train, columns=6)
plt.show()

# %% [markdown]
# ## First way: new parts
#
# A learner has two parts that choose. A *criterion* says how much each sample is wanted on its own.
# A *selector* says which samples together. Both are arguments, and whole methods are made by
# putting other parts in. This one looks at the 120 best scores and takes 12 of them that are far
# apart:

# %%
spread = start(
    criterion=al.Entropy(),
    selector=al.Prefilter(10, al.KCenter()),
    features="net.2",  # what is far apart is told by the output of this layer
)
print(spread.query(12))

# %% [markdown]
# And if no part does what you want, write one. A selector gets the candidates and the number n, and
# returns n positions among the candidates. It draws all its random numbers from the generator that
# it is given, so that the same seed gives the same picks.


# %%
class Lottery(al.Selector):
    """n candidates, drawn by lot with chances in proportion to their scores."""

    def select(self, candidates, n, generator):
        chances = candidates.scores.clamp_min(1e-6)
        return torch.multinomial(chances, n, generator=generator)


al.testing.check_selector(Lottery())
lottery = start(criterion=al.Entropy(), selector=Lottery())
print(lottery.query(12))

# %% [markdown]
# `check_selector` tries the part on awkward candidates: equal scores, a single one, more wanted
# than there are. It says nothing if all is well. This way is the one to try first: a part that you
# write once goes into any strategy.
#
# ## Second way: a new score
#
# Override `score(prediction)` where the wish is of this strategy alone. Higher is wanted sooner.
# `prediction.mean_probabilities` is `(N, C)`: N samples, C classes. The pool comes in chunks, so a
# score looks at its own row alone.
#
# Say that our reader confuses threes and eights, and that this confusion is the expensive one. The
# product of the two probabilities is high where the model wavers between just these.


# %% alt="Twelve digits, most of them threes and eights"
class ThreeOrEight(al.ActiveLearner):
    """Asks where the model cannot tell a 3 from an 8. The score is in [0, 1/4]."""

    def score(self, prediction):
        p = prediction.mean_probabilities
        return p[:, 3] * p[:, 8]


wavering = start(ThreeOrEight)
query = wavering.query(12)
al.plots.gallery(query, train, columns=6)
plt.show()

# %%
labels = train.tensors[1][query.indices]
share = ((labels == 3) | (labels == 8)).float().mean()
print(f"{share:.0%} are a 3 or an 8; among all digits it is 20 %")

# %% tags=["hidden"]
assert share > 0.5
assert abs(((y == 3) | (y == 8)).float().mean() - 0.2) < 0.01

# %% [markdown]
# More than half of them are threes or eights, found with 40 labels. This score is not what you want
# if all digits matter: what you ask for is what you get.
#
# ## Third way: a new training step
#
# What the model learns from can change as well. Your module's `training_step` is yours to edit, of
# course. But a change that belongs to the *strategy* goes into the learner, and then works with any
# module: override its `training_step`. `self(x)` is the model. Here each image is blended with
# another one of its batch, and the losses likewise (mixup, Zhang et al. 2018, with a fixed share).


# %%
class Mixup(al.ActiveLearner):
    """Trains on blends of two images."""

    def training_step(self, batch, batch_idx):
        x, y = batch
        outputs = self(0.8 * x + 0.2 * x.flip(0))
        loss = 0.8 * cross_entropy(outputs, y) + 0.2 * cross_entropy(outputs, y.flip(0))
        self.log("train_loss", loss)
        return loss


print("plain:", start().test())
print("mixup:", start(Mixup).test())

# %% [markdown]
# The query is untouched: `Mixup` asks for small margins, as before. What it is asked about is
# another model.
#
# ## The whole choice
#
# If neither a part nor a score can say what you want, override `query_strategy(pool, n)`. It
# returns n dataset indices of samples that are not annotated yet. This one ignores the model, and
# takes the most central image of each of n clusters.


# %% alt="Twelve digits that look typical"
class Clusters(al.ActiveLearner):
    """The unannotated sample nearest to the center of each of n clusters of images."""

    def query_strategy(self, pool, n):
        ids = pool.unannotated_indices
        images = np.stack([image.numpy().ravel() for image in pool.unannotated])  # no labels
        means = KMeans(n, n_init=1, random_state=0).fit(images)
        distances = means.transform(images)
        picked = []
        for cluster in range(n):
            members = np.flatnonzero(means.labels_ == cluster)
            picked.append(ids[members[distances[members, cluster].argmin()]])
        return picked


al.plots.gallery(start(Clusters).query(12), train, columns=6)
plt.show()

# %% [markdown]
# ## Does it keep the rules?
#
# `check_strategy` runs a strategy on a small pool of points in the plane. It checks that a query
# gives the right number of distinct samples and changes nothing; that the same seed gives the
# same run; that `reset_model` restores the weights; and that no label is used that nobody paid for.


# %%
class Points(Reader):
    """The same module, for points in the plane of three classes."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
        self.accuracy = Accuracy(task="multiclass", num_classes=3)


def make(pool, test):
    torch.manual_seed(0)
    return Mixup(Points(), pool, test=test, seed=0).build()


al.testing.check_strategy(make)

# %% [markdown]
# It says nothing, so all is well. What does it say of one that breaks the rules? This one draws from
# numpy's global random numbers, a common slip: the same seed then gives another query each time.


# %%
class Careless(al.ActiveLearner):
    def query_strategy(self, pool, n):
        return np.random.permutation(pool.unannotated_indices)[:n]  # noqa: NPY002


def make_careless(pool, test):
    torch.manual_seed(0)
    return Careless(Points(), pool, test=test, seed=0).build()


try:
    al.testing.check_strategy(make_careless)
except al.testing.LawError as error:
    print(error)
else:
    raise RuntimeError("the slip went unseen")

# %% [markdown]
# And a peek at labels? A pool does not give them: `pool[i]` of a sample that is not annotated is the
# image alone.

# %% [markdown]
# ## Is it any good?
#
# Everything above goes into a comparison like any other strategy. Whether it helps is another
# question than whether it runs, and lesson 9 is about that question.


# %% alt="Learning curves of four strategies; the one that asks for threes and eights is lowest"
def of(learner_class, **more):
    """How to make such a learner for a pool and a seed."""
    return lambda pool, seed: learner_class(
        Reader(), pool, test=test, test_batch_size=512, seed=seed, **more
    )


strategies = {
    "uniform": of(al.ActiveLearner, selector=al.Random()),
    "lottery": of(al.ActiveLearner, criterion=al.Entropy(), selector=Lottery()),
    "3 or 8": of(ThreeOrEight),
    "mixup": of(Mixup),
}
result = al.compare(
    strategies, train, seeds=range(3), rounds=4, query_size=20, max_steps=50, progress=False
)
result.plot()
plt.show()

# %% [markdown]
# With three trials the bands overlap nearly everywhere. Only one thing is clear: asking for threes
# and eights alone makes a poor reader of all ten digits.

# %% tags=["hidden"]
final = {name: result.curves(name)[1][:, -1].mean() for name in result.strategies}
assert final["3 or 8"] == min(final.values())
assert final["3 or 8"] < final["uniform"] - 0.03

# %% [markdown]
# **Exercise 08-a.** Write a score that is high where the *second* guess of the model is likely: the
# second largest probability of each sample. It is 0 for a certain model, and largest, 1/2, where
# two classes share everything.


# %% nbgrader={"grade": false, "grade_id": "08-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def second_guess(prediction):
    """Scores (N,), higher is wanted sooner."""
    ### BEGIN SOLUTION
    return prediction.mean_probabilities.topk(2).values[:, 1]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "08-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("08-a", second_guess)

# %% [markdown]
# A plain function is a criterion too: `al.ActiveLearner(module, pool, criterion=second_guess)`.
#
# **Exercise 08-b.** Write a selector that trusts its scores by half. Of the n picks, the first
# `n - n // 2` are those with the best scores, best first. The other `n // 2` are drawn at random
# from all other candidates.


# %% nbgrader={"grade": false, "grade_id": "08-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
class HalfTrust(al.Selector):
    def select(self, candidates, n, generator):
        ### BEGIN SOLUTION
        order = candidates.scores.argsort(descending=True)
        best, others = order[: n - n // 2], order[n - n // 2 :]
        drawn = torch.randperm(len(others), generator=generator)[: n // 2]
        return torch.cat([best, others[drawn]])
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "08-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("08-b", HalfTrust())

# %% [markdown]
# **Exercise 08-c.** Write a learner that trains on noisy images: to each pixel of each batch a
# random number is added, from a normal distribution of mean 0 and standard deviation 0.1. The
# loss is `cross_entropy`, as before. Images that are scored for a query stay as they are.


# %% nbgrader={"grade": false, "grade_id": "08-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Noisy(al.ActiveLearner):
    ### BEGIN SOLUTION
    def training_step(self, batch, batch_idx):
        x, y = batch
        return cross_entropy(self(x + 0.1 * torch.randn_like(x)), y)

    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "08-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("08-c", Noisy)
