# %% [markdown]
# # 4. Criteria: which samples are worth a label?
#
# After this lesson you can
#
# - explain what a *criterion* is, and what entropy, margin and least confidence measure;
# - see on a triangle where they agree and where they do not;
# - combine criteria into a formula;
# - write your own criterion in ten lines, and have it checked.
#
# It takes a quarter of an hour to read and a few seconds to run. Nothing is downloaded. The seed
# is 0.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

import alkit as al

torch.set_num_threads(1)  # such a small network is fastest on one thread

# %% [markdown]
# ## One score per candidate
#
# A classifier predicts a probability of each class for each sample. A *criterion* turns these
# probabilities into one number, the *score*: how much would the label of this sample help? The
# samples with the highest scores are annotated first.
#
# Here are predictions for four *candidates*, that is, samples that could be annotated next. There
# are three classes.

# %%
probabilities = torch.tensor(
    [
        [0.98, 0.01, 0.01],  # A: certain
        [0.49, 0.47, 0.04],  # B: the first or the second class, almost certainly not the third
        [0.42, 0.30, 0.28],  # C: could be any of them
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
# All three rank D first and A last. They disagree on B and C. In B the two best guesses are nearly
# tied, so the margin ranks it higher. In C all three classes are possible, so the other two rank it
# higher.

# %% [markdown]
# ## The triangle
#
# Three probabilities that sum to one are a point in a triangle. In a corner the model is certain of
# one class; on an edge one class is impossible; in the middle all classes are equally probable. So
# we can draw a criterion for three classes as a picture. Light areas have high scores, and the
# score is constant along each line.


# %%
def triangle(resolution=80):
    """Return a grid of probabilities (M, 3) that covers the triangle, corners included."""
    steps = [(i, j) for i in range(resolution + 1) for j in range(resolution + 1 - i)]
    first, second = torch.tensor(steps).double().T / resolution
    return torch.stack([first, second, (1 - first - second).clamp_min(0)], dim=1)


def places(p):
    """Return the positions (M, 2) at which probabilities (M, 3) are drawn."""
    corners = np.array([[0, 0], [1, 0], [0.5, 0.75**0.5]])
    return np.asarray(p) @ corners


def draw(criterion, ax, marked=None):
    """Draw a criterion on the triangle and mark candidates by letters."""
    p = triangle()
    scores = criterion(al.Prediction(p, kind="probabilities"))
    x, y = places(p).T
    ax.tricontourf(x, y, scores, levels=20, cmap="cividis")
    levels = np.linspace(scores.min(), scores.max(), 7)[1:-1]
    shades = ["white"] * 3 + ["black"] * 2  # readable on dark and on light areas
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
# The corners are dark in all three: a model that is certain gains nothing from the label. The
# criteria differ in how the score rises from there.
#
# - Least confidence rises in straight steps to the middle. It depends only on the best guess.
# - The margin is highest *along three lines*, where two classes are tied for first place, whatever
#   the probability of the third. At B the margin reaches 0.98 of its maximum.
# - Entropy is round. It is highest only in the middle, and an impossible class lowers it a lot: in
#   the middle of an edge, where two classes are tied, entropy has 63 % of its maximum, while the
#   margin has all of it.
#
# Which one is right? None of them. If labels should settle close races, use the margin; if you look
# for samples that could belong to any class, use the entropy. With many classes the difference
# grows: a long tail of improbable classes raises the entropy, and the margin ignores it. Settles
# (2009, "Active learning literature survey") draws the same three triangles.

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
# With **two** classes the choice does not matter: all three criteria are highest at one half and
# fall to both sides, so they rank candidates in the same order.

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
# Now we use ten classes: small images of handwritten digits. We train a network on 100 labels and
# predict the 1,697 other images.

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
    test_batch_size=len(images),  # all predictions in one batch
    seed=0,
).build()
strategy.fit(max_steps=200, enable_progress_bar=False)
(said,) = strategy.predictions(pool, pool.unannotated_indices)

# %% [markdown]
# In this exercise we may look at labels that nobody has paid for. Is the network wrong on the
# images with the highest scores?

# %%
wrong = said.guesses != digits[said.ids]
print(f"wrong on {wrong.double().mean():.0%} of all images")
wanted = {}
for criterion in criteria:
    wanted[repr(criterion)] = criterion(said).topk(100).indices
    print(
        f"wrong on {wrong[wanted[repr(criterion)]].double().mean():.0%} of the 100 highest "
        f"scores of {criterion}"
    )
shared = set(wanted["Margin()"].tolist()) & set(wanted["Entropy()"].tolist())
print(f"{len(shared)} of the 100 highest scores are the same for the margin and the entropy")

# %% tags=["hidden"]
assert 0.07 < wrong.double().mean() < 0.13
assert all(0.33 < wrong[rows].double().mean() < 0.67 for rows in wanted.values())
assert 35 <= len(shared) <= 65

# %% [markdown]
# The network is wrong on about one image in ten; among the highest scores, it is wrong on about one
# in two. So the score does indicate where the network errs. The choice of criterion also matters:
# about half of the images that the margin ranks highest are not among those of the entropy.
#
# Here are the eight highest scores of the margin. The network's guess and the score are below each
# image.

# %% alt="Eight digits that are hard to read, each with the guess of the network and a score near 1."
query = al.select(8, prediction=said, criterion=al.Margin(), seed=0)
al.plots.gallery(query, images[said.ids])
plt.show()

# %% tags=["hidden"]
assert query.scores.min() > 0.95

# %% [markdown]
# ## The algebra
#
# You can add and multiply criteria, with each other and with numbers. The result is again a
# criterion, and it prints as a formula:

# %%
print(al.Margin() + al.Entropy())
print(2 * al.Margin() * al.Entropy() - 0.5)

# %% [markdown]
# A plain sum of scores is often a mistake, though, because scores have different units. The margin
# reaches 1 and the entropy of ten classes reaches `log 10`, about 2.3, so the entropy would count
# more than twice as much, for no reason. `Rank` brings scores to one scale: the lowest score of all
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
# A query stores the contribution of each term to each score, so that you can see which term
# decided.
#
# We can draw a formula on the triangle, too. The product is high only where both factors are high.
# `Minimum` takes the lower of two scores. `-Margin()` shows what happens when a sign is wrong: it
# is highest in the corners, and selects the samples that the model is most certain about.

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
# ## Your own criterion
#
# A criterion is a class with one method. The method takes a `Prediction` and returns one score per
# candidate. The probabilities are in `prediction.mean_probabilities`, with shape (N, C) for N
# candidates and C classes. Here is a criterion that imagines two labels drawn from the predicted
# probabilities, and scores the candidate by the probability that they differ:


# %%
class Gini(al.Criterion):
    """1 - sum p^2, in [0, 1 - 1 / C]: the probability that two draws from p differ."""

    def score(self, prediction):
        p = prediction.mean_probabilities  # (N, C)
        return 1 - p.square().sum(-1)  # (N,)


print(Gini()(prediction))

# %% [markdown]
# Does it work? A few candidates that you try by hand may all be harmless. `alkit.testing` tries
# difficult cases: certain predictions with zeros, a single candidate, equal candidates, two
# classes, many classes. It also checks the rules that every criterion must follow. If nothing is
# wrong, it prints nothing.

# %%
al.testing.check_criterion(Gini())

# %% [markdown]
# Here are three criteria that look right, each with a common mistake.


# %%
def mean_entropy(prediction):
    """Mean over the classes, with the minus sign forgotten."""
    p = prediction.mean_probabilities
    return (p * p.clamp_min(1e-12).log()).mean(-1)


def naive_entropy(prediction):
    """The textbook formula, as written."""
    p = prediction.mean_probabilities
    return -(p * p.log()).sum(-1)


def scaled_margin(prediction):
    """The margin, scaled to the range from 0 to 1."""
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
# The first has the wrong sign. The second is right except for a certain prediction, where `0 log 0`
# is not a number; one such image among a million would stop the query. The third depends on other
# candidates: a pool is scored in batches, so the score of a candidate would depend on its batch.
# `Rank` may use all candidates, because it declares this and is computed once over the whole pool.
#
# A criterion that passes can be used like any other: in `al.Strategy(net, pool, Gini())`, and in
# formulas.

# %%
print(al.Rank(Gini()) + 0.5 * al.Rank(al.Margin()))

# %% [markdown]
# ## What a criterion cannot see
#
# A criterion scores each candidate separately. So a hundred copies of one hard image get a hundred
# equally high scores, and the query selects all of them; [lesson 5](05_selectors.ipynb) solves
# this. Also, a network predicts "one half" both where two classes truly overlap and where it has
# seen no data; [lesson 6](06_bayesian.ipynb) tells these two cases apart.
#
# ## Exercises
#
# Each check explains what is wrong with your answer, without giving the solution away.

# %% [markdown]
# **Exercise 04-a.** Another way to measure how close the race is: `p2 / p1`, the ratio of the
# second largest to the largest probability. Write it as a function of the probabilities `p`, a
# tensor of shape (N, C), without `al.Ratio`.


# %% nbgrader={"grade": false, "grade_id": "04-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def ratio(p):
    """Return the second largest probability divided by the largest, (N,)."""
    ### BEGIN SOLUTION
    first, second = p.topk(2, dim=-1).values.T
    return second / first
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "04-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("04-a", ratio)

# %% [markdown]
# **Exercise 04-b.** Give margin and entropy equal influence. Write a formula whose scores depend
# only on the candidate's rank by margin and its rank by entropy, among all candidates, with equal
# weight.


# %% nbgrader={"grade": false, "grade_id": "04-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def equal_say():
    """Return a criterion that combines others."""
    ### BEGIN SOLUTION
    return al.Rank(al.Margin()) + al.Rank(al.Entropy())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "04-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("04-b", equal_say)

# %% [markdown]
# **Exercise 04-c.** Not all mistakes cost the same: mistaking an ill patient for a healthy one is
# worse than the reverse. `cost[t, g]` is the cost of guessing class `g` when the true class is `t`.
# A careful model guesses the class with the lowest expected cost, the sum of `p[t] * cost[t, g]`
# over `t`. The score of a candidate is that lowest expected cost. Complete the criterion.


# %% nbgrader={"grade": false, "grade_id": "04-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
class ExpectedCost(al.Criterion):
    """Expected cost of the guess with the lowest expected cost."""

    def __init__(self, cost):
        self.cost = cost  # (C, C): true class, guess

    def score(self, prediction):
        p = prediction.mean_probabilities  # (N, C)
        ### BEGIN SOLUTION
        return (p @ self.cost.to(p.dtype)).amin(-1)
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "04-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("04-c", ExpectedCost)
