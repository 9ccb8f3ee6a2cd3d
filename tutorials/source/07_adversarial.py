# %% [markdown]
# # 7. Adversarial: what does nothing annotated look like?
#
# You will be able to
#
# - say what a discriminator learns when it compares annotated with unannotated samples, and what it
#   cannot know;
# - read a picture of the latents round by round;
# - say what "adversarial" adds: a network that tries to fool its discriminator, and at what price;
# - weigh the discriminator against the uncertainty in a query.
#
# It takes a quarter of an hour to read and a minute to run. Nothing is downloaded. The seed is 0,
# and 0 to 2 where three trials are averaged.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch.utils.data import TensorDataset

import alkit as al

torch.set_num_threads(1)  # so small a network is fastest on one thread

# %% [markdown]
# ## A critic
#
# The criteria so far ask the classifier how sure it is. But a classifier that has never seen a
# class may be very sure, and wrong. So here is another question: *does a sample look like what is
# annotated?* For this no class is needed, only two heaps: what is annotated, and what is not.
#
# A *discriminator*, or *critic*, is a network that gives one number a sample. It is trained to be
# low on what is annotated and high on the rest. It could win by growing without bound; so its slope
# is held near 1, by a penalty (Gulrajani et al. 2017). Then its values are a height: to be high
# here and low there, the two must be far apart.
#
# Three clouds in the plane. Of two of them, eight samples each are annotated; of the third,
# nothing.

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
# The critic rises towards the cloud of which nothing is known, and its eight highest samples
# (rings) all lie there. It was told no class. That is its strength, and its limit:
#
# - it does not know whether a place is *hard*. It would spend as many labels on a class that one
#   label settles as on one that needs a hundred;
# - it does not know whether a place *matters*. A stray photograph is unlike everything annotated,
#   too;
# - its highest candidates lie together, as all highest scores do ([lesson 5](05_selectors.ipynb)).
#
# So it is used together with an uncertainty.

# %% [markdown]
# ## The strategy
#
# `al.AdversarialStrategy` (after Shui et al. 2020, "Deep active learning: unified and principled
# method for query and training") has three networks. The *backbone* turns a sample into a few
# numbers, its *latents*. The *head* makes class scores of the latents. The *discriminator* is a
# critic of the latents, not of the images: what the backbone makes alike counts as alike.
#
# We take the digits 0 to 3, and annotate only zeros and ones. The backbone ends in two numbers, so
# that the latents can be drawn as they are; a real one has hundreds.

# %%
images, digits = load_digits(return_X_y=True)
few = digits < 4
images, digits = torch.tensor(images[few] / 16).float(), torch.tensor(digits[few])


def start(seed, adversarial_weight, **options):
    """A strategy whose pool has ten annotated zeros and ten ones."""
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
        test_batch_size=len(images),  # predictions come one a batch: so there is one of them
        seed=seed,
        **options,
    ).build()


def look(strategy):
    """What the model says of the whole pool, and how high the critic is on each sample."""
    (said,) = strategy.predictions(strategy.train_pool, range(len(images)))
    return said, al.criteria.HeadScore(strategy.module.discriminator)(said)


# %% [markdown]
# How well does the critic tell the two heaps apart? We count how often an unannotated sample is
# higher than an annotated one, over all pairs: 0.5 means that it cannot tell at all, 1 that it
# always can. (`roc_auc_score` of scikit-learn counts that.) Here it cannot reach 1: about half of
# the unannotated samples are zeros and ones as well, and are like the annotated ones. The best that
# can be expected is half of 0.5 and half of 1, about 0.75.


# %%
def told_apart(strategy, heights):
    """How often an unannotated sample is higher than an annotated one."""
    pool = strategy.train_pool
    return roc_auc_score(~np.isin(np.arange(len(pool)), pool.annotated_indices), heights)


# %% tags=["hidden"]
assert abs((digits < 2).float().mean() - 0.5) < 0.02

# %% [markdown]
# ## Latents, round by round
#
# At first the critic only watches: `adversarial_weight=0` means that the backbone does not listen
# to it. In each of four rounds the three networks are trained, the latents are drawn, and ten
# samples are asked for. Uncertainty and critic have the same weight here.

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

print("labels  accuracy  told apart  asked for: 0, 1, 2, 3")
for labels, accuracy, apart, asked in rounds:
    print(f"{labels:6}  {accuracy:8.2f}  {apart:10.2f}  {asked}")

# %% tags=["hidden"]
assert 0.68 < rounds[0][2] < 0.82
assert rounds[-1][2] < 0.63
assert rounds[0][1] < 0.55
assert rounds[-1][1] > 0.8
assert sum(asked[2:].sum() for *_, asked in rounds[:2]) >= 15

# %% [markdown]
# Squares are annotated, rings are asked for, light is where the critic is high, and the numbers
# stand in the middle of each class.
#
# - With 20 labels the classifier is right on half of the pool: it has never heard of twos and
#   threes, and calls each of them a zero or a one. The critic tells the heaps apart as well as can
#   be expected, and what is asked for are mostly twos and threes.
# - Two rounds later all four classes have labels, and the latents come apart into four groups.
# - The more is annotated, the less there is to tell apart: the last column but one falls to near
#   0.5. The critic has done its work, and its score is now mostly noise.

# %% [markdown]
# ## The other half of the game
#
# So far the critic only watched. *Adversarial* means that the backbone plays against it: it is
# trained to classify well **and** to give annotated and unannotated samples the same latents, so
# that the critic cannot tell. The idea is that what is learned on the annotated samples then holds
# for the others, too. One step serves both sides: the critic's gradient goes into the backbone with
# its sign turned round, times `adversarial_weight`.
#
# The same first round, with the backbone listening more and more; the mean of three trials.

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
# A backbone that listens a little hardly changes anything. With a weight of 0.1 it fools the
# critic, which can then do no better than a coin. Mind what that means for the query: **a fooled
# critic knows nothing.** The training wants the two heaps to look the same, and the query wants to
# know how they differ.
#
# With a weight of 1 the game gets in the way of the task: the training loss on the 20 labels is
# more than ten times what it was, and the two sides chase each other, so that the critic is now
# ahead and now behind.
#
# So the weight is small by default, 0.01, and the query does not rely on the critic alone.

# %% [markdown]
# ## What is asked for
#
# The score of the strategy is a formula of criteria ([lesson 4](04_criteria.ipynb)):

# %%
strategy = start(0, adversarial_weight=0.01)
print(strategy.acquisition)

# %% [markdown]
# By default the uncertainty decides, and the critic chooses among candidates of about the same
# rank. For a new weight nothing need be trained again:

# %%
strategy = start(0, adversarial_weight=0)
strategy.fit(max_steps=250, enable_progress_bar=False)
said, heights = look(strategy)
free = strategy.train_pool.unannotated_indices
margins = al.Margin()(said)[free]
print("weight  mean margin  mean height  asked for: 0, 1, 2, 3")
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
# With a small weight the picks are uncertain; with a large one they are high for the critic,
# whatever the classifier thinks.
#
# Is it worth it? A step of this strategy sees a batch of unannotated samples as well, and costs
# about twice as much. A comparison must say whether strategies were given the same number of steps,
# or the same time: [lesson 9](09_fair_comparison.ipynb) takes such a comparison apart.
#
# ## Exercises

# %% [markdown]
# **Exercise 07-a.** Count by hand how well a critic tells two heaps apart: over all pairs of an
# unannotated and an annotated sample, the share in which the unannotated one is higher. A tie
# counts as one half. The arguments are the critic's heights, two tensors of any length.


# %% nbgrader={"grade": false, "grade_id": "07-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def share_of_pairs(annotated, unannotated):
    """A number from 0 to 1."""
    ### BEGIN SOLUTION
    difference = unannotated[:, None] - annotated[None, :]
    return float(((difference > 0).double() + 0.5 * (difference == 0).double()).mean())
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "07-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("07-a", share_of_pairs)

# %% [markdown]
# **Exercise 07-b.** In another method (Sinha et al. 2019) the discriminator is trained the other
# way round: it is *high* on what is **annotated**. Given such a `head`, put a criterion together in
# which the margin and the discriminator have an equal say, by their ranks, and which asks for what
# is unlike the annotated samples. `al.criteria.HeadScore(head)` is what a head says of the latents.


# %% nbgrader={"grade": false, "grade_id": "07-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def uncertain_and_new(head):
    """A criterion, made of others."""
    ### BEGIN SOLUTION
    return al.Rank(al.Margin()) + al.Rank(-al.criteria.HeadScore(head))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "07-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("07-b", uncertain_and_new)

# %% [markdown]
# **Exercise 07-c.** The penalty that holds the slope of a critic near 1: the mean over the points
# of (length of the gradient - 1)². `critic` takes points (N, D) and gives (N, 1). The result must
# be one that can be minimized: a tensor with a gradient of its own, as above.


# %% nbgrader={"grade": false, "grade_id": "07-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def slope_penalty(critic, points):
    """A tensor of one number."""
    ### BEGIN SOLUTION
    points = points.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return ((gradient.norm(dim=1) - 1) ** 2).mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "07-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("07-c", slope_penalty)
