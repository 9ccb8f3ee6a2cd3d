# %% [markdown]
# # 1. Your first loop
#
# Labels cost money and patience. **Active learning** trains a model on a few annotated samples,
# uses the model to choose the samples whose labels would help it most, has those annotated, and
# trains again.
#
# After this lesson you can
#
# - set up a pool of samples, a model and a strategy,
# - run the loop by hand, and let alkit run it,
# - see in a picture which samples the model queries, and why,
# - compare that with samples annotated at random.
#
# Time: half an hour to read and do; all the code runs in about a minute on a laptop, without a
# download. The seeds are fixed (0, and 0 to 4 in comparisons), so you see the results that the text
# describes.

# %%
from textwrap import fill

import matplotlib.pyplot as plt
import torch
from torch.utils.data import TensorDataset
from torchmetrics import Accuracy

import alkit as al

# these networks are tiny: more threads would only slow them down
torch.set_num_threads(1)

# %% [markdown]
# ## Two classes in the plane
#
# We generate points in a square. A slanted line divides them into class 0 below the line and class
# 1 above it. We know the line; the model has to learn it from labels.

# %%
rng = torch.Generator().manual_seed(0)


def points(n):
    """Draw n points uniformly from the square [-1, 1] x [-1, 1]."""
    return 2 * torch.rand(n, 2, generator=rng) - 1


def above_the_line(x):
    """Class 1 above the line, class 0 below."""
    return (x[:, 1] > 0.7 * x[:, 0] + 0.2).long()


x, x_test = points(400), points(2000)
train = TensorDataset(x, above_the_line(x))
test = TensorDataset(x_test, above_the_line(x_test))

# %% [markdown]
# ## The pool
#
# The **pool** is the data set, plus a record of which labels are available. `train` contains all
# labels, but nobody has paid for them yet: the pool returns a label only once its sample is
# **annotated**. We begin with four annotated samples, drawn at random.

# %%
pool = al.ActiveLearningDataset(train)
pool.annotate_random(4, seed=0)

first, waiting = pool.annotated_indices[0], pool.unannotated_indices[0]
print("annotated:", pool.annotated_indices)
print(f"sample {first} is annotated and has a label:", pool[first])
print(f"sample {waiting} is unannotated and has no label:", pool[waiting])

# %% [markdown]
# A sample is always identified by its **index**, its position in `train`. The index stays the same
# whatever is annotated.
#
# ## A model and a strategy
#
# For a straight line, logistic regression is enough: it weights the two coordinates and computes a
# probability for each class. It is a network without hidden layers. `new()` returns a fresh copy of
# it; lesson 3 explains this.
#
# A **strategy** combines a model, the way it is trained, and the way it chooses samples to query.
# An `UncertaintyStrategy` queries the samples that the model is least certain about. A
# **criterion** measures that uncertainty: `Margin` is high where the two most probable classes are
# almost equally probable.

# %%
net = al.MultiLayerPerceptron(2, [], 2)
options = {
    "test": test,
    "test_batch_size": 2000,
    "optimizer": al.Adam(lr=0.2),
    "test_metrics": [Accuracy(task="multiclass", num_classes=2)],
}

torch.manual_seed(0)  # fixes the initial weights of the model
strategy = al.UncertaintyStrategy(net.new(), al.Margin(), pool, seed=0, **options).build()

# %% [markdown]
# ## One round by hand
#
# A **round** consists of four parts: train, test, query, annotate. Training takes a number of
# **steps**; each one moves the weights a little, so that the model fits the annotated samples
# better.

# %%
strategy.fit(max_steps=60, enable_progress_bar=False)
first_result = strategy.test()["testMulticlassAccuracy"]
print(f"test accuracy with 4 labels: {first_result:.1%}")

# %% [markdown]
# A **query** names the samples with the highest scores. It does not change the pool yet.

# %%
query = strategy.query(4)
print(query)
print("indices:", query.indices)
print("scores: ", query.scores.round(3), "(1 is the highest)")

# %% [markdown]
# Where are these samples? The colored regions show the class that the model predicts at each point.
# The rings mark the query. They lie where the regions meet, which is where the model is least
# certain.

# %% alt="The plane in two regions, four annotated points, and four rings near the border."
ax = al.plots.decision_regions(al.plots.regions(strategy, query.indices))
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% tags=["hidden"]
with torch.no_grad():
    probability = torch.softmax(strategy(x), -1)[pool.unannotated_indices, 0]
nearest = pool.unannotated_indices[(probability - 0.5).abs().argsort()[:4]]
assert sorted(nearest) == sorted(query.indices)

# %% [markdown]
# Now we pay. `annotate` takes the labels from `train`; in a real project, they would come from
# people. Then we reset the model to its initial weights, so that no round depends on what the model
# learned in earlier rounds.

# %%
pool.annotate(query)
strategy.reset_model()
print(len(pool.annotated_indices), "annotated")

# %% [markdown]
# ## More rounds
#
# We repeat this three times, with a picture of each round.

# %%
frames, results = [], []
for _ in range(3):
    strategy.fit(max_steps=60, enable_progress_bar=False)
    results.append(strategy.test()["testMulticlassAccuracy"])
    query = strategy.query(4)
    frames.append(al.plots.regions(strategy, query.indices))
    pool.annotate(query)
    strategy.reset_model()

print("test accuracy:", [f"{result:.1%}" for result in results])

# %% alt="Three pictures: the border settles on the slanted line, with the annotated points along it."
_, places = plt.subplots(1, 3, figsize=(6.4, 2.6), layout="constrained")
for frame, ax in zip(frames, places):
    al.plots.decision_regions(frame, ax)
    ax.get_legend().remove()
    ax.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# The annotated samples gather along the line that we drew, and the model finds the line. It never
# queries the corners, where it is certain and correct. With the 16 labels of the last picture, the
# test accuracy is above 99 %.
#
# `ActiveLearningLoop` runs such rounds and yields a **record** of each:

# %%
for record in al.ActiveLearningLoop(strategy, query_size=4, rounds=2, max_steps=60):
    print(record.annotated, "labels:", f"{record.metrics['testMulticlassAccuracy']:.1%}")

# %% tags=["hidden"]
assert results[-1] > 0.99
signed = x[:, 1] - 0.7 * x[:, 0] - 0.2
assert signed[pool.rounds > 0].abs().mean() < 0.35 * signed.abs().mean()

# %% [markdown]
# ## Did it help?
#
# Perhaps random samples would have done as well. The fair baseline is `UniformStrategy`, which
# draws its samples at random and keeps everything else the same: the first four samples, the
# initial weights and the number of steps. One such run of both strategies is a **trial**. Its
# outcome depends partly on chance, so `compare` runs five trials, with the seeds 0 to 4.
#
# `compare` takes one function per strategy. Each function creates its strategy from a pool and a
# seed.


# %%
def at_random(pool, seed):
    return al.UniformStrategy(net.new(), pool, seed=seed, **options)


def uncertain(pool, seed):
    return al.UncertaintyStrategy(net.new(), al.Margin(), pool, seed=seed, **options)


line = al.compare(
    {"random": at_random, "uncertainty": uncertain},
    train,
    seeds=range(5),
    rounds=6,
    query_size=4,
    max_steps=60,
    progress=False,
)

# %% alt="Learning curves on two classes: uncertainty is above random from 8 labels on."
line.plot()
plt.show()

# %% [markdown]
# This is a **learning curve**: the test accuracy against the number of labels. Both curves begin at
# the same point, since both strategies begin with the same four labels. With 24 labels, random
# reaches about 96 %; uncertainty reaches that with 16.

# %%
print(fill(line.verdict(), 90))

# %% tags=["hidden"]
_, drawn = line.curves("random")
_, asked = line.curves("uncertainty")
assert (drawn[:, 0] == asked[:, 0]).all()
assert (asked.mean(0)[1:] > drawn.mean(0)[1:]).all()
assert abs(drawn.mean(0)[-1] - 0.96) < 0.01
assert asked.mean(0)[3] > drawn.mean(0)[-1] - 0.002

# %% [markdown]
# ## Three classes, and a small network
#
# Now class 0 is a disk, and a wave divides the rest. A line cannot follow these borders, so we give
# the network one hidden layer of 32 units. It has more to learn, so we begin with 12 labels and
# query 12 samples per round.


# %%
def disk_and_wave(x):
    """Class 0 inside a disk; outside it, class 1 above a wave and class 2 below."""
    disk = (x - torch.tensor([0.1, 0.0])).norm(dim=1) < 0.5
    return torch.where(disk, 0, torch.where(x[:, 1] > 0.4 * torch.sin(3 * x[:, 0]), 1, 2))


train = TensorDataset(x, disk_and_wave(x))
options |= {
    "test": TensorDataset(x_test, disk_and_wave(x_test)),
    "optimizer": al.Adam(lr=0.03),
    "test_metrics": [Accuracy(task="multiclass", num_classes=3)],
}
net = al.MultiLayerPerceptron(2, [32], 3)

# %% [markdown]
# `at_random` and `uncertain` read `net` and `options` when they are called, so we can reuse them.
#
# First, we look at one trial: the first, third and fifth round of each strategy, random in the
# upper row and uncertainty in the lower row.


# %%
def watch(make):
    """Run five rounds of a strategy and return the decision regions of rounds 0, 2 and 4."""
    pool = al.ActiveLearningDataset(train)
    pool.annotate_random(12, seed=0)
    torch.manual_seed(0)
    strategy = make(pool, 0).build()
    frames = []
    for _ in range(5):
        strategy.fit(max_steps=80, enable_progress_bar=False)
        query = strategy.query(12)
        frames.append(al.plots.regions(strategy, query.indices))
        pool.annotate(query)
        strategy.reset_model()
    return frames[::2]


rows = [watch(at_random), watch(uncertain)]

# %% alt="Two rows of pictures: random queries are everywhere, uncertain ones along the borders."
_, places = plt.subplots(2, 3, figsize=(6.4, 4), layout="constrained")
for frames, row in zip(rows, places):
    for frame, ax in zip(frames, row):
        al.plots.decision_regions(frame, ax)
        ax.get_legend().remove()
        ax.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# Random queries samples everywhere, many of them deep inside a region, where a label adds nothing
# new. Uncertainty queries samples along the borders that the network has learned so far, whether
# these are right or wrong.
#
# Now the comparison over five trials:

# %% alt="Learning curves on three classes: equal up to 36 labels, then uncertainty is above."
waves = al.compare(
    {"random": at_random, "uncertainty": uncertain},
    train,
    seeds=range(5),
    rounds=6,
    query_size=12,
    max_steps=80,
    progress=False,
)
waves.plot()
plt.show()

# %%
print(fill(waves.verdict(), 90))

# %% tags=["hidden"]
_, drawn = waves.curves("random")
_, asked = waves.curves("uncertainty")
assert (abs(asked.mean(0) - drawn.mean(0))[:3] < 0.03).all()
assert (asked.mean(0)[3:] > drawn.mean(0)[3:] + 0.01).all()
assert "No strategy was shown to beat random" in waves.verdict()

# %% [markdown]
# Up to 36 labels the two strategies hardly differ. A network trained on few labels has borders in
# the wrong places, and it queries samples along these wrong borders. From 48 labels on, the borders
# are good enough, and the queried samples help more than random ones. Over the whole curve, five
# trials do not prove an advantage: the verdict states this, and how many trials would be needed.
# Lesson 2 explains this; lessons 4 and 5 show better queries.
#
# ## Exercises
#
# Write your answer where it says `YOUR CODE HERE`. The cell below it checks your answer and
# explains any mistake.
#
# **Exercise 01-a.** A model for two classes predicts a probability of class 1 for each sample.
# Write a function that turns these probabilities, a tensor of shape `(N,)`, into scores of the same
# shape. The scores should be highest where the model is least certain.


# %% nbgrader={"grade": false, "grade_id": "01-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def wanted(p):
    """Return the score of each sample, (N,), from its probability of class 1, (N,)."""
    ### BEGIN SOLUTION
    return -(p - 0.5).abs()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "01-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("01-a", wanted)

# %% [markdown]
# **Exercise 01-b.** Only some samples of a data set are candidates. `indices` holds their dataset
# indices and `scores` their scores, in the same order. Return the dataset indices of the `n`
# highest scores, the highest first.


# %% nbgrader={"grade": false, "grade_id": "01-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def choose(indices, scores, n):
    """Return the n dataset indices, (n,), of the highest scores; indices and scores are (N,)."""
    ### BEGIN SOLUTION
    return indices[scores.argsort(descending=True)[:n]]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "01-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("01-b", choose)

# %% [markdown]
# **Exercise 01-c.** Write the loop. In each round, train for `max_steps` steps, record the test
# accuracy, query and annotate `n` samples, and reset the model. Return the list of accuracies.


# %% nbgrader={"grade": false, "grade_id": "01-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def loop(strategy, rounds, n, max_steps):
    """Return the test accuracy of each round, as a list."""
    ### BEGIN SOLUTION
    accuracies = []
    for _ in range(rounds):
        strategy.fit(max_steps=max_steps, enable_progress_bar=False)
        accuracies.append(strategy.test()["testMulticlassAccuracy"])
        strategy.query_and_update(n)
        strategy.reset_model()
    return accuracies
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "01-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("01-c", loop)
