# %% [markdown]
# # 5. Selectors: which samples together?
#
# You will be able to
#
# - say why the highest scores alone make a bad batch;
# - tell k-center, k-means++, BADGE and typicality apart by what they pick;
# - choose one for the first labels, and another for later;
# - put a criterion and selectors together, and write a selector of your own.
#
# It takes a quarter of an hour to read and a few seconds to run. Nothing is downloaded. The seed is
# 0, and 0 to 19 where 20 trials are averaged.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.utils.data import TensorDataset

import alkit as al

torch.set_num_threads(1)  # so small a network is fastest on one thread

# %% [markdown]
# ## A pool as pools are
#
# Three classes in the plane. As in a real pool, not all samples are equal: 40 of them are nearly
# the same, like the frames of a film or one cell that was photographed 40 times. And four are
# *strays*: far from everything, like recordings that went wrong.

# %%
CENTERS = np.array([[-2, -1], [2, -1], [0, 2.2]])
STRAYS = np.array([[4.8, 3.6], [-4.6, 3.4], [4.9, -4.2], [-4.4, -4.0]])


def make_pool(seed):
    """Places (404, 2) and classes (404,): 120 samples a class, 40 near copies, 4 strays."""
    rng = np.random.default_rng(seed)
    classes = np.repeat([0, 1, 2], 120)
    places = CENTERS[classes] + 0.9 * rng.normal(size=(360, 2))
    copies = np.array([0.05, -0.9]) + 0.08 * rng.normal(size=(40, 2))
    y = np.concatenate([classes, rng.integers(0, 2, 40), rng.integers(0, 3, 4)])
    return torch.tensor(np.concatenate([places, copies, STRAYS])).float(), torch.tensor(y)


x, y = make_pool(seed=0)
is_copy, is_stray = np.zeros((2, len(x)), dtype=bool)
is_copy[360:400], is_stray[400:] = True, True

# %% [markdown]
# Five samples of each class are annotated, and a small network is trained on these 15.

# %%
rng = np.random.default_rng(0)
known = np.concatenate([rng.choice(120, 5, replace=False) + 120 * c for c in range(3)])
pool = al.ActiveLearningDataset(TensorDataset(x, y))
pool.annotate(known)
torch.manual_seed(0)  # the initial weights, as for any torch module
strategy = al.Strategy(
    al.MultiLayerPerceptron(2, [32], 3),
    pool,
    optimizer=al.Adam(lr=1e-2),
    test_batch_size=len(x),  # predictions come one a batch: so there is one of them
    seed=0,
).build()
strategy.fit(max_steps=200, enable_progress_bar=False)
(said,) = strategy.predictions(pool, range(len(x)))
probabilities = said.mean_probabilities

# %% [markdown]
# ## Why the top repeats itself
#
# The plainest selector, `TopK`, takes the highest scores. Here are the 12 samples with the smallest
# margin between the two likeliest classes. `al.select` is the same choice as that of a strategy,
# made from plain arrays.


# %%
def pick(selector, n=12, criterion=None):
    """The rows that a selector picks, most wanted first."""
    query = al.select(
        n,
        probabilities=probabilities,
        embeddings=x,
        annotated=known,
        criterion=criterion,
        selector=selector,
        seed=0,
    )
    return query.indices


def draw(picked, ax, title, annotated=known, points=x):
    """The pool, what is annotated (squares), and what was picked (rings)."""
    ax.scatter(*points.T, s=18, marker=".", color="0.6", linewidths=0)
    ax.scatter(*points[annotated].T, s=18, marker="s", color="black")
    ax.scatter(*points[picked].T, s=46, facecolors="none", edgecolors=al.plots.COLORS[1], lw=1.5)
    ax.set_title(title, fontsize=9)
    ax.set(xticks=[], yticks=[], aspect="equal")


# %% alt="The plane with three clouds of points. Most of the rings of the twelve picks lie on top of each other, on the near copies between two clouds."
top = pick(al.TopK(), criterion=al.Margin())
figure, ax = plt.subplots(figsize=(4.2, 3.4), layout="constrained")
draw(top, ax, "the 12 highest scores of Margin()")
ax.annotate(
    "40 near copies", x[360:400].mean(0), (0.2, -3.6), ha="center", arrowprops={"arrowstyle": "->"}
)
ax.annotate("a stray", STRAYS[0], (2.6, 3.9), va="center", arrowprops={"arrowstyle": "->"})
plt.show()
print(is_copy[top].sum(), "of 12 picks are copies of each other")

# %% tags=["hidden"]
assert 6 <= is_copy[top].sum() <= 12
assert is_stray[top].sum() == 0

# %% [markdown]
# Most of the picks are one and the same place, as the network's border runs through it in this
# trial. Each of them alone is a good choice: it lies on the border, where the network is not sure.
# But the first label there settles what the others would have told, and we pay for all of them. A
# criterion scores each candidate on its own, so that it cannot know. A *selector* compares
# candidates with each other.

# %% [markdown]
# ## Five ways to pick
#
# - **Random** looks at nothing. It is what all others are measured against.
# - **k-center** (Sener and Savarese 2018) takes, each time, the candidate that is *farthest* from
#   all that is annotated or picked.
# - **k-means++** (Arthur and Vassilvitskii 2007) *draws* each pick: the chance of a candidate is
#   its squared distance to the nearest pick so far. Far ones are likelier, but not certain.
# - **BADGE** (Ash et al. 2020) is k-means++ in another space: each candidate stands where its
#   *gradient* is, the step that the last layer would take if the guess were its label. The gradient
#   of a sure prediction is short, and two short ones are near to each other wherever the samples
#   are. So the picks are uncertain and different at once.
# - **Typicality** (Hacohen et al. 2022) looks for the middle of things: it finds as many clusters
#   as there are labels, and takes from each of the largest new ones the candidate with the
#   *nearest* neighbors.

# %% alt="Six panels of the plane. Random picks fall where the points are dense; k-center picks lie around the rim and include all four strays; k-means++ picks are spread; those of BADGE lie along the borders; typical ones lie within the clouds; those of the prefilter are spread along the borders."
selectors = {
    "Random": al.Random(),
    "KCenter": al.KCenter(),
    "KMeansPlusPlus": al.KMeansPlusPlus(),
    "BADGE": al.KMeansPlusPlus(al.GradientEmbedding()),
    "TypiClust": al.TypiClust(al.Features()),
    "Prefilter (see below)": al.Prefilter(5, al.KCenter()),
}
figure, axes = plt.subplots(2, 3, figsize=(6.4, 4), layout="constrained")
picks = {"TopK": top}
for (name, selector), ax in zip(selectors.items(), axes.flat):
    picks[name] = pick(selector, criterion=al.Margin())
    draw(picks[name], ax, name)
plt.show()

# %% [markdown]
# Numbers to the pictures: how many picks are copies, how many strays, how close the two closest
# picks are, and how far the farthest sample of the pool is from its nearest label (the *radius*).


# %%
def closest(picked):
    """The distance of the two closest picks."""
    return float(torch.pdist(x[picked]).min())


def radius(picked):
    """The distance of the farthest sample from its nearest label, old or new."""
    return float(torch.cdist(x, x[np.concatenate([known, picked])]).amin(1).max())


print(f"{'':22}{'copies':>8}{'strays':>8}{'closest':>9}{'radius':>8}")
for name, picked in picks.items():
    copies, strays = is_copy[picked].sum(), is_stray[picked].sum()
    print(f"{name:22}{copies:8}{strays:8}{closest(picked):9.2f}{radius(picked):8.2f}")

# %% tags=["hidden"]
assert is_copy[picks["KCenter"]].sum() <= 2
assert is_stray[picks["KCenter"]].sum() == 4
assert min(picks, key=lambda name: radius(picks[name])) == "KCenter"
assert max(picks, key=lambda name: closest(picks[name])) == "KCenter"
assert radius(picks["KCenter"]) < 0.5 * radius(picks["TopK"])
assert is_stray[picks["BADGE"]].sum() == is_stray[picks["TypiClust"]].sum() == 0
margins = al.Margin()(said)
assert margins[picks["BADGE"]].mean() > margins[picks["KMeansPlusPlus"]].mean() + 0.2
assert is_copy[picks["TopK"]].sum() > is_copy[picks["BADGE"]].sum()
assert is_copy[picks["TypiClust"]].sum() >= 1

# %% [markdown]
# - k-center covers the pool best: no sample is far from a label, and no two picks are close. It
#   also takes **all four strays**, since nothing is farther away. It does not ask whether they are
#   worth it.
# - k-means++ is milder: a stray is likely, not certain. It looks at its own picks alone, and may
#   fall beside a sample that is annotated already.
# - BADGE stays near the borders, like the margin, and takes fewer of the copies.
# - Typicality takes no stray at all, as they have no near neighbors; but the near copies look very
#   typical to it.
#
# What they cost, for N candidates and n picks: `TopK` one pass, O(N). k-center and k-means++
# compare candidates with picks, at most O(N n). Typicality has to find clusters, and compares the
# members of one with each other. Each docstring says it exactly.

# %% [markdown]
# ## The first labels
#
# Nothing is annotated now, so that there is no model to ask. Only places are known.

# %% alt="Two panels without annotated points. The six picks of k-center are the strays and the rim; the six typical ones lie in the middle of the three clouds."
figure, axes = plt.subplots(1, 2, figsize=(6.4, 2.8), layout="constrained")
for name, ax in zip(("KCenter", "TypiClust"), axes):
    first = al.select(6, embeddings=x, selector=selectors[name], seed=0)
    draw(first.indices, ax, f"{name}: the first 6 labels", annotated=[])
plt.show()

# %% [markdown]
# Does it matter? We give each point of a test set the class of its nearest label, and average over
# 20 pools, since [one trial proves nothing](02_digits.ipynb).

# %%
NAMES = "Random", "KCenter", "KMeansPlusPlus", "TypiClust"


def accuracy(selector, n, seed):
    """The share of 2,000 test points whose nearest of n labels has their class."""
    places, classes = make_pool(seed)
    picked = al.select(n, embeddings=places, selector=selector, seed=seed).indices
    rng = np.random.default_rng(1000 + seed)
    truth = rng.integers(0, 3, 2000)
    test = torch.tensor(CENTERS[truth] + 0.9 * rng.normal(size=(2000, 2))).float()
    nearest = torch.cdist(test, places[picked]).argmin(1)
    return float((classes[picked][nearest].numpy() == truth).mean())


print(f"{'':16}{'6 labels':>16}{'24 labels':>16}")
means = {}
for name in NAMES:
    row = f"{name:16}"
    for n in (6, 24):
        trials = [accuracy(selectors[name], n, seed) for seed in range(20)]
        means[name, n] = np.mean(trials)
        row += f"{np.mean(trials):10.2f} ± {np.std(trials, ddof=1) / 20**0.5:.2f}"
    print(row)

# %% tags=["hidden"]
assert means["TypiClust", 6] - means["Random", 6] > 0.04
assert means["Random", 6] - means["KCenter", 6] > 0.03
assert abs(means["TypiClust", 6] - 0.93) < 0.03
assert abs(means["KCenter", 6] - 0.75) < 0.06
late = [means[name, 24] for name in NAMES]
assert max(late) - min(late) < 0.04

# %% [markdown]
# (± is the standard error of the mean.) With six labels the choice is everything: typical samples
# give about 0.93, chance less, and k-center less than chance, about 0.75, because it spends labels
# on strays. With 24 labels all four are nearly the same. So: *typical first, uncertain later.*
# Where the change comes depends on the data; Hacohen et al. (2022) found it at a few labels a
# class.

# %% [markdown]
# ## Put together
#
# Selectors take selectors. `Prefilter(5, al.KCenter())`, the last of the six pictures, first makes
# a short list of the 60 highest scores, and then spreads the 12 picks over it: uncertain, and
# far apart. Strays of which the model is sure are not on the list.

# %%
query = al.select(
    12,
    probabilities=probabilities,
    embeddings=x,
    annotated=known,
    seed=0,
    criterion=al.Margin(),
    selector=al.Prefilter(5, al.KCenter()),
)
print(query.why)
print("lowest rank of a pick:", int((margins > float(query.scores.min())).sum()) + 1)

# %% tags=["hidden"]
ranks = margins[np.setdiff1d(np.arange(len(x)), known)].sort(descending=True).values
assert query.scores.min() >= float(ranks[59])
assert is_stray[query.indices].sum() == 0
assert is_copy[query.indices].sum() <= 4

# %% [markdown]
# Chance is another way out of repetition: `al.Power()` draws with chances that rise with the score,
# and costs no more than `TopK` (Kirsch et al. 2023, "Stochastic batch acquisition").
#
# In a strategy a selector is an argument, like the criterion. It then compares the *features* that
# the network has learned, here what goes into its last layer, and not the raw data:

# %%
spread = al.Strategy(
    al.MultiLayerPerceptron(2, [32], 3), pool, al.Margin(), al.Prefilter(5, al.KCenter()), seed=0
).build()
print(spread.query(12).why)

# %% [markdown]
# A selector of your own is a function `(candidates, n, generator)` or a class with that method,
# that returns `n` different positions among the candidates. `al.testing.check_selector` tells
# whether it holds to the rules: no candidate twice, the same picks from the same generator, ties by
# chance.
#
# ## Exercises

# %% [markdown]
# **Exercise 05-a.** Write k-center by hand. `points` is a tensor of the shape (N, 2). The first
# pick is row 0; each further one is the row that is farthest from its nearest pick. Return the `n`
# rows in the order in which they are picked.


# %% nbgrader={"grade": false, "grade_id": "05-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def farthest_first(points, n):
    """A list of n row numbers."""
    ### BEGIN SOLUTION
    picked = [0]
    nearest = torch.cdist(points, points[:1])[:, 0]  # of each point, to its nearest pick
    while len(picked) < n:
        picked.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, torch.cdist(points, points[picked[-1:]])[:, 0])
    return picked
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "05-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("05-a", farthest_first)

# %% [markdown]
# **Exercise 05-b.** The highest scores, but no repeats: go through the candidates from the highest
# score to the lowest, and take each one that is at least `distance` away from *all* that were taken
# before. If that gives fewer than `n`, fill up with the highest scores of those that were left out.


# %% nbgrader={"grade": false, "grade_id": "05-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def apart(scores, points, n, distance):
    """A list of n positions, of scores (N,) and points (N, 2)."""
    ### BEGIN SOLUTION
    picked, left_out = [], []
    for k in scores.argsort(descending=True).tolist():
        near = picked and torch.cdist(points[[k]], points[picked]).min() < distance
        (left_out if near else picked).append(k)
    return (picked + left_out)[:n]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "05-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("05-b", apart)

# %% [markdown]
# **Exercise 05-c.** The other way round: a short list of *typical* samples, three times as many as
# are asked for, and of these the highest scores. Make it of alkit's parts.


# %% nbgrader={"grade": false, "grade_id": "05-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def typical_then_uncertain():
    """A selector, made of others."""
    ### BEGIN SOLUTION
    return al.Prefilter(3, al.TopK(), by=al.TypiClust(al.Features()))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "05-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("05-c", typical_then_uncertain)
