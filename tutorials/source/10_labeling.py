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
# # 10. Labeling by people
#
# In lessons 1 to 9 the labels were there from the start. Here they are not: there is a folder of
# files, and somebody has to look at them.
#
# After this lesson you can
#
# - label a folder of files, close everything, and continue another day;
# - measure how good the model is without a test set, and explain why the chosen samples cannot
#   measure it;
# - decide when to stop, and find out whether several people agree.
#
# It takes about half a minute to run. A function plays the person, so no browser is needed; you can
# label by hand as well. The seeds are 0 to 9.

# %%
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

import alkit as al
from alkit.oracles import dawid_skene, majority

torch.set_num_threads(1)  # the model is small: more threads would only slow it down

# %% [markdown]
# ## A folder of files
#
# We write 600 digits as image files. The answers stay in `truth`, which only the simulated person
# reads, and we ourselves when we check the result.

# %%
x, y = load_digits(return_X_y=True)
Path("digits").mkdir()
truth = {}
for k in range(600):
    name = f"{k:03d}.png"
    Image.fromarray((x[k].reshape(8, 8) * 15).astype(np.uint8)).save(f"digits/{name}")
    truth[name] = str(y[k])

# %% [markdown]
# ## A project
#
# A **project** is a folder in which people label. It is created at the first call.

# %%
digits = [str(k) for k in range(10)]
project = al.Project("reading", images="digits", classes=digits, seed=0)
print(project)
print(Path("reading/project.toml").read_text())

# %% [markdown]
# The images stay where they are. The project folder has the settings above, which you can edit, and
# `labels.db`, the **ledger**: a file on the disk to which each answer is added at once.
#
# ## Label by hand
#
# This call opens the labeling page, and returns after 20 answers:
#
# ```py
# project.label(20)
# ```
#
# Try it with another folder and your own photos. The keys are 1, 2, 3 and so on for the classes, u
# for unsure, x for broken and z to undo. In a terminal, `alkit label digits --classes 0,1,2` does
# the same.
#
# In this lesson a function is the person. It is an oracle: it takes indices of the pool, and returns
# labels.


# %%
def person(indices):
    return [truth[project.pool.names[i]] for i in indices]


# %% [markdown]
# ## The first batch
#
# There are no labels yet, so no model can be uncertain. The first batch has **typical samples**: the
# images are divided into groups, and the most typical image of each group is asked for (TypiClust).

# %% alt="Twenty images of digits, clearly written, most of them of different classes"
query = project.query(20)
al.plots.gallery(query, x[:600].reshape(-1, 8, 8), columns=10)
plt.show()
print(query.why)

# %% [markdown]
# How many of the ten digits are among the first 20? A draw at random often misses one or two.

# %%
rng = np.random.default_rng(0)
draws = [len(set(y[rng.choice(600, 20, False)])) for _ in range(1000)]
print("typical samples:", len({truth[name] for name in query.names}), "of 10 digits")
print(f"at random: {np.mean(draws):.1f} on average")

# %% tags=["hidden"]
assert len({truth[name] for name in query.names}) == 10
assert 8 < np.mean(draws) < 9

# %% [markdown]
# ## A hundred labels
#
# `label` asks in batches of 20. From the second batch on, a model chooses: it asks for samples that
# it is uncertain about and that differ from the labeled ones. `train` trains it on all labels and
# measures how good it is.

# %%
project.label(100, oracle=person)
found = project.train()
print(project)
print(found.advice)

# %% [markdown]
# ## Where does the accuracy come from?
#
# We have no test set. It comes from the **audit share**: one sample in five is not chosen, but drawn
# uniformly from those without a label. The ledger has the reason of each answer.

# %%
answers = project.ledger.current()
reasons = Counter(entry.why.split(":")[0] for entry in answers.values())
for reason, count in reasons.items():
    print(f"{count:3d}  {reason}")

# %% [markdown]
# The samples of the audit are also used for training. The project predicts each of them by a model
# that was trained on the labels before it, and counts those in the later half of the labels.
#
# The interval states how far the count can be off by chance: of many such intervals, 90 % contain
# the accuracy on the samples without a label. With 20 audit samples it is wide. The width shrinks with the square
# root of their number: four times as many halve it.

# %% alt="Two curves: the interval of an accuracy of 0.9 gets narrower as audit labels are added"
counts = np.arange(10, 401, 10)
hits = np.round(0.9 * counts).astype(int)
tests = [stats.binomtest(h, n) for h, n in zip(hits, counts)]
ends = [test.proportion_ci(0.9, method="wilson") for test in tests]
figure, ax = plt.subplots(figsize=(4.8, 3), layout="constrained")
ax.fill_between(counts, [end.low for end in ends], [end.high for end in ends], alpha=0.3)
ax.axhline(0.9, color="0.3")
ax.set_xlabel("audit labels")
ax.set_ylabel("accuracy, 90 % interval")
plt.show()

# %% [markdown]
# ## Do not measure on the chosen samples
#
# Why not use all 100 labels? Because most of them were chosen *for being hard*. We measure in three
# ways, in ten projects. We have all the answers here, so we can compare with the truth: the accuracy
# on the 500 images that have no label yet, for which the model is needed.


# %%
def measured(seed):
    """Accuracy on the training labels, on the chosen samples, by the audit; truth."""
    p = al.Project(f"seed_{seed}", images="digits", classes=digits, seed=seed)
    p.label(100, oracle=lambda indices: [truth[p.pool.names[i]] for i in indices])
    audit = p.train().accuracy

    answers = p.ledger.current()
    ids = [i for i, name in enumerate(p.pool.names) if name in answers]
    features = torch.stack([p.pool[i][0] for i in ids]).numpy()
    labels = np.array([truth[p.pool.names[i]] for i in ids])
    chosen = np.array([not answers[p.pool.names[i]].why.startswith("audit") for i in ids])
    model = LogisticRegression(max_iter=300)
    own = model.fit(features, labels).score(features, labels)
    guesses = cross_val_predict(model, features, labels, cv=5)
    hard = (guesses == labels)[chosen].mean()

    others = p.predictions()
    right = sum(label == truth[name] for name, (label, _) in others.items())
    return own, hard, audit, right / len(others)


rows = [measured(seed) for seed in range(10)]
own, hard, _, true = (np.array(column) for column in zip(*rows))
audits = [audit for _, _, audit, _ in rows]
print(f"on the labels it was trained on  {own.mean():.2f}")
print(f"on the chosen samples            {hard.mean():.2f}")
print(f"by the audit                     {np.mean([audit.value for audit in audits]):.2f}")
print(f"truth                            {true.mean():.2f}")

# %% alt="Ten projects: the audit's intervals contain the truth, the chosen samples lie far below"
figure, ax = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
for seed, audit in enumerate(audits):
    ax.plot([seed, seed], [audit.low, audit.high], color="C0", lw=3, alpha=0.5)
values = [audit.value for audit in audits]
ax.plot(values, "o", color="C0", label="audit, with its interval")
ax.plot(hard, "s", color="C1", label="chosen samples")
ax.plot(true, "_", color="black", ms=14, label="truth")
ax.set_xlabel("project")
ax.set_ylabel("accuracy")
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# The chosen samples make the model look far worse than it is, because they are the hard ones. The
# labels that it was trained on make it look perfect. More labels do not repair either number: the
# error is a **bias**, not chance. The audit has no bias, only chance, and its interval states how
# much. Of ten 90 % intervals, one misses the truth on average.

# %% tags=["hidden"]
assert own.min() > 0.98
assert hard.mean() < true.mean() - 0.1
assert abs(np.mean([audit.value for audit in audits]) - true.mean()) < 0.03
assert sum(audit.low <= r <= audit.high for audit, r in zip(audits, true)) >= 7

# %% [markdown]
# ## A guess that biases people
#
# The page can show the model's guess. That saves time, and it harms the labels: people agree with a
# wrong guess more often than they would have made that error alone. We simulate somebody who
# accepts half of the wrong guesses. `query` and `annotate` do without the page.

# %%
rng = np.random.default_rng(0)


def biased(name, guess):
    return guess if guess != truth[name] and rng.random() < 0.5 else truth[name]


shown = al.Project("guesses_shown", images="digits", classes=digits, seed=0)
shown.label(40, oracle=lambda indices: [truth[shown.pool.names[i]] for i in indices])
for _ in range(8):
    query = shown.query(20)
    guesses = [digits[g] for g in query.guesses]
    labels = [biased(name, guess) for name, guess in zip(query.names, guesses)]
    shown.annotate(query, labels)

entries = shown.ledger.current().values()
wrong = sum(entry.label != truth[entry.sample] for entry in entries)
print(f"{wrong} of {len(entries)} labels are wrong")

# %% [markdown]
# Without guesses, this person makes no error. And the audit does not show the damage: where a label
# copies the guess, the model is counted as right. So the page hides the guess unless somebody asks
# for it, and the ledger has for each answer whether it was shown.

# %% tags=["hidden"]
assert 5 < wrong < 30

# %% [markdown]
# ## When to stop
#
# We label on, and train after every 20 answers, until `train` finds a reason to stop.

# %%
table = [(100, found.accuracy)]
while not found.reasons and len(project.ledger.current()) < 400:
    project.label(20, oracle=person)
    found = project.train()
    table.append((len(project.ledger.current()), found.accuracy))
print(project)
print(found.advice)

# %% alt="Accuracy by the audit against labels, with its interval, which gets narrower"
labels, measures = zip(*table)
figure, ax = plt.subplots(figsize=(4.8, 3), layout="constrained")
ax.fill_between(labels, [m.low for m in measures], [m.high for m in measures], alpha=0.3)
ax.plot(labels, [m.value for m in measures], "o-")
ax.set_xlabel("labels")
ax.set_ylabel("accuracy by the audit")
plt.show()

# %% [markdown]
# The default is the rule of Bloodgood and Vijay-Shanker (2009): stop when the models of several
# rounds predict the same classes. `alkit.loop.stopping` has two more rules, which look at the
# learning curve: `project.train(stop=[...])`. None of them proves that more labels would not help. They tell that the last ones have
# changed little, and you decide what another point of accuracy is worth.

# %% tags=["hidden"]
assert found.reasons
assert 100 < len(project.ledger.current()) < 400

# %% [markdown]
# ## Export, and open again
#
# `export` writes one row per sample with an answer. With `predictions=True`, the others get the
# model's prediction, in other columns: a prediction is not a label.

# %%
print(project.export("labels.csv", predictions=True), "rows")
print(Path("labels.csv").read_text().splitlines()[:3])

# %% [markdown]
# The folder is enough to continue on another day, or after a crash. Samples are recognized by their
# content, so a file that you rename keeps its label.

# %%
labeled = len(project.ledger.current())
name = next(iter(project.ledger.current()))
project.close()
Path(f"digits/{name}").rename("digits/a_better_name.png")
truth["a_better_name.png"] = truth[name]

project = al.Project("reading")
print(project.changes)
print(project)

# %% tags=["hidden"]
assert len(project.ledger.current()) == labeled
assert project.ledger.current()["a_better_name.png"].label == truth[name]

# %% [markdown]
# ## Several people
#
# Three people answer about the same 100 images. Ann slips at 3 in 100, Bob at 10, and Cem at 30. On
# the page this is `alkit label reading --votes 3 --as Ann`; `votes` is also in `project.toml`.

# %%
team = al.Project("team", images="digits", classes=digits, seed=0)
settings = Path("team/project.toml")
settings.write_text(settings.read_text().replace("votes = 1", "votes = 3"))
team = al.Project("team")
names = list(team.query(100).names)

rng = np.random.default_rng(0)
for who, errors in {"Ann": 0.03, "Bob": 0.1, "Cem": 0.3}.items():
    slips = rng.random(100) < errors
    others = rng.choice(digits, 100)
    labels = [str(other) if slip else truth[name]
              for name, slip, other in zip(names, slips, others)]  # fmt: skip
    team.annotate(names, labels, who=who)
print(team.status())

# %% [markdown]
# **Krippendorff's alpha** measures agreement: 1 if all agree, 0 if they agree as often as answers
# that are drawn at random. A low alpha has two causes: careless people, or classes that nobody has
# defined well. Talk about the disagreements before you label thousands of samples.
#
# From three answers we can make one: the **majority**, or the estimate of Dawid and Skene (1979),
# which also finds out how reliable each person is.

# %%
rows = [(entry.sample, entry.who, entry.label) for entry in team.ledger.live()]
votes, estimate = majority(rows), dawid_skene(rows)
for who in ("Ann", "Bob", "Cem"):
    errors = sum(label != truth[sample] for sample, by, label in rows if by == who)
    print(f"{who}: {errors} wrong labels, estimated accuracy {estimate.accuracy[who]:.2f}")
print("wrong by majority:", sum(votes[name] != truth[name] for name in names))

# %% tags=["hidden"]
assert 0.5 < team.status().agreement < 0.9
assert sum(votes[name] != truth[name] for name in names) < 10
assert estimate.accuracy["Ann"] > estimate.accuracy["Cem"]

# %% [markdown]
# **Exercise 10-a.** Which samples measure the accuracy? You have the model's guesses, the labels
# that people gave and the reason of each sample, as lists of texts. The label of a sample that
# somebody left out is None. Return the accuracy by the audit: among the samples whose reason begins
# with "audit" and that have a label, the share that the model predicts.


# %% nbgrader={"grade": false, "grade_id": "10-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def audit_accuracy(guesses, labels, reasons):
    ### BEGIN SOLUTION
    audit = [
        guess == label
        for guess, label, reason in zip(guesses, labels, reasons)
        if reason.startswith("audit") and label is not None
    ]
    return sum(audit) / len(audit)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "10-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("10-a", audit_accuracy)

# %% [markdown]
# **Exercise 10-b.** Compute the 90 % interval of Wilson (1927) for k correct predictions of n. With
# p = k / n and z = 1.645, the 95 % point of the normal distribution (`stats.norm.ppf`), its ends are
# center - half and center + half:
#
# ```text
# center = (p + z^2 / 2n) / (1 + z^2 / n)
# half   = z sqrt(p (1 - p) / n + z^2 / 4n^2) / (1 + z^2 / n)
# ```


# %% nbgrader={"grade": false, "grade_id": "10-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def wilson(k, n):
    """Return (low, high)."""
    ### BEGIN SOLUTION
    p, z = k / n, stats.norm.ppf(0.95)
    center = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return center - half, center + half
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "10-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("10-b", wilson)

# %% tags=["hidden"]
assert wilson(20, 20)[0] > 0.85

# %% [markdown]
# **Exercise 10-c.** Compute Krippendorff's alpha of two people who both answered all N samples. The
# arguments are two lists of class names. Alpha is 1 - D_o / D_e. D_o is the share of samples on which
# they differ. D_e is the same share for two answers drawn from all 2N answers without replacement:
# the number of pairs of different answers, divided by the number of pairs.


# %% nbgrader={"grade": false, "grade_id": "10-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def alpha(ann, bob):
    ### BEGIN SOLUTION
    observed = np.mean([a != b for a, b in zip(ann, bob)])
    everything = [*ann, *bob]
    counts = np.array(list(Counter(everything).values()))
    n = len(everything)
    expected = 1 - (counts * (counts - 1)).sum() / (n * (n - 1))
    return 1 - observed / expected
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "10-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("10-c", alpha)
