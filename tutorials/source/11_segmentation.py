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
# that never finds a cell has 90 %.

# %%
print(strategy.test())

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

# %%
print("asked for       bright  dim  clouds")
for name, score in scores.items():
    asked = kinds[score.argsort(descending=True)[:20].numpy()]
    print(f"{name:14s}", *(f"{(asked == kind).sum():6d}" for kind in ("bright", "dim", "clouds")))

# %% [markdown]
# ## Look at what is asked for
#
# MEANTEXT

# %% alt="ALT1"
asked = scores["mean"].argsort(descending=True)[:8]
figure, axes = plt.subplots(2, 8, figsize=(8, 2.4), layout="constrained")
for row, score in zip(axes, (scores["mean"], scores["top 5 %"])):
    for ax, index in zip(row, score.argsort(descending=True)):
        ax.imshow(train[int(index)][0][0], cmap="gray", vmin=-0.3, vmax=1.3)
        ax.set_xticks([], [])
        ax.set_yticks([], [])
axes[0, 0].set_ylabel("mean")
axes[1, 0].set_ylabel("top 5 %")
plt.show()

# %% [markdown]
# ## Does it pay?


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

# %% alt="ALT2"
result.plot()
plt.show()

# %%
for name in result.strategies:
    picked = [i for row in result.rows if row["strategy"] == name for i in row["picked"]]
    counts = [int((kinds[picked] == kind).sum()) for kind in ("bright", "dim", "clouds")]
    print(f"{name:8s}", *(f"{count:4d}" for count in counts))
print([(r["strategy"],round(r["final"],3),round(r["area"],3)) for r in result.summary()])

# %% [markdown]
# ## Tiles

# %%
tiles = Regions(16)(train, names=[f"{k:03d}.png" for k in range(300)])
print(tiles)
print(tiles.names[:4], tiles.place(5))

# %%
known = np.isin(tiles.images, pool.annotated_indices)
tile_pool = al.ActiveLearningDataset(tiles, names=tiles.names)
tile_pool.annotate(np.flatnonzero(known))
torch.manual_seed(0)
more = options | {"batch_size": 72}
by_tile = al.Strategy(network(), tile_pool, Each(al.Entropy()), seed=0, **more).build()
by_tile.fit(max_steps=100, enable_progress_bar=False)
print(by_tile.test())
asked = by_tile.query(90)
print(asked.why, asked.names[:5])
print({kind: int((kinds[tiles.images[list(asked)]] == kind).sum()) for kind in ("bright", "dim", "clouds")})
print(np.mean([tiles[i][1].float().mean() for i in asked]))
