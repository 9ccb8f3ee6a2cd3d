# %% [markdown]
# # 7. Adversarial: which samples look unlike the annotated ones?
#
# After this lesson you can
#
# - explain what a discriminator learns when it compares annotated with unannotated samples, and
#   what it cannot learn;
# - read a picture of the latents round by round;
# - explain what "adversarial" adds, a network that tries to fool its discriminator, and at what
#   cost;
# - weight the discriminator against the uncertainty in a query.
#
# It takes a quarter of an hour to read and a minute to run. Nothing is downloaded. The seed is 0,
# and 0 to 2 where we average over three trials.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch.utils.data import TensorDataset

import alkit as al

torch.set_num_threads(1)  # such a small network is fastest on one thread

# %% [markdown]
# ## A critic
#
# The criteria so far measure how certain the classifier is. But a classifier that has never seen a
# class may be very certain, and wrong. So we ask another question: *does a sample look like the
# annotated ones?* This needs no classes, only two groups: the annotated and the unannotated
# samples.
#
# A *discriminator*, or *critic*, is a network that outputs one number per sample. It is trained to
# be low on annotated samples and high on the rest. Its output could grow without bound, so a
# penalty keeps its slope near 1 (Gulrajani et al. 2017). Then the output acts like a height: two
# samples can differ a lot in height only if they are far apart.
#
# We use three clouds in the plane. In two of them, eight samples each are annotated; in the third,
# none.

# %%
rng = np.random.default_rng(0)
CLOUDS = np.array([[-2.5, 0], [0, 0], [3, 1.5]])
points = torch.tensor(np.concatenate([c + 0.5 * rng.normal(size=(80, 2)) for c in CLOUDS])).float()
known = np.concatenate([np.arange(8), np.arange(80, 88)])
unknown = np.setdiff1d(np.arange(240), known)

torch.manual_seed(0)
critic = al.Discriminator(2, [32]).build()
optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)
for _ in range(400):
    rows = torch.tensor(rng.choice(unknown, len(known)))
    low, high = points[known], points[rows]
    share = torch.rand(len(known), 1)
    between = (share * low + (1 - share) * high).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = ((slope.norm(dim=1) - 1) ** 2).mean()
    loss = critic(low).mean() - critic(high).mean() + 10 * penalty
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %% alt="A map of the critic over three clouds. It is low over the two clouds with annotated samples, marked by squares, and rises towards the third cloud, where the eight highest samples are ringed."
with torch.no_grad():
    heights = critic(points)[:, 0]
    ACROSS, UP = np.linspace(-4.5, 5, 60), np.linspace(-2.5, 3.5, 40)
    grid = torch.tensor(np.stack(np.meshgrid(ACROSS, UP), axis=-1)).float()
    everywhere = critic(grid.reshape(-1, 2)).reshape(40, 60)
highest = unknown[heights[unknown].topk(8).indices]

figure, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
ax.contourf(ACROSS, UP, everywhere, levels=16, cmap="cividis")
ax.clabel(ax.contour(ACROSS, UP, everywhere, levels=6, colors="white", linewidths=0.7), fontsize=6)
ax.scatter(
    *points[unknown].T, s=12, color="white", edgecolors="black", linewidths=0.3, label="unannotated"
)
ax.scatter(
    *points[known].T,
    s=24,
    marker="s",
    color=al.plots.COLORS[1],
    edgecolors="black",
    linewidths=0.5,
    label="annotated",
)
ax.scatter(*points[highest].T, s=70, facecolors="none", edgecolors="white", linewidths=1.6)
ax.set(xticks=[], yticks=[])
ax.set_title("the critic: light is high, unlike what is annotated", loc="left", fontsize=9)
ax.legend(fontsize=7, loc="lower right")
plt.show()

# %% tags=["hidden"]
assert heights[160:].mean() > heights[:160].mean() + 2
assert (highest >= 160).all()

# %% [markdown]
# The critic rises towards the cloud without labels, and its eight highest samples (rings) all lie
# there. It was trained without any classes. That is its strength, and also its limit:
#
# - It cannot detect whether a region is *hard*. It would spend the same number of labels on a class
#   that one label settles as on a class that needs a hundred.
# - It cannot detect whether a region *matters*. A stray photograph is also unlike everything
#   annotated.
# - Its highest candidates lie close together, as highest scores usually do
#   ([lesson 5](05_selectors.ipynb)).
#
# So it is combined with an uncertainty criterion.

# %% [markdown]
# ## The strategy
#
# `al.AdversarialStrategy` (after Shui et al. 2020, "Deep active learning: unified and principled
# method for query and training") has three networks. The *backbone* turns a sample into a few
# numbers, its *latents*. The *head* computes class scores from the latents. The *discriminator* is
# a critic of the latents, not of the images: samples with similar latents count as similar.
#
# We use the digits 0 to 3, and annotate only zeros and ones. The backbone outputs two numbers, so
# that we can draw the latents directly; a real backbone outputs hundreds.

# %%
images, digits = load_digits(return_X_y=True)
few = digits < 4
images, digits = torch.tensor(images[few] / 16).float(), torch.tensor(digits[few])


def start(seed, adversarial_weight, **options):
    """Return a strategy whose pool has ten annotated zeros and ten annotated ones."""
    pool = al.ActiveLearningDataset(TensorDataset(images, digits))
    rng = np.random.default_rng(seed)
    pool.annotate(
        np.concatenate([rng.choice(np.flatnonzero(digits == c), 10, replace=False) for c in (0, 1)])
    )
    torch.manual_seed(seed)  # the initial weights, as for any torch module
    return al.AdversarialStrategy(
        backbone=al.MultiLayerPerceptron(64, [64], 2),
        classification_head=al.MultiLayerPerceptron(2, [], 4),
        discriminator_head=al.Discriminator(2, [64]),
        train_pool=pool,
        adversarial_weight=adversarial_weight,
        optimizer=al.Adam(lr=3e-3),
        test_batch_size=len(images),  # all predictions in one batch
        seed=seed,
        **options,
    ).build()


def look(strategy):
    """Return the predictions for the whole pool and the critic's height for each sample."""
    (said,) = strategy.predictions(strategy.train_pool, range(len(images)))
    return said, al.criteria.HeadScore(strategy.module.discriminator)(said)


# %% [markdown]
# How well does the critic tell the two groups apart? Over all pairs of an unannotated and an
# annotated sample, we compute the share in which the unannotated one is higher. A share of 0.5
# means that the critic cannot tell them apart, and 1 that it always can. (scikit-learn's
# `roc_auc_score` computes this.) Here the share cannot reach 1: about half of the unannotated
# samples are also zeros and ones, and look like the annotated ones. The best we can expect is the
# average of 0.5 and 1, about 0.75.


# %%
def told_apart(strategy, heights):
    """Return the share of pairs in which the unannotated sample is higher."""
    pool = strategy.train_pool
    return roc_auc_score(~np.isin(np.arange(len(pool)), pool.annotated_indices), heights)


# %% tags=["hidden"]
assert abs((digits < 2).float().mean() - 0.5) < 0.02

# %% [markdown]
# ## Latents, round by round
#
# At first the critic only watches: with `adversarial_weight=0`, the backbone ignores it. In each of
# four rounds we train the three networks, draw the latents and query ten samples. Uncertainty and
# critic have the same weight here.

# %% alt="Four panels of latents. In round 1 annotated zeros and ones lie at two sides, and twos and threes between them, where the queries are. From round to round annotated samples appear in all four groups, which come apart."
strategy = start(0, adversarial_weight=0, discriminator_weight=1.0)
pool = strategy.train_pool
figure, axes = plt.subplots(2, 2, figsize=(6.4, 4), layout="constrained")
rounds = []
for ax in axes.flat:
    strategy.fit(max_steps=250, enable_progress_bar=False)
    said, heights = look(strategy)
    query = strategy.query(10)
    latents, annotated = said.features, pool.annotated_indices
    ax.scatter(*latents.T, c=heights, cmap="cividis", s=8, linewidths=0)
    ax.scatter(
        *latents[annotated].T,
        s=20,
        marker="s",
        color=al.plots.COLORS[1],
        edgecolors="black",
        linewidths=0.4,
    )
    ax.scatter(
        *latents[query.indices].T, s=46, facecolors="none", edgecolors="black", linewidths=1.3
    )
    for c in range(4):
        ax.text(
            *latents[digits == c].median(0).values,
            str(c),
            fontsize=15,
            weight="bold",
            ha="center",
            va="center",
            bbox={"boxstyle": "circle,pad=0.1", "fc": "white", "alpha": 0.7, "lw": 0},
        )
    ax.set(xticks=[], yticks=[])
    ax.set_title(f"{len(annotated)} labels", loc="left", fontsize=9)
    accuracy = float((said.guesses == digits).float().mean())
    asked = np.bincount(digits[query.indices], minlength=4)
    rounds.append((len(annotated), accuracy, told_apart(strategy, heights), asked))
    pool.annotate(query)
    strategy.reset_model()
plt.show()

print("labels  accuracy  told apart  queried: 0, 1, 2, 3")
for labels, accuracy, apart, asked in rounds:
    print(f"{labels:6}  {accuracy:8.2f}  {apart:10.2f}  {asked}")

# %% tags=["hidden"]
assert 0.68 < rounds[0][2] < 0.82
assert rounds[-1][2] < 0.63
assert rounds[0][1] < 0.55
assert rounds[-1][1] > 0.8
assert sum(asked[2:].sum() for *_, asked in rounds[:2]) >= 15

# %% [markdown]
# Squares are annotated samples, rings are queried samples, and light colors mark where the critic
# is high. Each number is in the middle of its class.
#
# - With 20 labels the classifier is right on half of the pool: it has never seen twos and threes,
#   and classifies each of them as a zero or a one. The critic tells the two groups apart as well as
#   we can expect, and most queried samples are twos and threes.
# - Two rounds later all four classes have labels, and the latents separate into four groups.
# - The more samples are annotated, the less the two groups differ: the "told apart" column falls to
#   nearly 0.5. The critic has done its work, and its score is now mostly noise.

# %% [markdown]
# ## The other half of the game
#
# So far the critic only watched. *Adversarial* means that the backbone plays against it. The
# backbone is trained to classify well **and** to give annotated and unannotated samples the same
# latents, so that the critic cannot tell them apart. The idea is that what the model learns from
# the annotated samples then also holds for the others. One step trains both sides: the critic's
# gradient reaches the backbone with its sign reversed, times `adversarial_weight`.
#
# We repeat the first round with increasing weights, and average over three trials.

# %%
WEIGHTS = 0, 0.01, 0.1, 1
outcomes = {}
print("weight  told apart  training loss")
for weight in WEIGHTS:
    trials = []
    for seed in range(3):
        strategy = start(seed, adversarial_weight=weight)
        strategy.fit(max_steps=250, enable_progress_bar=False)
        loss = float(strategy.trainer.callback_metrics["train_loss"])
        trials.append((told_apart(strategy, look(strategy)[1]), loss))
    outcomes[weight] = np.mean(trials, axis=0)
    print("{:6}  {:10.2f}  {:13.3f}".format(weight, *outcomes[weight]))

# %% tags=["hidden"]
apart = {weight: outcome[0] for weight, outcome in outcomes.items()}
losses = {weight: outcome[1] for weight, outcome in outcomes.items()}
assert apart[0] > 0.7
assert apart[0.01] > 0.65
assert 0.4 < apart[0.1] < 0.6
assert losses[0] < 0.01
assert losses[1] > 10 * losses[0]

# %% [markdown]
# A small weight hardly changes anything. With a weight of 0.1 the backbone fools the critic, which
# then does no better than a coin toss. Consider what that means for the query: **a fooled critic
# has no information.** Training makes the two groups look the same, but the query needs to find out
# how they differ.
#
# With a weight of 1 the game interferes with the task: the training loss on the 20 labels is more
# than ten times as high as with weight 0. The two sides also chase each other, and the critic is
# sometimes ahead and sometimes behind.
#
# So the default weight is small, 0.01, and the query does not rely on the critic alone.

# %% [markdown]
# ## The score
#
# The score of the strategy is a formula of criteria ([lesson 4](04_criteria.ipynb)):

# %%
strategy = start(0, adversarial_weight=0.01)
print(strategy.criterion)

# %% [markdown]
# By default the uncertainty decides, and the critic chooses among candidates of about the same
# rank. You can change `discriminator_weight` without training again:

# %%
strategy = start(0, adversarial_weight=0)
strategy.fit(max_steps=250, enable_progress_bar=False)
said, heights = look(strategy)
free = strategy.train_pool.unannotated_indices
margins = al.Margin()(said)[free]
print("weight  mean margin  mean height  queried: 0, 1, 2, 3")
rows = {}
for weight in (0.01, 1.0, 100.0):
    strategy.discriminator_weight = weight
    picked = torch.tensor(strategy.query(20).indices)
    position = torch.searchsorted(torch.tensor(free), picked)
    rows[weight] = float(margins[position].mean()), float(heights[picked].mean())
    print(
        f"{weight:6}  {rows[weight][0]:11.2f}  {rows[weight][1]:11.2f}  {np.bincount(digits[picked], minlength=4)}"
    )

# %% tags=["hidden"]
assert rows[0.01][0] > rows[100.0][0]
assert rows[100.0][1] > rows[0.01][1]

# %% [markdown]
# With a small weight the picks are uncertain; with a large one the critic ranks them high, whatever
# the classifier predicts.
#
# Is it worth it? A step of this strategy also processes a batch of unannotated samples, and costs
# about twice as much. A comparison must state whether the strategies had the same number of steps
# or the same time: [lesson 9](09_fair_comparison.ipynb) takes such a comparison apart.
#
# ## Exercises

# %% [markdown]
# **Exercise 07-a.** Compute by hand how well a critic tells two groups apart: over all pairs of an
# unannotated and an annotated sample, the share in which the unannotated one is higher. A tie
# counts as one half. The arguments are the critic's heights, two tensors of any length.


# %% nbgrader={"grade": false, "grade_id": "07-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def share_of_pairs(annotated, unannotated):
    """Return a number from 0 to 1."""
    ### BEGIN SOLUTION
    difference = unannotated[:, None] - annotated[None, :]
    return float(((difference > 0).double() + 0.5 * (difference == 0).double()).mean())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "07-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("07-a", share_of_pairs)

# %% [markdown]
# **Exercise 07-b.** In another method (Sinha et al. 2019) the discriminator is trained the other
# way around: it is *high* on **annotated** samples. Given such a `head`, combine the margin and the
# discriminator into a criterion. Both count equally, by their ranks, and samples unlike the
# annotated ones get high scores. `al.criteria.HeadScore(head)` is the criterion that scores latents
# by the output of a head.


# %% nbgrader={"grade": false, "grade_id": "07-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def uncertain_and_new(head):
    """Return a criterion that combines others."""
    ### BEGIN SOLUTION
    return al.Rank(al.Margin()) + al.Rank(-al.criteria.HeadScore(head))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "07-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("07-b", uncertain_and_new)

# %% [markdown]
# **Exercise 07-c.** Write the penalty that keeps the slope of a critic near 1: the mean over the
# points of (length of the gradient - 1)². `critic` maps points (N, D) to (N, 1). It must be
# possible to minimize the result, so return a tensor that is itself differentiable, as in the code
# above.


# %% nbgrader={"grade": false, "grade_id": "07-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def slope_penalty(critic, points):
    """Return the penalty, a tensor with a single number."""
    ### BEGIN SOLUTION
    points = points.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return ((gradient.norm(dim=1) - 1) ** 2).mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "07-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("07-c", slope_penalty)
