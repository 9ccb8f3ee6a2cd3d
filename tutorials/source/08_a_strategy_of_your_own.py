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
# After this lesson you can
#
# - use your own LightningModule, unchanged, in an active learning loop;
# - change how it learns and queries in three ways: with new parts, a new score, a new training
#   step;
# - check that your strategy follows the rules that every strategy must follow.
#
# It takes about half a minute to run. The seed is 0.

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

torch.set_num_threads(1)  # such a small network is fastest on one thread

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16).float().reshape(-1, 8, 8), torch.tensor(y)
train, test = TensorDataset(x[:1300], y[:1300]), TensorDataset(x[1300:], y[1300:])

# %% [markdown]
# ## Your own module
#
# This is an ordinary LightningModule, like one that you may already have. It does not depend on
# alkit. It defines a training step, a test step and an optimizer.


# %%
class Reader(L.LightningModule):
    """Classifier of digits of 8 x 8 pixels."""

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
# `ActiveLearner` combines the module with a pool. The module trains on the annotated samples, with
# its own `training_step`.

# %%
options = {"test": test, "test_batch_size": 512, "seed": 0}


def start(learner_class=al.ActiveLearner, **more):
    """Return a learner trained for 100 steps on 40 random labels."""
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
# By default, the learner queries the samples with the smallest margin. Here they are, with the
# label, the model's guess and the score. (Nobody has paid for these labels yet: the picture looks
# them up in the data set.) A frame marks a wrong guess.

# %% alt="Twelve digits with their labels, guesses and margins; some guesses are wrong"
al.plots.gallery(learner.query(12), train, columns=6)
plt.show()

# %% [markdown]
# ## First way: new parts
#
# A learner chooses samples with two parts. A *criterion* scores each sample separately. A
# *selector* picks a batch. Both are arguments, so a new method may need only different parts. This
# one takes the 120 highest scores and picks 12 of them that are far apart:

# %%
spread = start(
    criterion=al.Entropy(),
    selector=al.Prefilter(10, al.KCenter()),
    features="net.2",  # distances are measured in the output of this layer
)
print(spread.query(12))

# %% [markdown]
# If no existing part does what you want, write one. A selector takes the candidates, a number n and
# a generator, and returns n positions among the candidates. It must draw all its random numbers
# from the generator, so that the same seed gives the same picks.


# %%
class Lottery(al.Selector):
    """Draw n candidates with probabilities proportional to their scores."""

    def select(self, candidates, n, generator):
        chances = candidates.scores.clamp_min(1e-6)
        return torch.multinomial(chances, n, generator=generator)


al.testing.check_selector(Lottery())
lottery = start(criterion=al.Entropy(), selector=Lottery())
print(lottery.query(12))

# %% [markdown]
# `check_selector` tries the selector on awkward candidates: equal scores, a single candidate, a
# query for more samples than there are candidates. It prints nothing if all checks pass. Try this
# way first: a part that you write once works in any strategy.
#
# ## Second way: a new score
#
# Override `score(prediction)` if the score belongs to this strategy only. Samples with higher
# scores are queried first. `prediction.mean_probabilities` is `(N, C)`: N samples, C classes. The
# pool is scored in batches, so the score of a sample must depend only on its own row.
#
# Suppose that the classifier confuses threes and eights, and that this mistake is expensive. The
# product of the two probabilities is high where the model hesitates between exactly these two.


# %% alt="Twelve digits, most of them threes and eights"
class ThreeOrEight(al.ActiveLearner):
    """Query samples that the model finds hard to classify as 3 or 8. The score is in [0, 1/4]."""

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
print(f"{share:.0%} are a 3 or an 8, against 20 % of all digits")

# %% tags=["hidden"]
assert share > 0.5
assert abs(((y == 3) | (y == 8)).float().mean() - 0.2) < 0.01

# %% [markdown]
# More than half of them are threes or eights, found with only 40 labels. Do not use this score if
# all digits matter: you get what you ask for.
#
# ## Third way: a new training step
#
# You can also change how the model learns. You could edit the `training_step` of your module. But a
# change that belongs to the *strategy* should go into the learner, where it works with any module:
# override the learner's `training_step`. `self(x)` calls the model. Here each image is blended with
# another one from its batch, and the losses are blended in the same way (mixup, Zhang et al. 2018,
# with a fixed share).


# %%
class Mixup(al.ActiveLearner):
    """Learner that trains on blends of two images."""

    def training_step(self, batch, batch_idx):
        x, y = batch
        outputs = self(0.8 * x + 0.2 * x.flip(0))
        loss = 0.8 * cross_entropy(outputs, y) + 0.2 * cross_entropy(outputs, y.flip(0))
        self.log("train_loss", loss)
        return loss


print("plain:", start().test())
print("mixup:", start(Mixup).test())

# %% [markdown]
# The query is unchanged: `Mixup` still queries small margins. Only the model is different.
#
# ## Full control of the query
#
# If neither a part nor a score can express what you want, override `query_strategy(pool, n)`. It
# returns n dataset indices of unannotated samples. This strategy ignores the model, and picks the
# most central image of each of n clusters.


# %% alt="Twelve digits that look typical"
class Clusters(al.ActiveLearner):
    """Query the unannotated sample nearest to the center of each of n clusters of images."""

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
# ## Does it follow the rules?
#
# `check_strategy` runs a strategy on a small pool of points in the plane. It checks four rules:
#
# - a query returns the right number of distinct samples and changes nothing;
# - the same seed gives the same run;
# - `reset_model` restores the weights;
# - the strategy uses no labels that nobody paid for.


# %%
class Points(Reader):
    """The same module, for points in the plane with three classes."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
        self.accuracy = Accuracy(task="multiclass", num_classes=3)


def make(pool, test):
    torch.manual_seed(0)
    return Mixup(Points(), pool, test=test, seed=0).build()


al.testing.check_strategy(make)

# %% [markdown]
# It prints nothing, so all checks pass. What happens if a strategy breaks a rule? This one draws
# from numpy's global random state, a common mistake: the same seed then gives a different query
# each time.


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
    raise RuntimeError("the mistake was not detected")

# %% [markdown]
# Could a strategy peek at labels? The pool prevents it: for an unannotated sample, `pool[i]` is the
# image without its label.

# %% [markdown]
# ## Is it any good?
#
# You can compare everything above like any other strategy. A strategy that runs does not
# necessarily help, and lesson 9 is about finding out.


# %% alt="Learning curves of four strategies; the one that asks for threes and eights is lowest"
def of(learner_class, **more):
    """Return a function that creates such a learner from a pool and a seed."""
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
# With three trials the bands overlap nearly everywhere. Only one thing is clear: querying only
# threes and eights makes a poor classifier of all ten digits.

# %% tags=["hidden"]
final = {name: result.curves(name)[1][:, -1].mean() for name in result.strategies}
assert final["3 or 8"] == min(final.values())
assert final["3 or 8"] < final["uniform"] - 0.03

# %% [markdown]
# **Exercise 08-a.** Write a score that is high where the *second* guess of the model is probable:
# the second largest probability of each sample. It is 0 where the model is certain, and reaches its
# maximum of 1/2 where two classes have probability 1/2 each.


# %% nbgrader={"grade": false, "grade_id": "08-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def second_guess(prediction):
    """Return scores (N,); higher scores are queried first."""
    ### BEGIN SOLUTION
    return prediction.mean_probabilities.topk(2).values[:, 1]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "08-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("08-a", second_guess)

# %% [markdown]
# A plain function is a criterion, too: `al.ActiveLearner(module, pool, criterion=second_guess)`.
#
# **Exercise 08-b.** Write a selector that trusts its scores for only half of the picks. Of the n
# picks, the first `n - n // 2` are those with the highest scores, highest first. The other `n // 2`
# are drawn at random from all other candidates.


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
# **Exercise 08-c.** Write a learner that trains on noisy images. Add a random number to each
# pixel of each batch, from a normal distribution with mean 0 and standard deviation 0.1. The loss
# is `cross_entropy`, as before. Images that are scored for a query stay unchanged.


# %% nbgrader={"grade": false, "grade_id": "08-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
class Noisy(al.ActiveLearner):
    ### BEGIN SOLUTION
    def training_step(self, batch, batch_idx):
        x, y = batch
        return cross_entropy(self(x + 0.1 * torch.randn_like(x)), y)

    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "08-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("08-c", Noisy)
