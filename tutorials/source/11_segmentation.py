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
# # 11. Segmentation
#
# So far a label was one class for a whole image. In **segmentation** each pixel has a class, and the
# label is a **mask**. A mask takes minutes to draw, so it matters most here which images one asks for.
#
# After this lesson you can
#
# - train and query with masks, and explain how a score of pixels becomes a score of an image;
# - look at what a rule asks for, and notice when it asks for empty images;
# - ask for tiles of images instead of whole images.
#
# It takes about a minute to run. The data are made here, with the seeds 0 to 2.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch.utils.data import TensorDataset
from torchmetrics import JaccardIndex

import alkit as al
from alkit.criteria import Each, TopShare
from alkit.pool import Regions

torch.set_num_threads(1)  # the network is small: more threads would only slow it down

# %% [markdown]
# ## Data
#
# Three kinds of images of 48 by 48 pixels: most have a few **bright** cells. Some have many **dim**
# ones, which are harder to see. Others have only **clouds** out of focus, and no cell at all.

# %%
rows, columns = np.mgrid[:48, :48]


def picture(kind, rng):
    """An image and its mask, 1 for the pixels of a cell."""
    image, mask = rng.normal(0, 0.1, (48, 48)), np.zeros((48, 48), int)
    for _ in range({"bright": 3, "dim": 6, "clouds": 4}[kind]):
        y, x = rng.uniform(4, 44, 2)
        distance = np.hypot(rows - y, columns - x) / rng.uniform(3, 6)
        if kind == "clouds":
            image += 0.45 * np.exp(-((distance / 2) ** 2))
        else:
            image[distance < 1] += 1 if kind == "bright" else 0.35
            mask[distance < 1] = 1
    return image, mask


def pictures(n, rng):
    kinds = rng.choice(["bright", "dim", "clouds"], n, p=[0.7, 0.15, 0.15])
    images, masks = zip(*(picture(kind, rng) for kind in kinds))
    x, y = torch.tensor(np.stack(images)).float()[:, None], torch.tensor(np.stack(masks))
    return TensorDataset(x, y), kinds


rng = np.random.default_rng(0)
train, kinds = pictures(300, rng)
test, _ = pictures(90, rng)
print({kind: int((kinds == kind).sum()) for kind in ("bright", "dim", "clouds")})

# %% alt="An image of each kind above its mask: bright cells, dim cells, and clouds with an empty mask"
figure, axes = plt.subplots(2, 3, figsize=(5.4, 3.8), layout="constrained")
examples = [int(np.flatnonzero(kinds == kind)[0]) for kind in ("bright", "dim", "clouds")]
for (above, below), index in zip(axes.T, examples):
    x, y = train[index]
    above.imshow(x[0], cmap="gray", vmin=-0.3, vmax=1.3)
    below.imshow(y, cmap="gray", vmin=0, vmax=1)
    above.set_title(kinds[index])
    above.axis("off")
    below.axis("off")
plt.show()

# %% [markdown]
# ## A class for each pixel
#
# The network returns two maps, `(N, 2, 48, 48)`: a logit for each class at each pixel. The loss is
# the one for classes, and compares pixel by pixel. `outputs="segmentation"` states what the maps
# mean. Everything else is as before.


# %%
def network():
    return al.ConvolutionalNeuralNetwork(1, [8, 8, 8], 2)


options = {
    "outputs": "segmentation",
    "batch_size": 8,
    "test": test,
    "test_batch_size": 90,
    "optimizer": al.Adam(lr=5e-3),
    "test_metrics": {"MeanIoU": JaccardIndex(task="multiclass", num_classes=2)},
}
pool = al.ActiveLearningDataset(train)
pool.annotate_random(10, seed=0)
torch.manual_seed(0)  # fixes the initial weights of the model
strategy = al.Strategy(network(), pool, al.Entropy(), seed=0, **options).build()
strategy.fit(max_steps=100, enable_progress_bar=False)
query = strategy.query(10)
print(query.why)

# %% [markdown]
# The criterion scored each of the 2304 pixels of an image, and the score of the image is their mean.
# `query.why` says so.
#
# Quality is measured by the **intersection over union** of each class: the pixels that both the
# mask and the prediction give to the class, divided by those that at least one of them does. The
# mean over the classes is the **mean IoU**. The share of correct pixels would be useless: a model
# that never finds a cell is right at 9 of 10 pixels.

# %%
print(strategy.test())

# %% tags=["hidden"]
assert 0.88 < float((train.tensors[1] == 0).float().mean()) < 0.95

# %% [markdown]
# ## From pixels to an image
#
# Where is the model uncertain? We compute the entropy of each pixel by hand, for the three images
# above.

# %%
with torch.no_grad():
    p = strategy.module.model.eval()(train.tensors[0]).softmax(1)
entropies = -(p * p.clamp_min(1e-9).log()).sum(1)  # (300, 48, 48)
ordered = entropies.flatten(1).sort(1, descending=True).values
scores = {
    "mean": ordered.mean(1),
    "top 5 %": ordered[:, :116].mean(1),  # 116 of 2304 pixels, rounded up
    "max": ordered[:, 0],
}

# %% alt="Entropy maps: rings around bright cells, wide areas in dim cells, patches in clouds"
figure, axes = plt.subplots(1, 3, figsize=(6.6, 2.7), layout="constrained")
for ax, index in zip(axes, examples):
    ax.imshow(entropies[index], cmap="magma", vmin=0, vmax=0.7)
    words = [f"{name} {score[index]:.2f}" for name, score in scores.items()]
    ax.set_title(f"{kinds[index]}\n" + "\n".join(words), fontsize=9)
    ax.axis("off")
plt.show()

# %% [markdown]
# In bright cells the model is uncertain on thin rings, in dim cells on larger parts, and in clouds
# nearly everywhere, a little. Which image is the most uncertain depends on how we reduce its pixels
# to one score:
#
# - the **mean** grows with the area: clouds first;
# - the **top 5 %** counts only the places where it is hardest;
# - the **maximum** is one pixel, and nearly every image has an undecided one.
#
# ## Look at what is asked for

# %% alt="Eight images by the mean are all clouds; by the top 5 percent, several have dim cells"
figure, axes = plt.subplots(2, 8, figsize=(8, 2.4), layout="constrained")
for row, score in zip(axes, (scores["mean"], scores["top 5 %"])):
    for ax, index in zip(row, score.argsort(descending=True)):
        ax.imshow(train[int(index)][0][0], cmap="gray", vmin=-0.3, vmax=1.3)
        ax.set_xticks([], [])
        ax.set_yticks([], [])
axes[0, 0].set_ylabel("mean")
axes[1, 0].set_ylabel("top 5 %")
plt.show()


# %%
def counted(indices):
    return {kind: int((kinds[indices] == kind).sum()) for kind in ("bright", "dim", "clouds")}


for name, score in scores.items():
    print(f"{name:8s}", counted(score.argsort(descending=True)[:20].numpy()))

# %% tags=["hidden"]
most = {
    name: counted(score.argsort(descending=True)[:20].numpy()) for name, score in scores.items()
}
assert most["mean"]["clouds"] > 10
assert most["top 5 %"]["dim"] > most["mean"]["dim"]
assert most["max"]["bright"] > most["top 5 %"]["bright"]

# %% [markdown]
# By the mean, we would pay for masks without a single cell. They do teach something: that clouds are
# background. But ten of them teach the same thing ten times. No number shows this as fast as a look
# at the pictures: **look at what is asked for**, in the first round, before anybody draws a mask.
#
# In alkit, a criterion alone means the mean. `Each(criterion, reduce)` takes another reduction:
# `"mean"`, `"max"`, `"sum"`, `TopShare(0.05)`, `Count(above=0.5)`, or your own function of the
# scores of one image.
#
# ## Does it pay?
#
# We compare in three trials, with 10 more masks in each round.


# %%
def arm(make, *parts):
    return lambda pool, seed: make(network(), pool, *parts, seed=seed, **options)


result = al.compare(
    {
        "uniform": arm(al.UniformStrategy),
        "mean": arm(al.Strategy, Each(al.Entropy())),
        "top 5 %": arm(al.Strategy, Each(al.Entropy(), TopShare(0.05))),
    },
    train,
    seeds=range(3),
    rounds=4,
    query_size=10,
    max_steps=100,
    progress=False,
)

# %% alt="Learning curves of the mean IoU: uniform highest, then the top 5 percent, then the mean"
result.plot()
plt.show()

# %%
areas = {row["strategy"]: row["area"] for row in result.summary()}
for name in result.strategies:
    picked = [i for row in result.rows if row["strategy"] == name for i in row["picked"]]
    print(f"{name:8s} area {areas[name]:.3f} ", counted(picked))

# %% [markdown]
# By the mean, most masks that we pay for are empty, and in these three trials it is below random. The
# top 5 % asks for fewer clouds and for more dim cells. It is above the mean, but here not above
# random: it still asks for clouds more often. Three trials are few, as the bands show. So compare
# with random on your own data, and look at the pictures. On microscope images, the mean and the
# top 5 % are ahead of random (`benchmarks/segmentation.py`).
#
# Published methods add diversity, so that one kind of image cannot fill a query. Yang et al. (2017)
# make a shortlist of uncertain images, and take those that represent the others:
# `al.Prefilter(4, al.KCenter())` as the selector does the same with k-centers, which compare
# the maps of the layer that `features=` names, averaged over their places.

# %% tags=["hidden"]
clouds = {
    name: (kinds[[i for row in result.rows if row["strategy"] == name for i in row["picked"]]])
    for name in result.strategies
}
assert (clouds["mean"] == "clouds").mean() > 2 * (clouds["uniform"] == "clouds").mean()
assert (clouds["top 5 %"] == "clouds").mean() < 0.7 * (clouds["mean"] == "clouds").mean()
assert (clouds["top 5 %"] == "dim").mean() > (clouds["mean"] == "dim").mean()
assert areas["mean"] < areas["top 5 %"] < areas["uniform"]

# %% [markdown]
# ## Tiles instead of images
#
# Most pixels of a mask are background that the model knows already, but one has to draw the whole
# mask. `Regions(16)` divides each image into tiles of 16 by 16 pixels, and makes a sample of each. One
# labels a tile, and the pool's indices are those of tiles. This is what Mackowiak et al. (2018) and
# Colling et al. (2020) do for street scenes.

# %%
tiles = Regions(16)(train, names=[f"{k:03d}.png" for k in range(300)])
print(tiles)
print(tiles.names[:4])
print(tiles.place(5))

# %% [markdown]
# Ten images have 90 tiles. We start with the tiles of the same ten images, train, and ask for 90 more
# tiles. The network is also trained on tiles; since it only has convolutions, it can be tested on
# whole images.

# %%
tile_pool = al.ActiveLearningDataset(tiles, names=tiles.names)
tile_pool.annotate(np.flatnonzero(np.isin(tiles.images, pool.annotated_indices)))
torch.manual_seed(0)
by_tile = al.strategies.mean_pixel_entropy(
    network(), tile_pool, seed=0, **(options | {"batch_size": 72})
).build()
by_tile.fit(max_steps=100, enable_progress_bar=False)
asked = by_tile.query(90)
places = [tiles.place(i) for i in asked]
print(asked.names[:5])
print(f"90 tiles of {len({place.image for place in places})} images")

# %% alt="Four images; the tiles that are asked for are outlined, and lie on clouds"
counts = np.bincount([place.image for place in places], minlength=300)
figure, axes = plt.subplots(1, 4, figsize=(7.2, 2), layout="constrained")
for ax, image in zip(axes, np.argsort(-counts, kind="stable")[:40:10]):
    ax.imshow(train[image][0][0], cmap="gray", vmin=-0.3, vmax=1.3)
    for _, top, left, height, width in [place for place in places if place.image == image]:
        corner = (left - 0.5, top - 0.5)
        ax.add_patch(Rectangle(corner, width, height, fill=False, edgecolor="C1", lw=2))
    ax.axis("off")
plt.show()

# %% [markdown]
# For the price of ten masks we get parts of many images: only the places that are in doubt. The
# network does not see what lies around a tile, so do not make tiles too small. And tiles of one image
# are alike: split images, never tiles, over training and test. `tiles.images` has the image of each
# tile.
#
# `tiles.whole` puts the masks of tiles together, with -100 where a tile has no label.

# %%
tile_pool.annotate(asked)
image = places[0].image
labeled = [i for i in tile_pool.annotated_indices.tolist() if tiles.images[i] == image]
mask = tiles.whole(image, dict(zip(labeled, tile_pool.labels_of(labeled))))
print(mask.shape, f"{(mask != -100).float().mean():.2f} of the pixels have a label")

# %% tags=["hidden"]
assert len({place.image for place in places}) > 40
assert abs(float((mask != -100).float().mean()) - len(labeled) / 9) < 1e-6

# %% [markdown]
# **Exercise 11-a.** Compute the mean IoU. `masks` and `guesses` are integer arrays `(N, H, W)`. For
# each class c in 0, 1, ... classes - 1, count the pixels of all images at which both are c, and those
# at which at least one is c. The IoU of c is the first number divided by the second. Return the mean
# over the classes; leave out those that have no pixels in either.


# %% nbgrader={"grade": false, "grade_id": "11-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mean_iou(masks, guesses, classes):
    ### BEGIN SOLUTION
    values = []
    for c in range(classes):
        both = ((masks == c) & (guesses == c)).sum()
        either = ((masks == c) | (guesses == c)).sum()
        if either:
            values.append(both / either)
    return np.mean(values)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "11-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("11-a", mean_iou)

# %% [markdown]
# **Exercise 11-b.** Compute the mean over the top share of the pixels. `entropies` is an array
# `(N, H, W)`, and `share` a number above 0 and at most 1. Of each image, `share * H * W` pixels
# count, rounded up: those of highest entropy. Return the mean of their entropies, `(N,)`.


# %% nbgrader={"grade": false, "grade_id": "11-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def top_share(entropies, share):
    ### BEGIN SOLUTION
    flat = np.sort(entropies.reshape(len(entropies), -1), axis=1)
    count = int(np.ceil(share * flat.shape[1]))
    return flat[:, -count:].mean(axis=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "11-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("11-b", top_share)

# %% [markdown]
# **Exercise 11-c.** One can also train on whole images of which only some tiles are labeled: the mask
# is -100 elsewhere, and the loss ignores these pixels. Compute that loss. `log_p` are the
# log-probabilities `(N, C, H, W)`, `masks` the classes or -100, `(N, H, W)`; both are arrays. Return
# the mean of `-log_p` of the class, over all labeled pixels.


# %% nbgrader={"grade": false, "grade_id": "11-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def loss(log_p, masks):
    ### BEGIN SOLUTION
    n, h, w = np.nonzero(masks != -100)
    return -log_p[n, masks[n, h, w], h, w].mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "11-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("11-c", loss)
