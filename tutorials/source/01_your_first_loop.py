# %% [markdown]
# # 1. Your first loop
#
# Labels cost money and patience. **Active learning** trains a model on the few samples that are
# labeled, lets the model say which labels would help it most, buys these, and trains again.
#
# After this lesson you can
#
# - set up a pool of samples, a model and a strategy,
# - run the loop by hand, and let alkit run it,
# - see in a picture what the model asks for, and why,
# - compare that with labels bought at random.
#
# Time: half an hour to read and do; all the code runs in about a minute on a laptop, without a
# download. The seeds are 0, and 0 to 4 in comparisons, so that you see what the text speaks of.

# %%
from textwrap import fill

import matplotlib.pyplot as plt
import torch
from torch.utils.data import TensorDataset
from torchmetrics import Accuracy

import alkit as al

# these networks are tiny: more threads would only wait for each other
torch.set_num_threads(1)

# %% [markdown]
# ## Two classes in the plane
#
# We make up points in a square. A slanted line divides them into class 0, below it, and class 1,
# above. We know the line; the model does not, and has to find it from labels.

# %%
rng = torch.Generator().manual_seed(0)


def points(n):
    """n places in the square from -1 to 1."""
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
# The **pool** is the data set, and what is known of its labels. The labels of `train` are there, but
# nobody has paid for them yet: the pool gives a label only once its sample is **annotated**. We
# begin with four, drawn at random.

# %%
pool = al.ActiveLearningDataset(train)
pool.annotate_random(4, seed=0)

first, waiting = pool.annotated_indices[0], pool.unannotated_indices[0]
print("annotated:", pool.annotated_indices)
print(f"sample {first}, annotated, comes with its label:", pool[first])
print(f"sample {waiting}, not annotated, comes alone:", pool[waiting])

# %% [markdown]
# Samples are always named by their **index**: their place in `train`. It is the same, whatever is
# annotated.
#
# ## A model and a strategy
#
# For a straight line, logistic regression is enough: it weighs the two coordinates, and says how
# likely each class is. It is a network without hidden layers. `new()` gives a fresh copy of it; lesson
# 3 says more.
#
# A **strategy** joins a model, how it is trained, and how it chooses what to ask for. An
# `UncertaintyStrategy` asks for what the model is least sure of. How sure it is, a **criterion**
# measures: `Margin` is high where the two likeliest classes are almost equally likely.

# %%
net = al.MultiLayerPerceptron(2, [], 2)
options = {
    "test": test,
    "test_batch_size": 2000,
    "optimizer": al.Adam(lr=0.2),
    "test_metrics": [Accuracy(task="multiclass", num_classes=2)],
}

torch.manual_seed(0)  # of the weights that the model begins with
strategy = al.UncertaintyStrategy(net.new(), al.Margin(), pool, seed=0, **options).build()

# %% [markdown]
# ## One round by hand
#
# A **round** is: train, test, query, annotate. Training takes a number of **steps**; in each one the
# weights move a little, so that the annotated samples fit better.

# %%
strategy.fit(max_steps=60, enable_progress_bar=False)
first_result = strategy.test()["testMulticlassAccuracy"]
print(f"right with 4 labels: {first_result:.1%} of the test data")

# %% [markdown]
# A **query** asks for the samples that are most wanted. It changes nothing yet.

# %%
query = strategy.query(4)
print(query)
print("asked for:", query.indices)
print("scores:   ", query.scores.round(3), "(1 is the highest)")

# %% [markdown]
# Where are they? The colored regions show which class the model gives to each place. The rings, the
# query, lie where the regions meet: there the model is least sure.

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
# Now we pay. `annotate` takes the labels from `train`; where people label, they would come from them.
# Then the model goes back to the weights that it began with, so that no round leans on what the
# model believed before.

# %%
pool.annotate(query)
strategy.reset_model()
print(len(pool.annotated_indices), "annotated")

# %% [markdown]
# ## More rounds
#
# The same three times more, with a picture of each round.

# %%
frames, results = [], []
for _ in range(3):
    strategy.fit(max_steps=60, enable_progress_bar=False)
    results.append(strategy.test()["testMulticlassAccuracy"])
    query = strategy.query(4)
    frames.append(al.plots.regions(strategy, query.indices))
    pool.annotate(query)
    strategy.reset_model()

print("right:", [f"{result:.1%}" for result in results])

# %% alt="Three pictures: the border settles on the slanted line, with the annotated points along it."
_, places = plt.subplots(1, 3, figsize=(6.4, 2.6), layout="constrained")
for frame, ax in zip(frames, places):
    al.plots.decision_regions(frame, ax)
    ax.get_legend().remove()
    ax.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# The labels gather along the line that we drew, and the model finds it. It never asks for the corners,
# where it is sure, and right. With the 16 labels of the last picture, more than 99 % of the test data
# are right.
#
# `ActiveLearningLoop` runs such rounds, and gives a **record** of each:

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
# Perhaps four labels at random would have done as well. The fair opponent is `UniformStrategy`, which
# draws its samples at random, with everything else the same: the first four samples, the weights at
# the start, and the number of steps. One comparison is one **trial**; chance plays a part in it, so
# `compare` runs five, with the seeds 0 to 4.
#
# It takes a function for each strategy, which makes it anew for a pool and a seed.


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
# This is a **learning curve**: how much of the test data is right, against the labels that were paid
# for. Both begin at the same point, since they begin with the same four labels. With 24, random has
# about 96 %; uncertainty has that with 16.

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
# Now class 0 is a disk, and a wave divides the rest. A line cannot follow these borders: we give the
# network one hidden layer of 32 units. It has more to learn, so it begins with 12 labels, and buys 12
# a round.


# %%
def disk_and_wave(x):
    """Class 0 in a disk; around it, class 1 above a wave, and class 2 below."""
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
# `at_random` and `uncertain` use what `net` and `options` are when they are called, so they serve
# again.
#
# First, one trial to look at: the first, third and fifth round of each strategy, random above and
# uncertainty below.


# %%
def watch(make):
    """The decision regions of the rounds 0, 2 and 4 of a strategy."""
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
# Random buys labels everywhere, many of them deep inside a region, where they say nothing new.
# Uncertainty buys along the borders that the network has drawn so far, right or wrong.
#
# Now the comparison, over five trials:

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
assert "Nothing was shown to beat random" in waves.verdict()

# %% [markdown]
# Up to 36 labels there is little between them. A network that has seen few labels is wrong about its
# own borders, and asks along wrong borders. From 48 labels on its borders are good enough, and what it
# asks for is worth more than what random brings. Over the whole curve, five trials do not prove it:
# the verdict says so, and how many would. Lesson 2 looks into that; lessons 4 and 5 are about asking
# better.
#
# ## Exercises
#
# Write your answer where it says `YOUR CODE HERE`. The cell below it checks the answer, and tells you
# what is wrong with it, if anything is.
#
# **Exercise 01-a.** A model of two classes gives each sample a probability of class 1. How much is
# each sample wanted? Write a function from the probabilities, a tensor of shape `(N,)`, to scores of
# the same shape, which are highest where the model is least sure.


# %% nbgrader={"grade": false, "grade_id": "01-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def wanted(p):
    """A score for each of N samples, (N,), from the probabilities of class 1, (N,)."""
    ### BEGIN SOLUTION
    return -(p - 0.5).abs()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "01-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("01-a", wanted)

# %% [markdown]
# **Exercise 01-b.** Only some samples of a data set are candidates. `indices` holds their dataset
# indices, `scores` how much each is wanted, in the same order. Return the dataset indices of the `n`
# most wanted ones, the most wanted first.


# %% nbgrader={"grade": false, "grade_id": "01-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def choose(indices, scores, n):
    """The n dataset indices, (n,), whose scores are highest; indices and scores are (N,)."""
    ### BEGIN SOLUTION
    return indices[scores.argsort(descending=True)[:n]]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "01-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("01-b", choose)

# %% [markdown]
# **Exercise 01-c.** Write the loop. In each round: train for `max_steps`, note the test accuracy,
# query `n` samples and annotate them, and reset the model. Return the list of accuracies.


# %% nbgrader={"grade": false, "grade_id": "01-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def loop(strategy, rounds, n, max_steps):
    """The test accuracy of each round, as a list."""
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
