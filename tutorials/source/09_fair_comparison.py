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
# # 9. Fair comparison
#
# You will be able to
#
# - take a large published gap apart, and see what made it;
# - compare two strategies in pairs, with an interval around their difference;
# - read a penalty matrix, and say what a comparison shows in one sentence.
#
# It takes about a minute, most of it in two cells. Seeds: 0 to 5.

# %%
import math
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset
from torchmetrics import Accuracy

import alkit as al

torch.set_num_threads(1)  # so small a network is fastest on one thread

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16).float(), torch.tensor(y)
train, test = TensorDataset(x[:1300], y[:1300]), TensorDataset(x[1300:], y[1300:])

# %% [markdown]
# ## Three strategies
#
# All three train the same network: a body of 64 units, and a head that makes ten outputs of them.
# Uniform asks for samples at random. Margin asks where the two likeliest classes are close.
# Adversarial also trains a critic, which tells annotated from unannotated samples, and asks for
# what the critic finds unlike everything annotated.

# %%
body = al.Sequential(al.Layer(torch.nn.Linear, 64, 64), al.Layer(torch.nn.ReLU))
head = al.Layer(torch.nn.Linear, 64, 10)
options = {
    "test": test,
    "test_metrics": [Accuracy(task="multiclass", num_classes=10)],
    "test_batch_size": 512,
    "optimizer": al.Adam(lr=3e-3),
}


def uniform(pool, seed):
    net = al.Sequential(body.new(), head.new())
    return al.UniformStrategy(net, pool, seed=seed, **options)


def margin(pool, seed):
    net = al.Sequential(body.new(), head.new())
    return al.UncertaintyStrategy(net, al.Margin(), pool, seed=seed, **options)


def adversarial(pool, seed):
    critic = al.Discriminator(64)
    return al.AdversarialStrategy(body.new(), head.new(), critic, pool, seed=seed, **options)


# %% [markdown]
# ## A published gap, in small
#
# A well-known crash course compares these three on MNIST. It trains the first two for ten passes
# over the annotated images, and Adversarial for five passes over *all* images, because its critic
# needs the unannotated ones as well. That sounds fair: fewer passes. But a pass over few images is
# few gradient steps. At 120 labels, Adversarial takes 2,340 steps and the other two take 10.
#
# We do the same in small. Uniform and Margin get 10 steps a round, Adversarial gets 100.

# %%
study = {"seeds": range(6), "rounds": 5, "query_size": 20, "progress": False}
short = al.compare({"uniform": uniform, "margin": margin}, train, max_steps=10, **study)

# %% [markdown]
# The next cell is the longest of this lesson, about half a minute. It gives all three the 100
# steps; we will need them for the fair comparison anyway.

# %%
equal = al.compare(
    {"uniform": uniform, "margin": margin, "adversarial": adversarial},
    train,
    max_steps=100,
    **study,
)

# %% [markdown]
# A result is a table of rows, one a strategy, seed and round. So the unfair comparison can be put
# together from the two: the short rows of Uniform and Margin, the long rows of Adversarial.

# %% alt="Learning curves: adversarial far above uniform and margin"
long_rows = [row for row in equal.rows if row["strategy"] == "adversarial"]
published = al.Result([*short.rows, *long_rows], {"reference": "uniform"})
published.plot()
plt.show()

# %% [markdown]
# Adversarial wins by half of the whole scale. It reaches an accuracy of 0.87 with 100 labels, where
# Uniform is at 0.27. A gap of this size convinces everybody. Here is what alkit says of it:

# %%
print(textwrap.fill(published.verdict(), 96))

# %% tags=["hidden"]
ends = {row["strategy"]: row["final"] for row in published.summary()}
assert abs(ends["adversarial"] - 0.87) < 0.03
assert abs(ends["uniform"] - 0.27) < 0.06
assert published.verdict().startswith("The steps are not equal: adversarial took 500")
assert "10 times as many" in published.verdict()

# %% [markdown]
# The first sentence is the one that matters: the steps are not equal. A model that was trained ten
# times as long is better, whatever it was trained on. The numbers behind that sentence are correct,
# and they answer another question.
#
# ## Equal steps
#
# Now all three take 100 steps a round. Nothing else has changed.

# %% alt="Learning curves of the three strategies with equal steps: close together"
equal.plot()
plt.show()

# %%
gains = {row["strategy"]: row["gain"] for row in published.tests()}
equal_gains = {row["strategy"]: row["gain"] for row in equal.tests()}
for name in ("margin", "adversarial"):
    print(f"{name:12} published {gains[name]:+.3f}   equal steps {equal_gains[name]:+.3f}")

# %% [markdown]
# The gain is the difference to Uniform, averaged over the labels spent (the *area* under the
# curve). Adversarial's gain was 0.54; with equal steps it is about 0.01. The gap was the training,
# not the selection.
#
# Steps are not the whole cost. A step of Adversarial also sees a batch of unannotated samples, so
# it took more than twice as many samples through the network, in twice the time:

# %%
for name in equal.strategies:
    rows = [row for row in equal.rows if row["strategy"] == name]
    print(f"{name:12} {sum(row['samples_seen'] for row in rows) / 6:,.0f} samples seen a trial")

# %% tags=["hidden"]
assert abs(gains["adversarial"] - 0.54) < 0.06
assert abs(equal_gains["adversarial"] - 0.014) < 0.02
assert len({row["steps"] for row in equal.rows}) == 1
seen = {
    name: sum(row["samples_seen"] for row in equal.rows if row["strategy"] == name)
    for name in equal.strategies
}
assert seen["adversarial"] > 2 * seen["uniform"] == 2 * seen["margin"]

# %% [markdown]
# ## Pairs
#
# Is a gain of 0.01 anything? First look at how far trials of *one* strategy are apart. Each line
# below is a seed: the area of Uniform at the left, of Adversarial at the right.

# %% alt="The areas of uniform and adversarial, a line for each of six seeds: four rise, two fall"
areas = {}
for name in equal.strategies:
    annotated, values = equal.curves(name)
    areas[name] = al.statistics.areas(annotated, values)

figure, ax = plt.subplots(figsize=(4.8, 3.6), layout="constrained")
for seed in range(6):
    pair = [areas["uniform"][seed], areas["adversarial"][seed]]
    ax.plot([0, 1], pair, "o-", color="0.35")
    ax.annotate(f"seed {seed}", (1.04, pair[1]), fontsize=8, va="center")
ax.set_xticks([0, 1], ["uniform", "adversarial"])
ax.set_xlim(-0.15, 1.35)
ax.set_ylabel("area: mean test accuracy")
plt.show()

# %% [markdown]
# Within one column the areas spread by 0.06: some seeds start with twenty lucky samples. That luck
# has nothing to do with the strategy, and a fair comparison takes it away. In `al.compare` all
# strategies share the initial samples, the initial weights and the order of the data, seed by seed.
# So we look at the slopes, the differences within a pair, in place of the two columns.

# %%
differences = areas["adversarial"] - areas["uniform"]
print("differences:", differences.round(3))

low, high = al.statistics.t_interval(differences)
apart = stats.ttest_ind(areas["adversarial"], areas["uniform"], equal_var=False)
loose = apart.confidence_interval()
print(f"95 % interval in pairs:      {low:+.3f} to {high:+.3f}")
print(f"95 % interval without pairs: {loose.low:+.3f} to {loose.high:+.3f}")

# %% [markdown]
# The interval holds the true difference in 95 of 100 such studies. With pairs it is a third
# narrower, from the same runs. That is worth as much as twice the trials. (It does not always help
# that much: for Margin the pairs gain almost nothing here.)

# %% tags=["hidden"]
assert 0.045 < np.ptp(areas["uniform"]) < 0.08
assert 0.55 < (high - low) / (loose.high - loose.low) < 0.75
margins = areas["margin"] - areas["uniform"]
tight = np.subtract(*al.statistics.t_interval(margins)[::-1])
interval = stats.ttest_ind(areas["margin"], areas["uniform"], equal_var=False)
interval = interval.confidence_interval()
assert abs(tight / (interval.high - interval.low) - 1) < 0.2
assert low < 0 < high

# %% [markdown]
# ## How sure?
#
# The interval holds zero. So the difference can be chance. `tests` says the same with a p-value:
# how often two equal strategies would come out as far apart as this. It is corrected for
# comparing two strategies with Uniform, since whoever tests often finds something.

# %%
print(equal.tests())

# %% [markdown]
# "Can be chance" does not mean "there is nothing". It means that six trials cannot tell. How many
# could? That depends on how far the differences spread, and on what you would care to find.

# %%
print(equal.trials_needed(0.02))

# %% [markdown]
# To find a difference of 0.02 in four of five studies, Adversarial needs about a dozen trials
# here, and Margin two dozen. Decide on the number before you run them. Whoever adds trials until
# the p-value is small sees it small in the end, even where there is nothing.

# %% tags=["hidden"]
assert all(row["p"] > 0.05 for row in equal.tests())
needed = equal.trials_needed(0.02)
assert 7 <= needed["adversarial"] <= 16
assert 16 <= needed["margin"] <= 32

# %% [markdown]
# ## Who beat whom
#
# With more than two strategies, a matrix says it at one glance. The row beat the column in that
# share of the rounds, each round judged by a paired t-test. The mean of a column is the *penalty*
# of its strategy: how often it was beaten. Lower is better.

# %% alt="A matrix of three strategies: margin and adversarial beat uniform in a third of the rounds"
penalties = equal.penalties()
al.plots.penalty_matrix(equal)
plt.show()

# %% [markdown]
# Nobody beat Margin or Adversarial. Both beat Uniform in some rounds. This counts wins, and does
# not say how large they were. It also tests at every round, where something is found now and then
# by chance. So it stands beside the interval of the areas, never in its place.

# %% tags=["hidden"]
found = dict(zip(penalties.strategies, penalties.matrix.sum(0)))
assert found["margin"] == found["adversarial"] == 0
assert found["uniform"] > 0

# %% [markdown]
# ## The verdict
#
# All of this is in one call. Read it in this order: are the steps equal? Did anything beat the
# reference? By how much, from where to where? At what cost?

# %%
print(textwrap.fill(equal.verdict(), 96))

# %% tags=["hidden"]
assert equal.verdict().startswith("Nothing was shown to beat uniform.")

# %% [markdown]
# ## What to keep
#
# 1. Equal gradient steps, or the comparison is one of training.
# 2. The same starts for all, and differences within pairs.
# 3. One number, chosen before the runs: the area. With its interval.
# 4. As many trials as the difference asks for: seldom three, often ten or more.
# 5. Labels for validation are labels. Count them.
# 6. The cost beside the gain: samples seen, seconds.

# %% [markdown]
# **Exercise 09-a.** One strategy makes 10 passes over the annotated samples. Another one makes 5
# passes over a joint set, which is as long as the larger of its two parts, annotated or
# unannotated. A pass is made in batches, and a last batch that is not full is a step too. How many times
# as many gradient steps does the second one take in a round?


# %% nbgrader={"grade": false, "grade_id": "09-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def times_as_many(annotated, unannotated, batch_size):
    ### BEGIN SOLUTION
    joint = 5 * math.ceil(max(annotated, unannotated) / batch_size)
    return joint / (10 * math.ceil(annotated / batch_size))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "09-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("09-a", times_as_many)

# %% tags=["hidden"]
assert times_as_many(120, 59_880, 128) == 2340 / 10

# %% [markdown]
# **Exercise 09-b.** Write the 95 % interval of the mean difference, ours less theirs, over paired
# trials: two arrays of one area a trial. Use Student's t (`stats.t.ppf`), since the trials are few.


# %% nbgrader={"grade": false, "grade_id": "09-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def paired_interval(ours, theirs):
    """Returns (low, high)."""
    ### BEGIN SOLUTION
    differences = np.asarray(ours) - np.asarray(theirs)
    trials = len(differences)
    half = stats.t.ppf(0.975, trials - 1) * differences.std(ddof=1) / math.sqrt(trials)
    return differences.mean() - half, differences.mean() + half
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "09-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("09-b", paired_interval)

# %% [markdown]
# **Exercise 09-c.** Write the matrix of one round: `values` is `(S, T)`, the accuracies of S
# strategies in T paired trials. The answer is `(S, S)`: 1 where the row beat the column, that is,
# where its mean is higher and the paired t-test (`stats.ttest_rel`) gives a p below 0.05; else 0.


# %% nbgrader={"grade": false, "grade_id": "09-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def beats(values):
    ### BEGIN SOLUTION
    count = len(values)
    matrix = np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            if i != j and values[i].mean() > values[j].mean():
                matrix[i, j] = stats.ttest_rel(values[i], values[j]).pvalue < 0.05
    return matrix
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "09-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("09-c", beats)
