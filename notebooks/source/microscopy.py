# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Blood cells under the microscope
#
# In a blood smear nearly every cell is a red cell. Out of a hundred cells, about eight are white
# cells and eight are platelets, and these are the interesting ones. If you label cells at random,
# more than eight labels out of ten go to red cells, which the model already recognizes. Here we
# compare three ways to spend 72 labels: at random, by margin, and by margin with balanced classes.
#
# **Time**: about two minutes on one core. **Expected result**: with 72 labels, a mean accuracy over
# the classes of about 0.53 at random and about 0.9 for the other two.
#
# **Data**: 1,000 cells to choose from and 207 test cells, cropped to 24 x 24 pixels from the
# microscope images of the [BCCD dataset](https://github.com/Shenggan/BCCD_Dataset) (MIT license, in
# `notebooks/data/LICENSE-BCCD`), using bounding boxes drawn by experts. This is a sample; the link
# leads to the full dataset, with the images and boxes of 4,886 cells. The test cells come from
# separate images.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
import torch
from torchmetrics import Accuracy

import alkit as al
from alkit.cli.datasets import Images

torch.set_num_threads(1)  # with small networks, threads would only wait for each other
SMOKE = "ALKIT_SMOKE" in os.environ  # tiny run that only checks that the notebook works
SEEDS, ROUNDS, STEPS = (range(2), 2, 5) if SMOKE else (range(10), 6, 60)

cells = np.load("data/bccd_sample.npz")
names = ["red", "white", "platelet"]
train = Images(cells["x"], cells["y"])
test = Images(cells["x_test"], cells["y_test"])
counts = np.bincount(cells["y"])
print(dict(zip(names, counts.tolist())), "to choose from")
print(dict(zip(names, np.bincount(cells["y_test"]).tolist())), "to test on")

# %% tags=["hidden"]
assert (len(train), len(test)) == (1000, 207)
assert all(0.07 < count / 1000 < 0.09 for count in counts[1:])
assert os.path.getsize("data/bccd_sample.npz") < 2e6

# %% [markdown]
# The test set has equally many cells of each class, so the rare ones count as much as the others.
# The metric is the mean accuracy over the classes: a model that always predicts "red" scores one
# third.

# %% alt="Five cells of each class: red cells are pink discs, white cells have a large violet nucleus, platelets are small violet specks"
figure, axes = plt.subplots(3, 5, figsize=(5, 3.3), layout="constrained")
for c, row in enumerate(axes):
    for image, ax in zip(cells["x"][cells["y"] == c], row):
        ax.imshow(image)
        ax.axis("off")
    row[0].set_title(names[c], loc="left", fontsize=9)

# %% [markdown]
# ## Three strategies
#
# All three share a small convolutional network, its initial weights, the first 12 labels (drawn at
# random) and the number of gradient steps. In each round they query 12 cells:
#
# - **uniform**: 12 cells drawn at random.
# - **margin**: the 12 cells for which the two most likely classes are closest.
# - **balanced**: one cell after another from the class with the fewest labels so far. The model's
#   guess stands in for the class of an unlabeled cell. Within a class, the margin decides.


# %%
def network():
    """Convolutional network whose backbone returns 3 x 3 positions with 32 features each."""
    backbone = al.ConvolutionalNeuralNetwork(3, [16, 32], 32)
    backbone.blocks[1:].pool.configure(torch.nn.MaxPool2d, kernel_size=2)
    backbone.blocks[-1].append(al.Layer(torch.nn.AdaptiveAvgPool2d, output_size=3))
    backbone.blocks[-1].append(al.Layer(torch.nn.Flatten))
    return al.Sequential(backbone, al.MultiLayerPerceptron(288, [], 3))


def options(seed):
    return {
        "test": test,
        "test_metrics": [Accuracy(task="multiclass", num_classes=3, average="macro")],
        "optimizer": al.Adam(lr=2e-3),
        "steps_per_epoch": STEPS,
        "test_batch_size": 256,
        "seed": seed,
    }


def uniform(pool, seed):
    return al.UniformStrategy(network(), pool, **options(seed))


def margin(pool, seed):
    return al.Strategy(network(), pool, al.Margin(), **options(seed))


def balanced(pool, seed):
    return al.Strategy(network(), pool, al.Margin(), al.selectors.Balanced(), **options(seed))


result = al.compare(
    {"uniform": uniform, "margin": margin, "balanced": balanced},
    train,
    seeds=SEEDS,
    rounds=ROUNDS,
    query_size=12,
    max_steps=STEPS,
    progress=False,
)
print(result.verdict())

# %% alt="Mean accuracy over the classes against labels: margin and balanced rise far above uniform"
ax = result.plot()
label = ax.set_ylabel("mean accuracy over the classes")

# %% [markdown]
# Sixty more random labels teach the model almost nothing: it already recognized red cells after the
# first twelve labels.
#
# ## What the labels were spent on
#
# The number in each square is the mean over the trials.

# %% alt="Labels bought by class and round: uniform buys ten red cells of twelve each time; margin and balanced buy mostly white cells and platelets"
figure, axes = plt.subplots(3, 1, figsize=(5.6, 4), layout="constrained")
for name, ax in zip(result.strategies, axes):
    al.plots.queried_classes(result, name, ax, names=names)
    ax.set_title(name, loc="left", fontsize=9)

# %% [markdown]
# Uniform buys what is common: ten red cells out of twelve. Margin finds the rare classes without
# being told to, because the model is unsure about them; it buys at most three red cells per query
# on average. Balanced looks for them deliberately, and only wrong guesses get in its way. On this
# dataset both end at about the same accuracy.
#
# ## Class by class
#
# Share of the test cells of each class that the final model recognizes:


# %%
def at_the_end(name):
    """Accuracy of each class after the last round, ``(3,)``: the mean over the trials."""
    rows = [r for r in result.rows if r["strategy"] == name and r["round"] == ROUNDS - 1]
    return np.mean([[r[f"{result.metric}/{c}"] for c in range(3)] for r in rows], axis=0)


print(f"{'':10}" + "".join(f"{name:>10}" for name in names))
for name in result.strategies:
    print(f"{name:10}" + "".join(f"{share:10.2f}" for share in at_the_end(name)))

# %% [markdown]
# ## The first query of balanced
#
# The cells that balanced queried after the first round, with the model's guesses. A frame marks a
# wrong guess; these labels taught the model something.

# %% alt="The twelve cells that balanced asked for after the first round, with label and guess"
ax = al.plots.gallery(result, train, strategy="balanced", round=0, columns=6)

# %% [markdown]
# ## What to take away
#
# - Choosing matters more on an imbalanced pool than on a balanced one, because random labels hardly
#   ever hit a rare class.
# - Uncertainty balances the classes as long as the model is unsure about the rare ones. If rare
#   classes are easy or common ones are hard, it does not; use `al.selectors.Balanced()`.
# - Look at each class separately. On cells in their natural proportions, a model that always
#   predicts "red" has an accuracy of 0.84.
#
# Next, learn [how to add a dataset](../docs/how-to/add_a_dataset.md) of your own.

# %% tags=["hidden"]
assert 0.83 < counts[0] / 1000 < 0.845  # the plain accuracy of "red"
if not SMOKE:
    final = {row["strategy"]: row["final"] for row in result.summary()}
    assert 0.45 < final["uniform"] < 0.61, final
    assert 0.86 < final["margin"] < 0.95, final
    assert 0.86 < final["balanced"] < 0.95, final
    assert abs(final["balanced"] - final["margin"]) < 0.03, final
    start = np.mean([r[result.metric] for r in result.rows if r["round"] == 0])
    assert abs(final["uniform"] - start) < 0.1, (start, final)
    rows = [r for r in result.rows if r["queried_classes"]]
    red = {
        name: np.mean([r["queried_classes"][0] for r in rows if r["strategy"] == name])
        for name in result.strategies
    }
    assert 9.5 < red["uniform"] < 11, red
    assert max(red["margin"], red["balanced"]) < 3.2, red
    verdict = result.verdict()
    assert verdict.startswith("margin and balanced beat uniform"), verdict
