# %% [markdown]
# # 5. Selectors: which samples make a good batch?
#
# After this lesson you can
#
# - explain why the highest scores alone make a bad batch;
# - tell k-center, k-means++, BADGE and typicality apart by their picks;
# - choose one selector for the first labels, and another for later;
# - combine a criterion with selectors, and write your own selector;
# - explain why the features of a network with few labels are a bad space, and use a better one.
#
# It takes twenty minutes to read and about half a minute to run. Nothing is downloaded. The seed is
# 0, and 0 to 19 or 0 to 4 where we average over trials.

# %%
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

import alkit as al

torch.set_num_threads(1)  # such a small network is fastest on one thread

# %% [markdown]
# ## A realistic pool
#
# We use three classes in the plane. As in a real pool, not all samples are equal. 40 of them are
# nearly the same, like the frames of a film or one cell that was photographed 40 times. Four are
# *strays*, outliers that lie far from everything else, like recordings that went wrong.

# %%
CENTERS = np.array([[-2, -1], [2, -1], [0, 2.2]])
STRAYS = np.array([[4.8, 3.6], [-4.6, 3.4], [4.9, -4.2], [-4.4, -4.0]])


def make_pool(seed):
    """Return points (404, 2), classes (404,): 120 samples per class, 40 near copies, 4 strays."""
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
# We annotate five samples of each class and train a small network on these 15.

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
    test_batch_size=len(x),  # all predictions in one batch
    seed=0,
).build()
strategy.fit(max_steps=200, enable_progress_bar=False)
(said,) = strategy.predictions(pool, range(len(x)))
probabilities = said.mean_probabilities

# %% [markdown]
# ## Why the highest scores repeat each other
#
# The simplest selector, `TopK`, picks the highest scores. Here are the 12 samples with the smallest
# margin between the two most probable classes. `al.select` makes the same choice as a strategy, but
# takes plain arrays.


# %%
def pick(selector, n=12, criterion=None):
    """Return the rows that a selector picks, in the order of its picks."""
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
    """Draw the pool, the annotated samples (squares) and the picks (rings)."""
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
# Most of the picks are in the same place, because the network's border passes through it in this
# trial. Each pick alone is a good choice: it lies on the border, where the network is uncertain.
# But the first label there makes the others redundant, and we pay for all of them. A criterion
# cannot avoid this, because it scores each candidate separately. A *selector* compares candidates
# with each other.

# %% [markdown]
# ## Five ways to pick
#
# - **Random** ignores scores and features. It is the baseline for all others.
# - **k-center** (Sener and Savarese 2018) always picks the candidate that is *farthest* from
#   everything annotated or picked so far.
# - **k-means++** (Arthur and Vassilvitskii 2007) *draws* each pick: the probability of a candidate
#   is proportional to its squared distance to the nearest pick so far. Distant candidates are more
#   likely, but not certain.
# - **BADGE** (Ash et al. 2020) is k-means++ in another space. Each candidate is represented by its
#   *gradient*, the step that the last layer would take if the guess were its label. A certain
#   prediction has a short gradient, and two short gradients are close to each other wherever the
#   samples are. So the picks are both uncertain and different from each other.
# - **Typicality** (Hacohen et al. 2022) looks for the dense centers of the data. It forms one
#   cluster per label, old or new, and takes the largest clusters without a label. From each of
#   these, it picks the candidate with the *nearest* neighbors.

# %% alt="Six panels of the plane. Random picks fall where the points are dense; k-center picks lie around the rim and include all four strays; k-means++ picks are spread; those of BADGE lie along the borders; typical ones lie within the clouds; those of the prefilter are spread along the borders."
selectors = {
    "Random": al.Random(),
    "KCenter": al.KCenter(),
    "KMeansPlusPlus": al.KMeansPlusPlus(),
    "BADGE": al.KMeansPlusPlus(al.GradientEmbedding()),
    "TypiClust": al.selectors.TypiClust(al.Features()),
    "Prefilter (see below)": al.Prefilter(5, al.KCenter()),
}
figure, axes = plt.subplots(2, 3, figsize=(6.4, 4), layout="constrained")
picks = {"TopK": top}
for (name, selector), ax in zip(selectors.items(), axes.flat):
    picks[name] = pick(selector, criterion=al.Margin())
    draw(picks[name], ax, name)
plt.show()

# %% [markdown]
# The following table measures what the pictures show: how many picks are copies, how many are
# strays, the distance between the two closest picks, and the largest distance from a sample of the
# pool to its nearest label (the *radius*).


# %%
def closest(picked):
    """Return the distance between the two closest picks."""
    return float(torch.pdist(x[picked]).min())


def radius(picked):
    """Return the largest distance from a sample to its nearest label, old or new."""
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
#   also picks **all four strays**, since nothing is farther away. It does not check whether they
#   are worth it.
# - k-means++ is milder: it is likely, but not certain, to pick a stray. It considers only its own
#   picks, and may pick a candidate next to an annotated sample.
# - BADGE stays near the borders, like the margin, and picks fewer of the copies.
# - Typicality picks no strays, because they have no near neighbors. But it considers the near
#   copies very typical.
#
# The costs, for N candidates and n picks: `TopK` takes one pass, O(N). k-center and k-means++
# compare candidates with picks, at most O(N n). Typicality has to find clusters, and compares the
# members of each cluster with each other. Each docstring states the exact cost.

# %% [markdown]
# ## The first labels
#
# Now nothing is annotated, so there is no model yet. Only the points are available.

# %% alt="Two panels without annotated points. The six picks of k-center are the strays and the rim; the six typical ones lie in the middle of the three clouds."
figure, axes = plt.subplots(1, 2, figsize=(6.4, 2.8), layout="constrained")
for name, ax in zip(("KCenter", "TypiClust"), axes):
    first = al.select(6, embeddings=x, selector=selectors[name], seed=0)
    draw(first.indices, ax, f"{name}: the first 6 labels", annotated=[])
plt.show()

# %% [markdown]
# Does it matter? We predict for each point of a test set the class of its nearest annotated sample,
# and average over 20 pools, since [one trial proves nothing](02_digits.ipynb).

# %%
NAMES = "Random", "KCenter", "KMeansPlusPlus", "TypiClust"


def accuracy(selector, n, seed):
    """Return the accuracy on 2,000 test points, predicted from the nearest of n labels."""
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
# (± is the standard error of the mean.) With six labels the choice is everything. Typical samples
# reach about 0.93, random samples less, and k-center even less than random, about 0.75, because it
# spends labels on strays. With 24 labels all four are nearly the same. So: *typical first,
# uncertain later.* The best time to switch depends on the data; Hacohen et al. (2022) found it at a
# few labels per class.

# %% [markdown]
# ## Combining selectors
#
# A selector can contain another selector. `Prefilter(5, al.KCenter())`, the last of the six
# pictures, first makes a short list of the 60 highest scores and then spreads the 12 picks over it.
# So the picks are uncertain and far apart. The list excludes strays that the model is certain
# about.

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
# Randomness is another way to avoid repetition: `al.Power()` draws candidates with probabilities
# that rise with the score, and costs no more than `TopK` (Kirsch et al. 2023, "Stochastic batch
# acquisition").
#
# In a strategy the selector is an argument, like the criterion. It then compares the *features*
# that the network has learned, here the input of its last layer, instead of the raw data:

# %%
spread = al.Strategy(
    al.MultiLayerPerceptron(2, [32], 3), pool, al.Margin(), al.Prefilter(5, al.KCenter()), seed=0
).build()
spread.fit(max_steps=200, enable_progress_bar=False)
print(spread.query(12).why)

# %% [markdown]
# ## Features that training does not change
#
# How good are learned features while labels are few? In the plane we cannot tell, so we take the
# digits of [lesson 2](02_digits.ipynb), and train a network on ten random labels (black squares).

# %%
pixels, digits = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(pixels))
pixels, digits = torch.tensor(pixels[order] / 16).float(), torch.tensor(digits[order])
train = TensorDataset(pixels[:1300], digits[:1300])


def with_ten_labels(seed, **options):
    """Return a strategy that is trained on ten random labels; it queries by `al.auto`."""
    pool = al.ActiveLearningDataset(train)
    pool.annotate_random(10, seed=seed)
    torch.manual_seed(seed)
    strategy = al.auto(
        al.MultiLayerPerceptron(64, [64, 64], 10),
        pool,
        optimizer=al.Adam(lr=5e-3),
        test_batch_size=1300,
        seed=seed,
        **options,
    ).build()
    strategy.fit(max_steps=100, enable_progress_bar=False)
    return strategy


strategy = with_ten_labels(seed=0)
pool = strategy.train_pool
(said,) = strategy.predictions(pool, range(1300))
spaces = {"the pixels": pixels[:1300], "what the network has learned": said.features}

# %% alt="Two panels of the digits in two directions, colored by class. In the pixels the classes form groups; in what the network has learned most of them lie on top of each other."
figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.2), layout="constrained")
for (name, rows), ax in zip(spaces.items(), axes):
    rows = rows - rows.mean(0)
    places = rows @ torch.linalg.svd(rows, full_matrices=False).Vh[:2].T
    ax.scatter(*places.T, s=6, c=digits[:1300], cmap="tab10")
    ax.scatter(*places[pool.annotated_indices].T, s=24, marker="s", color="black")
    ax.set(xticks=[], yticks=[])
    ax.set_title(name, fontsize=9)
plt.show()


# %%
def dimensions(rows):
    """Return the number of dimensions that rows fill, from the variances along the main axes."""
    variances = torch.linalg.svdvals(rows - rows.mean(0)) ** 2
    return float(variances.sum() ** 2 / (variances**2).sum())


def alike(rows):
    """Return the share of the images whose nearest other image shows the same digit."""
    distances = torch.cdist(rows, rows).fill_diagonal_(torch.inf)
    return float((digits[:1300][distances.argmin(1)] == digits[:1300]).double().mean())


print(len(digits[pool.annotated_indices].unique()), "of 10 digits have a label")
for name, rows in spaces.items():
    print(f"{name:30}{dimensions(rows):6.1f} dimensions{alike(rows):8.0%} alike")

# %% tags=["hidden"]
filled = {name: dimensions(rows) for name, rows in spaces.items()}
assert abs(filled["the pixels"] - 13) < 1
assert 2 < filled["what the network has learned"] < 5
assert alike(spaces["the pixels"]) > 0.96
assert alike(spaces["what the network has learned"]) < 0.9
assert len(digits[pool.annotated_indices].unique()) < 9

# %% [markdown]
# The learned features *collapse*. Ten labels ask the network to tell a few digits apart, and it
# keeps only what that takes: a few dimensions out of the 13 that the pixels fill. Digits without a
# label lie on top of others. A selector that compares samples there sees copies where there are
# none.
#
# The samples themselves do not collapse. `al.auto` compares them in features that training does not
# change: by default `al.Inputs()`, 50 principal components of the inputs. If you have a pretrained
# encoder, pass `features=al.Frozen("resnet18")`, or its features as `al.Given(array)`. In this space
# it *herds*: each pick is the candidate that covers most of what no label covers yet. Candidates
# count the more, the less certain the network is about them. `query.why` states the features,
# and the number of classes that the picks are guessed to be of:

# %%
print(fill(strategy.query(10).why, 96))

# %% [markdown]
# Does the space matter? We compare `al.auto` with itself, in the features of the network, and with
# random labels. Only the space differs. Each round adds ten labels to the ten random ones.

# %%
WAYS = {
    "random": {"acquisition": al.Acquisition(selector=al.Random())},
    "herding, learned features": {"features": al.Features(normalize=True)},
    "herding, al.auto": {},
}


def accuracies(seed, **options):
    """Return the test accuracies with 10, 20 and 30 labels."""
    strategy, found = with_ten_labels(seed, **options), []
    for round in range(3):
        if round:
            strategy.query_and_update(10)
            strategy.reset_model()
            strategy.fit(max_steps=100, enable_progress_bar=False)
        with torch.no_grad():
            guesses = strategy.module.eval()(pixels[1300:]).argmax(1)
        found.append(float((guesses == digits[1300:]).double().mean()))
    return found


found = {
    name: np.array([accuracies(seed, **options) for seed in range(5)])
    for name, options in WAYS.items()
}
print(f"{'':26}{'10 labels':>14}{'20 labels':>14}{'30 labels':>14}")
for name, trials in found.items():
    errors = trials.std(0, ddof=1) / 5**0.5
    cells = (f"{mean:7.2f} ± {error:.2f}" for mean, error in zip(trials.mean(0), errors))
    print(f"{name:26}" + "".join(map("{:>14}".format, cells)))

# %% tags=["hidden"]
random, learned, fixed = (found[name][:, 1:] for name in WAYS)
assert (fixed.mean(0) > learned.mean(0) + 0.03).all()
assert (learned.mean(0) > random.mean(0)).all()
assert ((fixed - random).mean(0) > 0.09).all()

# %% [markdown]
# All three start from the same labels. Herding gains far more in the fixed features than in the
# learned ones. [Which method when](../docs/which_method.md) has more data, budgets and methods, also
# those where `al.auto` is not ahead.

# %% [markdown]
# ## A selector of your own
#
# You can write your own selector as a function `(candidates, n, generator)`, or as a class with a
# method `select` of that signature. It returns `n` different positions among the candidates.
# `al.testing.check_selector` checks that it follows the rules: no candidate twice, the same picks
# from the same generator, ties broken at random.
#
# ## Exercises

# %% [markdown]
# **Exercise 05-a.** Write k-center by hand. `points` is a tensor of shape (N, 2). The first pick is
# row 0; each further pick is the row that is farthest from its nearest pick. Return the `n` rows in
# the order in which they are picked.


# %% nbgrader={"grade": false, "grade_id": "05-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def farthest_first(points, n):
    """Return a list of n row numbers."""
    ### BEGIN SOLUTION
    picked = [0]
    nearest = torch.cdist(points, points[:1])[:, 0]  # distance of each point to its nearest pick
    while len(picked) < n:
        picked.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, torch.cdist(points, points[picked[-1:]])[:, 0])
    return picked
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "05-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("05-a", farthest_first)

# %% [markdown]
# **Exercise 05-b.** Write herding by hand. A row is *covered* by exp(-d²), where d is its distance
# to the nearest row that is annotated or picked. Each pick is the row that raises the mean of these
# numbers over all rows the most. `points` is a tensor of shape (N, 2), and `known` a list of the
# annotated rows, at least one. Return the `n` rows in the order in which they are picked.


# %% nbgrader={"grade": false, "grade_id": "05-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def herd(points, known, n):
    """Return a list of n row numbers."""
    ### BEGIN SOLUTION
    cover = torch.exp(-(torch.cdist(points, points) ** 2))  # (N, N): coverage of a row by another
    covered, picked = cover[:, known].amax(1), []
    while len(picked) < n:
        after = torch.maximum(cover, covered[:, None])  # (N, N): in a column, with one more pick
        picked.append(int(after.mean(0).argmax()))
        covered = after[:, picked[-1]]
    return picked
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "05-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("05-b", herd)

# %% [markdown]
# **Exercise 05-c.** Now the other way around: make a short list of *typical* samples, three times
# as long as the query, and pick the highest scores from it. Combine alkit's selectors.


# %% nbgrader={"grade": false, "grade_id": "05-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def typical_then_uncertain():
    """Return a selector that combines others."""
    ### BEGIN SOLUTION
    return al.Prefilter(3, al.TopK(), by=al.selectors.TypiClust(al.Features()))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "05-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("05-c", typical_then_uncertain)
