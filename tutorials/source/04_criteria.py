# %% [markdown]
# # 4. Criteria: what is worth a label?
#
# You will be able to
#
# - say what a *criterion* is, and what entropy, margin and least confidence each look at;
# - see on a triangle where they agree and where they do not;
# - put criteria together into a formula;
# - write one of your own in ten lines, and have it checked.
#
# It takes a quarter of an hour to read and a few seconds to run. Nothing is downloaded. Seed: 0.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

import alkit as al

torch.set_num_threads(1)  # so small a network is fastest on one thread

# %% [markdown]
# ## One number a candidate
#
# A classifier says of each sample how probable each class is. A *criterion* turns these
# probabilities into one number, the *score*: how much would we like to have the label of this
# sample? Higher is wanted sooner.
#
# Here is what a model might say of four samples, *candidates* for a label, and three classes.

# %%
probabilities = torch.tensor(
    [
        [0.98, 0.01, 0.01],  # A: sure
        [0.49, 0.47, 0.04],  # B: the first class or the second, surely not the third
        [0.42, 0.30, 0.28],  # C: it may be any
        [0.34, 0.33, 0.33],  # D: no idea
    ]
)
prediction = al.Prediction(probabilities, kind="probabilities")
criteria = [al.LeastConfidence(), al.Margin(), al.Entropy()]

for criterion in criteria:
    scores = criterion(prediction)
    order = "".join("ABCD"[k] for k in scores.argsort(descending=True))
    print(f"{criterion!r:18}", scores.numpy().round(2), "order:", order)

# %% tags=["hidden"]
orders = ["".join("ABCD"[k] for k in c(prediction).argsort(descending=True)) for c in criteria]
assert orders == ["DCBA", "DBCA", "DCBA"]

# %% [markdown]
# Write `p1` for the largest probability of a row and `p2` for the second largest. Then
#
# - **least confidence** is `1 - p1`: how probable is it that the best guess is wrong?
# - **margin** is `1 - (p1 - p2)`: how close is the race between the two best guesses?
# - **entropy** is minus the sum of `p log p` over all classes: how many classes are still in the
#   race?
#
# All three put D first and A last. They do not agree on B and C. In B the two best guesses are
# nearly tied, so that the margin wants it sooner. In C all three classes are possible, so that the
# other two want it sooner.

# %% [markdown]
# ## The triangle
#
# Three probabilities that sum to one are a place in a triangle. In a corner the model is sure of
# one class; on an edge one class is impossible; in the middle all are equally probable. So a
# criterion for three classes is a picture: light is a high score, and along a line the score is the
# same.


# %%
def triangle(resolution=80):
    """Probabilities (M, 3) everywhere in the triangle, from corner to corner."""
    steps = [(i, j) for i in range(resolution + 1) for j in range(resolution + 1 - i)]
    first, second = torch.tensor(steps).double().T / resolution
    return torch.stack([first, second, (1 - first - second).clamp_min(0)], dim=1)


def places(p):
    """Where probabilities (M, 3) are drawn, (M, 2)."""
    corners = np.array([[0, 0], [1, 0], [0.5, 0.75**0.5]])
    return np.asarray(p) @ corners


def draw(criterion, ax, marked=None):
    """A criterion on the triangle; candidates are marked by letters."""
    p = triangle()
    scores = criterion(al.Prediction(p, kind="probabilities"))
    x, y = places(p).T
    ax.tricontourf(x, y, scores, levels=20, cmap="cividis")
    levels = np.linspace(scores.min(), scores.max(), 7)[1:-1]
    shades = ["white"] * 3 + ["black"] * 2  # readable on dark and on light
    ax.clabel(
        ax.tricontour(x, y, scores, levels, colors=shades, linewidths=0.8, linestyles="-"),
        fontsize=6,
        fmt="%.1f",
    )
    for c, (a, b) in enumerate(places(np.eye(3))):
        ax.text(
            a,
            b + (0.03 if c == 2 else -0.03),
            f"class {c}",
            fontsize=8,
            ha="center",
            va="bottom" if c == 2 else "top",
        )
    for letter, (a, b) in zip("ABCD", places(marked) if marked is not None else []):
        ax.text(
            a,
            b,
            letter,
            fontsize=8,
            weight="bold",
            ha="center",
            va="center",
            bbox={"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "black"},
        )
    ax.set_title(repr(criterion), fontsize=8, pad=14)
    ax.set_aspect("equal")
    ax.axis("off")


# %% alt="Three triangles. The scores of least confidence and entropy rise from each corner to the middle; those of the margin are highest along three lines from the middle to the edges."
figure, axes = plt.subplots(1, 3, figsize=(6.4, 2.5), layout="constrained")
for criterion, ax in zip(criteria, axes):
    draw(criterion, ax, probabilities)
plt.show()

# %% [markdown]
# The corners are dark in all three: a model that is sure has no use for the label. Only the ways up
# from there differ.
#
# - Least confidence rises in straight steps to the middle. It sees the best guess and nothing else.
# - The margin is highest *along three lines*, where two classes are tied for the first place,
#   whatever the third does. From B it is 0.98 of the way to the top.
# - Entropy is round. It is highest in the middle alone, and a class that is out of the race costs
#   it much: in the middle of an edge, where two classes are tied, it has 63 % of its highest value,
#   where the margin has all of it.
#
# Which of them is right? None is. If labels are to settle close races, take the margin; if classes
# that the model cannot place at all are what you look for, take the entropy. With many classes the
# difference grows: a long tail of improbable classes raises the entropy, and the margin does not
# see it. Settles (2009, "Active learning literature survey") draws the same three triangles.

# %% tags=["hidden"]
edge = al.Prediction(torch.tensor([[0.5, 0.5, 0.0]]), kind="probabilities")
middle = al.Prediction(torch.full((1, 3), 1 / 3), kind="probabilities")
assert round(float(al.Entropy()(edge) / al.Entropy()(middle)), 2) == 0.63
assert float(al.Margin()(edge) / al.Margin()(middle)) == 1
assert round(float(al.Margin()(prediction)[1]), 2) == 0.98
everywhere = al.Prediction(triangle(90), kind="probabilities")
highest = [(s > s.max() - 1e-9).sum() for s in (criterion(everywhere) for criterion in criteria)]
assert highest[0] == highest[2] == 1
assert highest[1] > 40  # along three lines

# %% [markdown]
# With **two** classes there is nothing to choose: all three are highest at one half and fall to
# both sides, so that they put candidates in the same order.

# %%
first = torch.linspace(0, 1, 101).double()
two_classes = al.Prediction(torch.stack([first, 1 - first], dim=1), kind="probabilities")
orders = [criterion(two_classes)[:51].diff() > 0 for criterion in criteria]
print("rising from 0 to one half:", [bool(rising.all()) for rising in orders])

# %% tags=["hidden"]
assert all(bool(rising.all()) for rising in orders)
both = [criterion(two_classes) for criterion in criteria]
assert all(torch.allclose(scores, scores.flip(0), atol=1e-12) for scores in both)

# %% [markdown]
# ## On digits
#
# Ten classes now: small images of handwritten digits. A network is trained on 100 labels, and says
# of the 1,697 other images what it thinks.

# %%
images, digits = load_digits(return_X_y=True)
images, digits = torch.tensor(images / 16).float().reshape(-1, 8, 8), torch.tensor(digits)

pool = al.ActiveLearningDataset(TensorDataset(images, digits))
pool.annotate_random(100, seed=0)
torch.manual_seed(0)  # the initial weights, as for any torch module
strategy = al.Strategy(
    al.MultiLayerPerceptron(64, [64], 10),
    pool,
    optimizer=al.Adam(lr=3e-3),
    test_batch_size=len(images),  # predictions come one a batch: so there is one of them
    seed=0,
).build()
strategy.fit(max_steps=200, enable_progress_bar=False)
(said,) = strategy.predictions(pool, pool.unannotated_indices)

# %% [markdown]
# This is an exercise, so that we may look at labels that nobody has paid for. Are the images that a
# criterion wants those on which the network is wrong?

# %%
wrong = said.guesses != digits[said.ids]
print(f"wrong on {wrong.double().mean():.0%} of all images")
wanted = {}
for criterion in criteria:
    wanted[repr(criterion)] = criterion(said).topk(100).indices
    print(
        f"wrong on {wrong[wanted[repr(criterion)]].double().mean():.0%} of the 100 that "
        f"{criterion} wants most"
    )
shared = set(wanted["Margin()"].tolist()) & set(wanted["Entropy()"].tolist())
print(f"{len(shared)} of 100 are wanted by the margin and by the entropy")

# %% tags=["hidden"]
assert 0.07 < wrong.double().mean() < 0.13
assert all(0.33 < wrong[rows].double().mean() < 0.67 for rows in wanted.values())
assert 35 <= len(shared) <= 65

# %% [markdown]
# About one image in ten is a mistake; among those that a criterion wants it is about one in two. So
# the score knows something of where the network errs. And the choice of the criterion matters:
# about half of what the margin wants is not what the entropy wants.
#
# These are the eight that the margin wants most. Below each stand the network's guess and the
# score.

# %% alt="Eight digits that are hard to read, each with the guess of the network and a score near 1."
query = al.select(8, prediction=said, criterion=al.Margin(), seed=0)
al.plots.gallery(query, images[said.ids])
plt.show()

# %% tags=["hidden"]
assert query.scores.min() > 0.95

# %% [markdown]
# ## The algebra
#
# Criteria add up, multiply and take numbers, and what results is a criterion that prints as the
# formula it is:

# %%
print(al.Margin() + al.Entropy())
print(2 * al.Margin() * al.Entropy() - 0.5)

# %% [markdown]
# A sum of scores is soon a mistake, though: they have different units. The margin reaches 1 and the
# entropy of ten classes reaches `log 10`, about 2.3, so that the entropy would speak more than
# twice as loudly, for no reason. `Rank` brings scores to one scale: the lowest score of all
# candidates becomes 0, the highest 1, the middle one 0.5.

# %%
formula = al.Rank(al.Margin()) + 0.5 * al.Rank(al.Entropy())
query = al.select(5, prediction=said, criterion=formula, seed=0)
print(query.why)
for term, share in query.shares.items():
    print(f"{term:22}", share.round(2))

# %% tags=["hidden"]
assert round(float(np.log(10)), 1) == 2.3
assert np.allclose(sum(query.shares.values()), query.scores)
ranks = al.Rank(al.Margin())(said)
assert ranks.min() == 0
assert ranks.max() == 1

# %% [markdown]
# A query keeps what each term gave to each score, so that you can see which of them decided.
#
# On the triangle a formula is one more picture. The product is high only where both are high;
# `Minimum` takes the lower of two scores; and `-Margin()` is what happens when a sign is wrong: it
# is highest in the corners, and asks for what the model knows best.

# %% alt="Three triangles: the product of margin and entropy is highest in the middle and along the three lines near it; so is the minimum of the two; the negative margin is highest in the corners."
figure, axes = plt.subplots(1, 3, figsize=(6.4, 2.5), layout="constrained")
formulas = al.Margin() * al.Entropy(), al.Minimum(al.Margin(), al.Entropy()), -al.Margin()
for criterion, ax in zip(formulas, axes):
    draw(criterion, ax)
plt.show()

# %% tags=["hidden"]
corners = al.Prediction(torch.eye(3), kind="probabilities")
assert (-al.Margin()(corners)).min() > (-al.Margin()(prediction)).max()

# %% [markdown]
# ## One of your own
#
# A criterion is a class with one method: from a `Prediction` to one score a row. Its probabilities
# are `mean_probabilities`, of the shape (N, C): N candidates, C classes. Here is one that draws two
# labels from what the model believes, and asks how probable it is that they differ:


# %%
class Gini(al.Criterion):
    """1 - sum p^2, in [0, 1 - 1 / C]: the chance that two draws from p differ."""

    def score(self, prediction):
        p = prediction.mean_probabilities  # (N, C)
        return 1 - p.square().sum(-1)  # (N,)


print(Gini()(prediction))

# %% [markdown]
# Does it work? Three candidates that you try by hand may all be harmless. `alkit.testing` tries
# those that are not: certain predictions with zeros in them, a single candidate, all equal ones,
# two classes, many; and it checks what every criterion must hold to. It is silent where all is
# well.

# %%
al.testing.check_criterion(Gini())

# %% [markdown]
# Now three that look right, each with a mistake that is made often.


# %%
def mean_entropy(prediction):
    """The mean over the classes, with the sign forgotten."""
    p = prediction.mean_probabilities
    return (p * p.clamp_min(1e-12).log()).mean(-1)


def naive_entropy(prediction):
    """The formula as it stands in the book."""
    p = prediction.mean_probabilities
    return -(p * p.log()).sum(-1)


def scaled_margin(prediction):
    """The margin, brought to the range from 0 to 1."""
    scores = al.Margin()(prediction)
    return scores / scores.max().clamp_min(1e-12)


for wrong_one in (mean_entropy, naive_entropy, scaled_margin):
    try:
        al.testing.check_criterion(wrong_one)
    except al.testing.LawError as error:
        print(error, "\n")

# %% tags=["hidden"]
laws = {}
for wrong_one in (mean_entropy, naive_entropy, scaled_margin):
    try:
        al.testing.check_criterion(wrong_one)
    except al.testing.LawError as error:
        laws[wrong_one.__name__] = str(error)
assert "outranks a certain one" in laws["mean_entropy"]
assert "NaN" in laws["naive_entropy"]
assert "row by row" in laws["scaled_margin"]

# %% [markdown]
# The first is upside down. The second is right but for a certain prediction, where `0 log 0`
# is no number; one such image among a million would stop the query. The third looks at its
# neighbors: a pool is scored in pieces, and so a candidate's score would depend on the piece that
# it happens to be in. `Rank` may look at all candidates, because it says so, and is computed once
# over the whole pool.
#
# Whatever passes goes wherever a criterion goes: into `al.Strategy(net, pool, Gini())`, and into
# formulas.

# %%
print(al.Rank(Gini()) + 0.5 * al.Rank(al.Margin()))

# %% [markdown]
# ## What a criterion cannot see
#
# Each candidate is scored on its own. So a hundred copies of one hard image get a hundred equally
# high scores, and all of them are asked for: [lesson 5](05_selectors.ipynb) is about that. And a
# network says "one half" both where two classes truly overlap and where it has never been: [lesson
# 6](06_bayesian.ipynb) tells these apart.
#
# ## Exercises
#
# Each check says what is wrong, and does not give the answer away.

# %% [markdown]
# **Exercise 04-a.** Another way to measure a race: `p2 / p1`, the second largest probability as a
# share of the largest. Write it as a function of the probabilities `p`, a tensor of the shape (N,
# C), without `al.Ratio`.


# %% nbgrader={"grade": false, "grade_id": "04-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def ratio(p):
    """The second largest probability over the largest, (N,)."""
    ### BEGIN SOLUTION
    first, second = p.topk(2, dim=-1).values.T
    return second / first
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "04-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("04-a", ratio)

# %% [markdown]
# **Exercise 04-b.** Margin and entropy are to have an equal say: put a formula together whose
# scores depend only on the two places that a candidate has, among all candidates, in the order of
# the margin and in that of the entropy, both counting alike.


# %% nbgrader={"grade": false, "grade_id": "04-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def equal_say():
    """A criterion, made of others."""
    ### BEGIN SOLUTION
    return al.Rank(al.Margin()) + al.Rank(al.Entropy())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "04-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("04-b", equal_say)

# %% [markdown]
# **Exercise 04-c.** Not all mistakes cost the same: to take an ill patient for a healthy one is
# worse than the reverse. `cost[t, g]` is the price of guessing class `g` where class `t` is true. A
# careful model guesses the class whose expected cost (the sum of `p[t] * cost[t, g]` over `t`) is
# lowest, and its score is that lowest cost. Complete the criterion.


# %% nbgrader={"grade": false, "grade_id": "04-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
class ExpectedCost(al.Criterion):
    """The expected cost of the guess that is expected to cost least."""

    def __init__(self, cost):
        self.cost = cost  # (C, C): true class, guess

    def score(self, prediction):
        p = prediction.mean_probabilities  # (N, C)
        ### BEGIN SOLUTION
        return (p @ self.cost.to(p.dtype)).amin(-1)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "04-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("04-c", ExpectedCost)
