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
# # The failure museum
#
# Four ways in which active learning goes wrong, each shown on real data: the handwritten digits
# from scikit-learn. Each one is a small, common mistake. None of them raises an error, and three of
# them leave you with a model that is worse than one trained on random samples.
#
# | room | mistake | expected result |
# | --- | --- | --- |
# | 1 | an inverted score | accuracy falls from 0.60 to about 0.4 as labels are added |
# | 2 | the top scores of a redundant pool | half of each query is redundant: 0.71 instead of 0.81 |
# | 3 | a poorly chosen coverage radius | 20 labels give anything from 0.5 to 0.8 |
# | 4 | only three trials | one in eight three-trial studies gets the ranking wrong |
#
# The notebook takes about three minutes on one core. Seeds: 0 to 4 in rooms 1 and 2, 0 to 11 in
# room 3, 0 to 23 in room 4.

# %%
import os
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize
from torch.utils.data import TensorDataset
from torchmetrics import Accuracy

import alkit as al

torch.set_num_threads(1)  # a network this small is fastest on one thread
smoke = os.environ.get("ALKIT_SMOKE") == "1"  # tiny run that only checks that the notebook works

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16).float(), torch.tensor(y)
train, test = TensorDataset(x[:1300], y[:1300]), TensorDataset(x[1300:], y[1300:])
study = {
    "seeds": range(2 if smoke else 5),
    "rounds": 3 if smoke else 5,
    "query_size": 20,
    "max_steps": 5 if smoke else 100,
    "progress": False,
}


def asking(criterion=None, selector=None):
    """Factory for a small network that queries with this criterion and selector."""

    def strategy(pool, seed):
        return al.Strategy(
            al.MultiLayerPerceptron(64, [64], 10),
            pool,
            criterion,
            selector,
            test=test,
            test_metrics=[Accuracy(task="multiclass", num_classes=10)],
            test_batch_size=1024,
            optimizer=al.Adam(lr=3e-3),
            seed=seed,
        )

    return strategy


uniform = asking(selector=al.Random())

# %% [markdown]
# ## Room 1: an inverted score
#
# The margin between the two most likely classes is small where the model is unsure. Some libraries
# query the samples with the smallest score, others (including alkit) those with the largest, so you
# must flip the sign when you port a score from one to the other. If you forget, the strategy
# queries the samples the model is most certain about. Here is the effect.

# %% alt="Learning curves: margin rises like uniform, the inverted margin falls"
inverted = al.compare(
    {"uniform": uniform, "margin": asking(al.Margin()), "inverted": asking(-al.Margin())},
    train,
    **study,
)
inverted.plot()
plt.show()

# %% [markdown]
# With every query the inverted strategy buys 20 more labels, and its accuracy *falls*, from 0.60 to
# about 0.4. It only buys digits that the model already classifies correctly, mostly from a few
# classes. They add no information and crowd out the other classes.
#
# How can you detect this without a fair comparison? Check how often the model's guesses were wrong
# on the samples it queried. A strategy that looks for mistakes should find some.


# %%
def mistakes(result, name):
    """Share of the queried samples for which the model's guess was wrong."""
    rows = [row for row in result.rows if row["strategy"] == name and row["picked"]]
    wrong = [np.array(row["guesses"]) != y[row["picked"]].numpy() for row in rows]
    return float(np.mean(wrong))


for name in inverted.strategies:
    print(f"{name:10} wrong on {mistakes(inverted, name):.0%} of the samples it queried")

# %% tags=["hidden"]
if not smoke:
    ends = {name: inverted.curves(name)[1].mean(0) for name in inverted.strategies}
    assert abs(ends["inverted"][0] - 0.60) < 0.05
    assert 0.3 < ends["inverted"][-1] < 0.5
    assert ends["margin"][-1] > ends["uniform"][-1] > 0.75
    assert mistakes(inverted, "inverted") < 0.02
    assert 0.18 < mistakes(inverted, "uniform") < 0.28
    assert 0.58 < mistakes(inverted, "margin") < 0.74

# %% [markdown]
# The inverted strategy was wrong on almost none of its samples. The model misclassifies about one
# in four or five random samples, and about two in three of those that margin queries. One line of
# code would have revealed the mistake before any training:

# %%
try:
    al.testing.check_criterion(-al.Margin())
except al.testing.LawError as error:
    print(error)
else:
    raise RuntimeError("the inverted score was not detected")

# %% [markdown]
# **What to do:** test every score you write with `al.testing.check_criterion`, and monitor the
# share of wrong guesses in your queries.

# %% [markdown]
# ## Room 2: the top scores of a redundant pool
#
# Real pools are redundant: they contain consecutive video frames, several images of one patient, or
# the same text with different whitespace. To simulate this, we put each of the 1,300 digits into
# the pool four times, with a little noise. Three strategies then query by the same score, the
# entropy. The first takes the 20 samples with the highest score. The second draws 20 at random,
# with probabilities that grow with the score. The third takes 20 that are far apart, out of the 200
# with the highest score.

# %% alt="Learning curves: the top 20 by entropy is far below uniform, the other two are above it"
noise = torch.Generator().manual_seed(0)
copies = x[:1300].repeat(4, 1)
copies = copies + 0.05 * torch.randn(copies.shape, generator=noise)
redundant = TensorDataset(copies, y[:1300].repeat(4))

repeated = al.compare(
    {
        "uniform": uniform,
        "top 20": asking(al.Entropy()),
        "by lot": asking(al.Entropy(), al.Power(beta=4)),
        "far apart": asking(al.Entropy(), al.Prefilter(10, al.KCenter())),
    },
    redundant,
    **study,
)
repeated.plot()
plt.show()

# %% [markdown]
# The score is the same, but the three ways of selecting by it differ by about 0.1 in accuracy.
# Taking the top 20 is worse than random samples. Here is one of its queries:

# %% alt="Twelve queried digits, several of which are the same image with other noise"
images = [(image.reshape(8, 8), int(label)) for image, label in redundant]
al.plots.gallery(repeated, images, strategy="top 20", round=1, columns=6, most=12)
plt.show()

# %% [markdown]
# Every image with a high score has three copies with a high score, and we paid for each of them. We
# count the distinct originals in a query of 20:


# %%
def originals(result, name):
    """Mean number of distinct originals in a query."""
    rows = [row for row in result.rows if row["strategy"] == name and row["picked"]]
    return float(np.mean([len({index % 1300 for index in row["picked"]}) for row in rows]))


for name in repeated.strategies:
    print(f"{name:10} {originals(repeated, name):4.1f} originals of 20")

# %% tags=["hidden"]
if not smoke:
    ends = {name: repeated.curves(name)[1][:, -1].mean() for name in repeated.strategies}
    assert abs(ends["top 20"] - 0.71) < 0.04
    assert abs(ends["uniform"] - 0.81) < 0.03
    assert min(ends["by lot"], ends["far apart"]) > ends["uniform"] > ends["top 20"] + 0.05
    assert 8 < originals(repeated, "top 20") < 12
    assert min(originals(repeated, name) for name in ("uniform", "by lot", "far apart")) > 18

# %% [markdown]
# About half of the budget was wasted. You can detect this without a comparison, too: `al.doctor`
# checks a query before you pay for it.

# %%
pool = al.ActiveLearningDataset(redundant)
pool.annotate_random(20, seed=0)
torch.manual_seed(0)
strategy = asking(al.Entropy())(pool, 0).build()
strategy.fit(max_steps=study["max_steps"], enable_progress_bar=False)
print(al.doctor(strategy.query(20)))

# %% tags=["hidden"]
if not smoke:
    found = {finding.name: finding.verdict for finding in al.doctor(strategy.query(20))}
    assert found["near-duplicates"] == found["class skew"] == "warning"

# %% [markdown]
# There are two warnings. The first is about the copies. It counts only a few of them because it
# compares the picks with the pool, which is full of copies as well. The second warns that most
# picks have the same guessed class, which is another form of redundancy among the top scores.
#
# **What to do:** if the pool may be redundant or queries are large, never take just the top scores.
# Drawing at random with probabilities that grow with the score costs nothing (Kirsch et al. 2023),
# and choosing from ten times as many candidates costs little.

# %% [markdown]
# ## Room 3: a poorly chosen coverage radius
#
# Before the first label, no model exists that could be unsure. What remains is to cover the pool:
# to pick samples that are close to many others. In ProbCover (Yehuda et al. 2022), a sample is
# covered if it lies within a given radius of a pick. Everything depends on that radius, and it has
# to be chosen without labels. Here we choose 20 samples at once, with radii from 0.1 to 1. The
# images are normalized to unit length, and the model is a logistic regression.

# %%
radii = (
    [0.2, 0.4, 0.8] if smoke else [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.8, 1.0]
)
seeds = range(2 if smoke else 12)
vectors = normalize(x[:1300].numpy())


def chosen(selector, seed):
    """20 rows of the pool, chosen from the images alone."""
    query = al.select(
        20, embeddings=vectors, criterion=al.criteria.Constant(1), selector=selector, seed=seed
    )
    return query.indices


def accuracy(selector, seed):
    rows = chosen(selector, seed)
    model = LogisticRegression(C=10, max_iter=1000).fit(x[rows].numpy(), y[rows].numpy())
    return model.score(x[1300:].numpy(), y[1300:].numpy())


def mean_accuracy(selector):
    return float(np.mean([accuracy(selector, seed) for seed in seeds]))


by_radius = [mean_accuracy(al.selectors.ProbCover(radius=radius)) for radius in radii]
others = {
    "random": mean_accuracy(al.Random()),
    "radius found by purity": mean_accuracy(al.selectors.ProbCover(classes=10)),
    "k-means, no radius": mean_accuracy(al.selectors.KMeans()),
}

# %% alt="Accuracy against the radius: a narrow peak near 0.4, below random at 0.2"
figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
ax.plot(radii, by_radius, "o-", color=al.plots.COLORS[0], label="ProbCover")
for (name, value), line in zip(others.items(), (":", "--", "-.")):
    ax.axhline(value, color="0.3", ls=line, label=f"{name}: {value:.2f}")
ax.set_xlabel("radius")
ax.set_ylabel("test accuracy with 20 labels")
ax.legend()
plt.show()

# %% [markdown]
# On the same pool, the same method reaches anything from 0.5 to more than 0.8. Only radii in a
# narrow range near 0.4 work well, and a radius of 0.2 is worse than random samples.
#
# The paper's rule derives the radius from k-means clusters: the largest radius for which most balls
# contain samples of a single cluster. Here the rule gives a radius that is too small, and an
# accuracy close to that of random samples. A rule is a guess, too.
#
# Can you detect a bad radius without labels? Partly: check what share of the pool lies within the
# radius of a pick.


# %%
def covered(radius):
    """Share of the pool within the radius of one of the 20 picks."""
    rows = chosen(al.selectors.ProbCover(radius=radius), 0)
    return float((np.linalg.norm(vectors[:, None] - vectors[rows], axis=-1).min(1) < radius).mean())


for radius, value in zip(radii, by_radius):
    print(f"radius {radius:4.2f}: {covered(radius):4.0%} of the pool covered, accuracy {value:.2f}")

# %% tags=["hidden"]
if not smoke:
    at = dict(zip(radii, by_radius))
    best = max(at, key=at.get)
    assert 0.35 <= best <= 0.5
    assert at[best] > 0.79
    assert at[0.2] < others["random"] - 0.05
    assert at[0.2] < 0.55
    assert abs(others["radius found by purity"] - others["random"]) < 0.06
    assert others["k-means, no radius"] > 0.79
    shares = [covered(radius) for radius in radii if at[radius] > 0.8]
    assert 0.3 < min(shares) < max(shares) < 0.9
    assert covered(0.2) < 0.1
    assert covered(0.8) > 0.99

# %% [markdown]
# With good radii, the 20 picks cover between a third and five sixths of the pool. Smaller radii
# cover almost nothing except the densest region. Larger radii cover the whole pool after a few
# picks, and the remaining labels go to outliers, the samples farthest from all others.
#
# **What to do:** prefer methods without a radius if you have no labels to tune it with. Here,
# k-means medoids are as good as the best radius. The notebook
# [Starting with ten labels](starting_with_ten_labels.ipynb) compares these methods.

# %% [markdown]
# ## Room 4: only three trials
#
# We compare uniform and margin again, without any mistake this time and with 24 trials. That is
# enough to establish which one is better.

# %%
many = {**study, "seeds": range(4 if smoke else 24)}
close = al.compare({"uniform": uniform, "margin": asking(al.Margin())}, train, **many)
annotated, _ = close.curves("uniform")
areas = {name: al.statistics.areas(annotated, close.curves(name)[1]) for name in close.strategies}
gains = areas["margin"] - areas["uniform"]
low, high = al.statistics.t_interval(gains)
print(f"margin is ahead by {gains.mean():.3f}, 95 % interval {low:.3f} to {high:.3f}")

# %% [markdown]
# Margin is better by about 0.02 in area under the budget curve. Now imagine a researcher who has
# time for only three trials. From our 24 trials we can form 2,024 such studies. Another researcher
# has time for twelve: we form 2,000 such studies, with trials drawn from our 24 with replacement.

# %% alt="Histograms of mean gains: of three trials wide, with a part below zero; of twelve narrow"
rng = np.random.default_rng(0)
threes = np.array([gains[list(three)].mean() for three in combinations(range(len(gains)), 3)])
twelves = rng.choice(gains, (2000, 12)).mean(1)

figure, axes = plt.subplots(2, 1, figsize=(6.4, 4), sharex=True, layout="constrained")
for ax, means, trials in zip(axes, (threes, twelves), (3, 12)):
    ax.hist(means, bins=np.arange(-0.04, 0.09, 0.004), color="0.8", edgecolor="0.3")
    ax.axvline(0, color="black", lw=1.5)
    wrong = (means < 0).mean()
    ax.set_title(f"{trials} trials: {wrong:.1%} of the studies rank uniform first", fontsize=10)
    ax.set_yticks([])
ax.set_xlabel("mean gain of margin (left of the line: wrong ranking)")
plt.show()

# %% [markdown]
# One in eight of the three-trial studies concludes that uniform is better. With twelve trials it is
# about one in a hundred. And the wrong studies look just like the others: they have curves,
# bands and a winner. Here is the worst of them.

# %% alt="Learning curves of three trials in which uniform is ahead of margin"
worst = min(combinations(range(len(gains)), 3), key=lambda three: gains[list(three)].mean())
rows = [row for row in close.rows if row["seed"] in worst]
wrong_way = al.Result(rows, {**close.protocol, "seeds": list(worst)})
wrong_way.plot()
plt.show()
print(wrong_way.tests())

# %% tags=["hidden"]
if not smoke:
    assert 0.005 < low < gains.mean() < high
    assert abs(gains.mean() - 0.02) < 0.01
    assert len(threes) == 2024
    assert 1 / 12 < (threes < 0).mean() < 1 / 6
    assert 0 < (twelves < 0).mean() < 0.03
    assert wrong_way.tests()[0]["p_alone"] < 0.05 < wrong_way.tests()[0]["p_signed_rank"]
    assert 15 <= close.trials_needed(0.02)["margin"] <= 28

# %% [markdown]
# Its t-test even finds a significant difference, with p below 0.05, in the wrong direction. With
# this many studies, one such result is bound to occur. (The signed-rank test makes weaker
# assumptions. With three trials its p-value cannot fall below 0.25, so three trials can never be
# significant.)
#
# How many trials are enough? Estimate this from the spread of the differences in a pilot study:

# %%
print(close.trials_needed(0.02))

# %% [markdown]
# About twenty trials detect a difference of 0.02 in four out of five studies.
#
# **What to do:** plan the number of trials before you run them, compare in pairs, and publish the
# confidence interval. [Fair comparison](../tutorials/09_fair_comparison.ipynb) shows how.
