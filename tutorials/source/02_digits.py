# %% [markdown]
# # 2. Digits
#
# We run the loop of lesson 1 on images of handwritten digits, with three strategies side by side.
#
# After this lesson you can
#
# - explain what `query_and_update` and `reset_model` do, and why the model is reset,
# - read a learning curve vertically, horizontally, and with its band,
# - explain why one trial proves nothing, and what to do instead.
#
# Time: half an hour to read and do; all the code runs in about a minute on a laptop, without a
# download. The seeds are 0 to 7.

# %%
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset
from torchmetrics import Accuracy

import alkit as al

# these networks are tiny: more threads would only slow them down
torch.set_num_threads(1)

# %% [markdown]
# ## Data
#
# scikit-learn ships 1797 images of 8 by 8 pixels. We shuffle them once and keep 497 for testing.

# %%
x, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(x))
x, y = torch.tensor(x[order] / 16).float(), torch.tensor(y[order])
train, test = TensorDataset(x[:1300], y[:1300]), TensorDataset(x[1300:], y[1300:])

# %% [markdown]
# ## Three strategies
#
# - **Uniform** draws its samples at random. It is the baseline that the others have to beat.
# - **Margin** queries images whose two most probable digits are almost equally probable.
# - **Adversarial** also trains on the unannotated images. A second small network, the critic,
#   learns to tell annotated from unannotated images by their **features**, the numbers that the
#   first part of the model computes from an image. That first part learns to fool the critic. The
#   query selects images that the model is uncertain about, and among these the ones that the critic
#   finds unlike the annotated images (Shui et al. 2020). Lesson 7 covers this strategy.
#
# So the model has two parts: a **backbone** that computes features, and a **head** that predicts
# classes from them. Lesson 3 shows how to build such parts.

# %%
backbone = al.MultiLayerPerceptron(64, [], 64, out_activation=torch.nn.ReLU)
head = al.MultiLayerPerceptron(64, [], 10)
critic = al.Discriminator(64, [32])
options = {
    "test": test,
    "test_batch_size": 500,
    "optimizer": al.Adam(lr=5e-3),
    "test_metrics": [Accuracy(task="multiclass", num_classes=10)],
}


def uniform(pool, seed):
    net = al.Sequential(backbone.new(), head.new())
    return al.UniformStrategy(net, pool, seed=seed, **options)


def margin(pool, seed):
    net = al.Sequential(backbone.new(), head.new())
    return al.UncertaintyStrategy(net, al.Margin(), pool, seed=seed, **options)


def adversarial(pool, seed):
    parts = backbone.new(), head.new(), critic.new()
    return al.AdversarialStrategy(*parts, pool, seed=seed, **options)


# %% [markdown]
# ## What `query_and_update` does
#
# We run one round with margin, starting from 20 random labels.

# %%
pool = al.ActiveLearningDataset(train)
pool.annotate_random(20, seed=0)
torch.manual_seed(0)  # fixes the initial weights of the model
strategy = margin(pool, seed=0).build()
strategy.fit(max_steps=60, enable_progress_bar=False)

query = strategy.query(20)
print(len(pool.annotated_indices), "annotated: a query does not change the pool")

# %% [markdown]
# Here are the queried images, highest score first, with the score and the model's guess for each.

# %% alt="Twelve images of digits that are hard to read, each with its score and the model's guess."
images = TensorDataset(x[:1300].reshape(-1, 8, 8), y[:1300])
al.plots.gallery(query, images, columns=6, most=12)
plt.show()

# %% [markdown]
# `query_and_update(20)` is the same query, followed by `pool.annotate(query)`. Nothing has changed
# since the first query, so it selects the same 20 images:

# %%
again = strategy.query_and_update(20)
print("the same images:", (again.indices == query.indices).all())
print(len(pool.annotated_indices), "annotated")

# %% tags=["hidden"]
assert (again.indices == query.indices).all()
assert set(query.indices) <= set(pool.annotated_indices)
assert len(pool.annotated_indices) == 40

# %% [markdown]
# ## What `reset_model` does
#
# It restores the initial weights that `build` created, and restarts the optimizer.

# %%
begun = strategy.initial_weights["model.0.blocks.0.layer.weight"]
weight = strategy.module.model[0].blocks[0].layer.weight

print(f"distance from the initial weights after training: {(weight - begun).norm():.2f}")
strategy.reset_model()
print(f"distance from the initial weights after the reset: {(weight - begun).norm():.2f}")

# %% tags=["hidden"]
assert (weight == begun).all()

# %% [markdown]
# Why throw away what was learned? Without a reset, the model of round 5 has seen the first labels
# in five rounds of training, and the last ones in only one. What it learned early is hard to
# unlearn. From a fresh start every label counts equally, and the result measures what this set of
# labels is worth. The reset costs training time; `ActiveLearningLoop(..., warm_start=True)` skips
# it and continues from the weights of the previous round.
#
# ## The comparison
#
# We run eight trials. In each trial, all three strategies begin with the same 20 labels and the
# same weights, and take 60 steps per round. That makes the trials **paired**: within a trial, two
# strategies differ only in which samples they query, in how they train, and by chance.

# %%
result = al.compare(
    {"uniform": uniform, "margin": margin, "adversarial": adversarial},
    train,
    seeds=range(8),
    rounds=6,
    query_size=20,
    max_steps=60,
    progress=False,
)

# %% [markdown]
# ## One trial proves nothing
#
# Look at two of the eight trials separately:

# %% alt="Two trials: in the left one margin ends highest, in the right one adversarial does."
ends = {name: result.curves(name)[1][:, -1] for name in result.strategies}  # (8,) each
ahead = ends["margin"] - ends["adversarial"]
two = [int(ahead.argmax()), int(ahead.argmin())]

_, places = plt.subplots(1, 2, figsize=(6.4, 3.2), sharey=True, layout="constrained")
for ax, seed in zip(places, two):
    alone = [row for row in result.rows if row["seed"] == seed]
    al.plots.learning_curves(al.Result(alone, result.protocol), ax)
    ax.set_title(f"seed {seed}, one trial", loc="left", fontsize=9)
places[1].get_legend().remove()
places[1].set_ylabel("")
plt.show()

# %% tags=["hidden"]
assert ahead.max() > 0.005
assert ahead.min() < -0.02

# %% [markdown]
# The first trial suggests that margin is the better of the two; the second, that adversarial is.
# Only the seed differs: different initial labels, different initial weights, a different order of
# the data. Such differences are as large as those between strategies. Here are the final
# accuracies in each trial, with the best strategy:

# %%
for seed in range(8):
    best = max(ends, key=lambda name: ends[name][seed])
    print(f"seed {seed}:", {name: f"{ends[name][seed]:.3f}" for name in ends}, "->", best)

# %% [markdown]
# ## Reading a learning curve
#
# The lines show the mean of all eight trials.

# %% alt="Learning curves of eight trials: margin and adversarial are above uniform."
result.plot()
plt.show()

# %% [markdown]
# - **The start.** Uniform and margin begin at exactly the same point. Adversarial trains
#   differently, so it may begin at another accuracy; here the difference is small.
# - **Vertically**, at one number of labels: which accuracy does each strategy reach?
# - **Horizontally**, at one accuracy: how many labels did each strategy need? This matters to
#   whoever pays for the labels.
# - **The band** is the 95 % interval of the mean over the trials. It shows how far off the mean may
#   be. Overlapping bands do not mean that there is no difference, since the trials are paired: look
#   at the differences within trials.
# - **The end.** The curves converge once everything that can be learned is learned. A comparison
#   that runs for too many rounds finds no difference.
#
# The next figure reads the curves horizontally. It shows how many labels each strategy needed to
# reach an accuracy:

# %% alt="Labels needed against accuracy: uniform needs the most."
al.plots.labels_needed(result)
plt.show()

# %% [markdown]
# Now the differences within trials. Each mark is one trial: the final accuracy of margin minus
# that of uniform.

# %% alt="Eight differences between margin and uniform, nearly all above zero, and their mean."
difference = ends["margin"] - ends["uniform"]
_, ax = plt.subplots(figsize=(6.4, 2.4), layout="constrained")
ax.plot(difference, range(8), "o")
ax.axvline(difference.mean(), color="black")
ax.axvline(0, color="0.5", ls=":")
ax.set(ylabel="seed", yticks=range(8))
ax.set_xlabel("test accuracy of margin minus that of uniform (line: mean)")
plt.show()

# %%
print(
    f"margin was ahead in {(difference > 0).sum()} of 8 trials, by {difference.mean():.3f} on average"
)

# %% tags=["hidden"]
annotated, means = result.curves("uniform")[0], {n: result.curves(n)[1].mean(0) for n in ends}
assert result.curves("uniform")[1][:, 0].tolist() == result.curves("margin")[1][:, 0].tolist()
assert abs(means["adversarial"][0] - means["uniform"][0]) < 0.03
assert (means["margin"][1:] > means["uniform"][1:]).all()
assert (means["adversarial"][1:] > means["uniform"][1:]).all()
assert (difference > 0).sum() >= 6

# %% [markdown]
# `verdict()` summarizes this in words: the accuracy averaged over all budgets, its difference from
# uniform within trials, the interval of that difference, and whether it could be due to chance.

# %%
print(fill(result.verdict(), 90))

# %% [markdown]
# Always check what a comparison holds equal. Here all strategies took the same number of steps, but
# a step of adversarial also processes 32 unannotated images and takes about twice as long. If you
# pay for computing rather than for labels, give the others twice the steps. Lesson 9 is about fair
# comparisons.

# %% tags=["hidden"]
seconds = {
    name: sum(row["seconds_train"] for row in result.rows if row["strategy"] == name)
    for name in ends
}
assert 1.3 < seconds["adversarial"] / seconds["margin"] < 4

# %% [markdown]
# ## Exercises
#
# **Exercise 02-a.** A single number can summarize a curve: the accuracy averaged over the labels.
# It is the area under the curve, with straight lines between its points, divided by the width of
# the curve. Write this function for labels that need not be evenly spaced.


# %% nbgrader={"grade": false, "grade_id": "02-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def average(annotated, accuracies):
    """Return the mean accuracy over the labels spent, a float; both arguments are arrays (R,)."""
    ### BEGIN SOLUTION
    widths = np.diff(annotated)
    heights = (accuracies[1:] + accuracies[:-1]) / 2
    return (widths * heights).sum() / widths.sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "02-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("02-a", average)

# %% [markdown]
# **Exercise 02-b.** Read a curve horizontally: how many labels did it take to reach `level`? Use
# straight lines between the points. A level that the first point already reaches needs the
# labels of that point. For a level that the curve never reaches, return `float("inf")`, since the
# number is unknown. The curve never falls.


# %% nbgrader={"grade": false, "grade_id": "02-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def labels_needed(annotated, accuracies, level):
    """Return the labels needed to reach a level, a float; annotated, accuracies are arrays (R,)."""
    ### BEGIN SOLUTION
    if level > accuracies[-1]:
        return float("inf")
    return float(np.interp(level, accuracies, annotated))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "02-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("02-b", labels_needed)

# %% [markdown]
# **Exercise 02-c.** How precise is a difference? `ours` and `theirs` hold one result per trial,
# paired. Return the mean of the differences, ours minus theirs, and its standard error: the
# standard deviation of the differences (with T - 1 in the denominator), divided by the square
# root of the number of trials T.


# %% nbgrader={"grade": false, "grade_id": "02-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def paired(ours, theirs):
    """Return (mean difference, standard error), two floats, for paired results (T,) and (T,)."""
    ### BEGIN SOLUTION
    difference = ours - theirs
    return difference.mean(), difference.std(ddof=1) / np.sqrt(len(difference))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "02-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("02-c", paired)
