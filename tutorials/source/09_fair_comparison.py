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
# After this lesson you can
#
# - analyze a large published gap, and find its cause;
# - compare two strategies in pairs, with an interval around their difference;
# - read a penalty matrix, and state the result of a comparison in one sentence.
#
# It takes about a minute to run, most of it in two cells. The seeds are 0 to 5.

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

torch.set_num_threads(1)  # such a small network is fastest on one thread

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16).float(), torch.tensor(y)
train, test = TensorDataset(x[:1300], y[:1300]), TensorDataset(x[1300:], y[1300:])

# %% [markdown]
# ## Three strategies
#
# All three train the same network: a body of 64 units, and a head with ten outputs. Uniform queries
# samples at random. Margin queries samples whose two most probable classes are close. Adversarial
# also trains a critic, which tells annotated from unannotated samples, and queries the samples that
# the critic finds unlike the annotated ones.

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
# ## A published gap on a small scale
#
# A well-known crash course compares these three strategies on MNIST. It trains the first two for
# ten passes over the annotated images. It trains Adversarial for five passes over *all* images,
# because the critic also needs the unannotated ones. That sounds fair: Adversarial makes fewer
# passes. But a pass over few images takes few gradient steps. At 120 labels, Adversarial takes
# 2,340 steps and the other two take 10.
#
# We do the same on a small scale. Uniform and Margin get 10 steps per round, Adversarial gets 100.

# %%
study = {"seeds": range(6), "rounds": 5, "query_size": 20, "progress": False}
short = al.compare({"uniform": uniform, "margin": margin}, train, max_steps=10, **study)

# %% [markdown]
# The next cell takes the longest, about half a minute. It runs all three strategies with 100 steps
# per round; we need these runs later for the fair comparison.

# %%
equal = al.compare(
    {"uniform": uniform, "margin": margin, "adversarial": adversarial},
    train,
    max_steps=100,
    **study,
)

# %% [markdown]
# A result is a table with one row per strategy, seed and round. So we can assemble the unfair
# comparison from the two results: the short runs of Uniform and Margin, and the long runs of
# Adversarial.

# %% alt="Learning curves: adversarial far above uniform and margin"
long_rows = [row for row in equal.rows if row["strategy"] == "adversarial"]
published = al.Result([*short.rows, *long_rows], {"reference": "uniform"})
published.plot()
plt.show()

# %% [markdown]
# Adversarial wins by more than half of the whole scale. It reaches an accuracy of 0.87 with 100
# labels, where Uniform is at 0.27. A gap of this size convinces everybody. Here is alkit's verdict:

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
# times as long is better, whatever it was trained on. The numbers after that sentence are correct,
# but they answer another question.
#
# ## Equal steps
#
# Now all three take 100 steps per round. Nothing else has changed.

# %% alt="Learning curves of the three strategies with equal steps: close together"
equal.plot()
plt.show()

# %%
gains = {row["strategy"]: row["gain"] for row in published.tests()}
equal_gains = {row["strategy"]: row["gain"] for row in equal.tests()}
for name in ("margin", "adversarial"):
    print(f"{name:12} published {gains[name]:+.3f}   equal steps {equal_gains[name]:+.3f}")

# %% [markdown]
# The gain is the difference from Uniform, averaged over the labels spent (the *area* under the
# curve). Adversarial's gain was 0.54; with equal steps it is about 0.01. The gap came from the
# training, not from the selection.
#
# Steps are not the whole cost. A step of Adversarial also processes a batch of unannotated samples.
# So more than twice as many samples went through its network, in twice the time:

# %%
for name in equal.strategies:
    rows = [row for row in equal.rows if row["strategy"] == name]
    print(f"{name:12} {sum(row['samples_seen'] for row in rows) / 6:,.0f} samples seen per trial")

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
# Does a gain of 0.01 mean anything? First we check how much the trials of *one* strategy differ.
# Each line below is one seed, with the area of Uniform on the left and of Adversarial on the right.

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
# Within one column the areas differ by up to 0.06: some seeds start with twenty lucky samples. That
# luck has nothing to do with the strategy, and a fair comparison removes it. In `al.compare`, all
# strategies share the initial samples, the initial weights and the order of the data of each seed.
# So we look at the slopes of the lines, the differences within a pair, instead of the two columns.

# %%
differences = areas["adversarial"] - areas["uniform"]
print("differences:", differences.round(3))

low, high = al.statistics.t_interval(differences)
apart = stats.ttest_ind(areas["adversarial"], areas["uniform"], equal_var=False)
loose = apart.confidence_interval()
print(f"95 % interval in pairs:      {low:+.3f} to {high:+.3f}")
print(f"95 % interval without pairs: {loose.low:+.3f} to {loose.high:+.3f}")

# %% [markdown]
# In 95 of 100 such studies, the interval contains the true difference. With pairs it is a third
# narrower, from the same runs. That is worth as much as twice the trials. (Pairs do not always help
# that much: for Margin they gain almost nothing here.)

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
# ## How certain is the difference?
#
# The interval contains zero, so the difference can be due to chance. `tests` expresses the same as
# a p-value: the probability that two equal strategies differ by at least this much. It is corrected
# for comparing two strategies with Uniform, since repeated tests eventually find something by
# chance.

# %%
print(equal.tests())

# %% [markdown]
# "Can be chance" does not mean "there is no difference". It means that six trials are too few to
# tell. How many are enough? That depends on how much the differences vary, and on the smallest
# difference that you want to detect.

# %%
print(equal.trials_needed(0.02))

# %% [markdown]
# To detect a difference of 0.02 in four of five studies, Adversarial needs about a dozen trials
# here, and Margin two dozen. Choose the number before you run them. If you add trials until the
# p-value is small, it will become small eventually, even if there is no difference.

# %% tags=["hidden"]
assert all(row["p"] > 0.05 for row in equal.tests())
needed = equal.trials_needed(0.02)
assert 7 <= needed["adversarial"] <= 16
assert 16 <= needed["margin"] <= 32

# %% [markdown]
# ## Pairwise wins
#
# With more than two strategies, a matrix gives an overview. Each entry is the share of rounds in
# which the row beat the column, judged by a paired t-test in each round. The mean of a column is
# the *penalty* of its strategy: how often it was beaten. Lower is better.

# %% alt="A matrix of three strategies: margin and adversarial beat uniform in a third of the rounds"
penalties = equal.penalties()
al.plots.penalty_matrix(equal)
plt.show()

# %% [markdown]
# No strategy beat Margin or Adversarial. Both beat Uniform in some rounds. The matrix counts wins,
# regardless of their size. It also tests in every round, and some of these tests find a win by
# chance. So use it in addition to the interval of the areas, never instead of it.

# %% tags=["hidden"]
found = dict(zip(penalties.strategies, penalties.matrix.sum(0)))
assert found["margin"] == found["adversarial"] == 0
assert found["uniform"] > 0

# %% [markdown]
# ## The verdict
#
# One call summarizes all of this. Read it in this order: Are the steps equal? Did anything beat the
# reference? By how much, and what is the interval? At what cost?

# %%
print(textwrap.fill(equal.verdict(), 96))

# %% tags=["hidden"]
assert equal.verdict().startswith("No strategy was shown to beat uniform.")

# %% [markdown]
# ## Checklist
#
# 1. Use equal gradient steps; otherwise you compare training, not selection.
# 2. Start all strategies from the same state, and compare differences within pairs.
# 3. Choose one number before the runs: the area. Report it with its interval.
# 4. Run enough trials to detect the difference: rarely three, often ten or more.
# 5. Labels for validation are labels. Count them.
# 6. Report the cost along with the gain: samples seen, seconds.

# %% [markdown]
# **Exercise 09-a.** One strategy makes 10 passes over the annotated samples. Another one makes 5
# passes over a joint set, which is as long as the larger of its two parts, annotated or
# unannotated. Each pass is split into batches, and a last batch that is not full also takes a step.
# Return the ratio of gradient steps per round: those of the second strategy divided by those of the
# first.


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
# **Exercise 09-b.** Compute the 95 % interval of the mean difference, ours minus theirs, over
# paired trials. The arguments are two arrays with one area per trial. Use Student's t
# (`stats.t.ppf`), since there are only a few trials.


# %% nbgrader={"grade": false, "grade_id": "09-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def paired_interval(ours, theirs):
    """Return (low, high)."""
    ### BEGIN SOLUTION
    differences = np.asarray(ours) - np.asarray(theirs)
    trials = len(differences)
    half = stats.t.ppf(0.975, trials - 1) * differences.std(ddof=1) / math.sqrt(trials)
    return differences.mean() - half, differences.mean() + half
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "09-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("09-b", paired_interval)

# %% [markdown]
# **Exercise 09-c.** Compute the matrix of one round. `values` is `(S, T)`, the accuracies of S
# strategies in T paired trials. The answer is `(S, S)`: 1 if the row beat the column, that is, if
# its mean is higher and the p-value of the paired t-test (`stats.ttest_rel`) is below 0.05;
# otherwise 0.


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
