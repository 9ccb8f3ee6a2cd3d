# %% [markdown]
# # 3. Blocks
#
# A network is made of **blocks**. A block is a recipe first: it says which layers there will be, and
# with which arguments. You may change it as you like. Then it is built, and is an ordinary
# `torch.nn.Module` from then on.
#
# After this lesson you can
#
# - change any part of a network with `configure`,
# - say what `new`, `build` and `create` do,
# - make a backbone, a head and a critic of your own, and put them into a strategy,
# - take a network of torchvision as a backbone.
#
# Time: half an hour to read and do; all the code runs in less than a minute on a laptop, without a
# download. All seeds are 0.

# %%
import numpy as np
import torch
import torchvision
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import TensorDataset
from torchmetrics import Accuracy

import alkit as al

# these networks are tiny: more threads would only wait for each other
torch.set_num_threads(1)

# %% [markdown]
# ## A recipe
#
# A convolutional network for images of one channel, with layers of 16 and 32 channels, and 32 at its
# end:

# %%
net = al.ConvolutionalNeuralNetwork(1, [16, 32], 32)
net

# %% [markdown]
# It has three `blocks`. Each has a `layer`, an `activation` behind it, and empty places for a `pool`,
# which makes the image smaller, and a `normalization`. We fill these: a max-pooling in all blocks but
# the first, and a batch normalization in all.

# %%
net.blocks[1:].pool.configure(nn.MaxPool2d, kernel_size=2)
net.blocks.normalization.configure(nn.BatchNorm2d)
net.blocks[:-1].activation.configure(nn.GELU)
net

# %% [markdown]
# A path goes through the recipe as it goes through the network: `net.blocks` are all blocks,
# `net.blocks[1:]` those from the second on, `.pool` the pool of each. The normalization knows by itself
# how many channels its block has.
#
# What a block has no place for goes behind it. Here, the last image is averaged over its places, so that
# 32 numbers are left of it: its **features**.

# %%
net.blocks[-1].append(al.Layer(nn.AdaptiveAvgPool2d, output_size=1))
net.blocks[-1].append(al.Layer(nn.Flatten))
net.blocks[-1]

# %% [markdown]
# `al.Layer` is the smallest recipe: a class, and its arguments. Mistakes are told at once, with what
# was probably meant:

# %%
try:
    net.blocks[0].layer.configure(kernel_sise=5)
except al.errors.ConfigurationError as error:
    print(error)

# %% tags=["hidden"]
try:
    net.blocks[0].layer.configure(kernel_sise=5)
except al.errors.ConfigurationError as error:
    assert "kernel_size" in str(error)
else:
    raise AssertionError("a misspelled argument passed")

# %% [markdown]
# ## new, build, create
#
# - `net.new()` is another recipe, the same and independent.
# - `net.build()` makes the layers, in place, with random weights. It can be done once.
# - `net.create()` is both: `net.new().build()`.
#
# So one recipe gives as many networks as you need, and they share nothing:

# %%
larger = net.new()
larger.blocks[0].layer.configure(kernel_size=5, padding=2)

torch.manual_seed(0)
first = net.create()
second = net.create()
torch.manual_seed(0)
third = larger.create()

images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
print("features:", first(images).shape)
same = torch.equal(first.blocks[0].layer.weight, second.blocks[0].layer.weight)
print("first and second have the same weights:", same)
print("kernels:", first.blocks[0].layer.kernel_size, third.blocks[0].layer.kernel_size)

# %% [markdown]
# The weights come from torch's random numbers, as for any module: after the same
# `torch.manual_seed`, the same recipe gets the same weights.
#
# A recipe cannot be used, and what is built cannot be built again. Shapes that do not fit are told with
# the part where it happens and both shapes:

# %%
try:
    net(images)
except al.errors.UnbuiltError as error:
    print(error)

try:
    first.build()
except al.errors.BuiltError as error:
    print(error)

try:
    al.Sequential(net.new(), al.MultiLayerPerceptron(64, [], 10)).build()(images)
except al.errors.ShapeError as error:
    print(error)

# %% tags=["hidden"]
assert first(images).shape == (4, 32)
assert not same
assert third.blocks[0].layer.kernel_size == (5, 5)
torch.manual_seed(0)
twin = net.create()
assert all(torch.equal(a, b) for a, b in zip(first.parameters(), twin.parameters()))

# %% [markdown]
# ## A head of your own
#
# The **backbone** makes features, and the **head** makes classes of them. Any `nn.Module` may take the
# place of either. This head compares features with one direction for each class, by the angle
# between them, whatever their lengths. It returns one number a class, higher where the class is
# likelier: **logits**.


# %%
class Angles(nn.Module):
    """Cosine of the angle between features (N, D) and a direction a class, times a scale: (N, C)."""

    def __init__(self, features, classes, scale=10.0):
        super().__init__()
        self.directions = nn.Parameter(torch.randn(classes, features))
        self.scale = scale

    def forward(self, x):
        x = nn.functional.normalize(x, dim=-1)
        return self.scale * x @ nn.functional.normalize(self.directions, dim=-1).T


backbone = net
head = al.Layer(Angles, 32, 10)
al.Sequential(backbone.new(), head.new()).build()(images).shape

# %% [markdown]
# As a `Layer`, your class is a recipe like any other: `new` copies it, and `build` draws its weights.
#
# ## A critic of your own
#
# `AdversarialStrategy` (lesson 2) needs a third part, a **critic** that gives one number to the features
# of each image. `al.Discriminator` is one; here is another, a perceptron with two hidden layers, each
# normalized. It must be a normalization of each sample by itself, such as `LayerNorm`: the training of
# the critic asks how its number changes with *one* sample, and a `BatchNorm` would mix in the others.

# %%
critic = al.MultiLayerPerceptron(32, [64, 64], 1)
critic.blocks[:-1].activation.configure(nn.LeakyReLU, negative_slope=0.2)
critic.blocks[:-1].normalization.configure(nn.LayerNorm)
critic

# %% [markdown]
# The three together, on the digits of lesson 2, three rounds:

# %%
x, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(x))
x, y = torch.tensor(x[order] / 16).float().reshape(-1, 1, 8, 8), torch.tensor(y[order])
train, test = TensorDataset(x[:1300], y[:1300]), TensorDataset(x[1300:], y[1300:])
options = {
    "test": test,
    "test_batch_size": 500,
    "optimizer": al.Adam(lr=5e-3),
    "test_metrics": [Accuracy(task="multiclass", num_classes=10)],
    "seed": 0,
}


def fresh_pool():
    pool = al.ActiveLearningDataset(train)
    pool.annotate_random(40, seed=0)
    return pool


torch.manual_seed(0)
strategy = al.AdversarialStrategy(
    backbone.new(), head.new(), critic.new(), fresh_pool(), **options
).build()
for record in al.ActiveLearningLoop(strategy, query_size=40, rounds=3, max_steps=60):
    print(record.annotated, "labels:", f"{record.metrics['testMulticlassAccuracy']:.3f}")

# %% tags=["hidden"]
assert record.annotated == 120
assert record.metrics["testMulticlassAccuracy"] > 0.85

# %% [markdown]
# ## A network of torchvision
#
# torchvision has many networks for images. They are made for color images of 224 pixels, and end in
# 1000 classes; as a backbone, we want 64 features. So we make our images larger, give them three
# channels, and say `num_classes=64`. ShuffleNet is a small one (Ma et al. 2018), which a laptop can
# train:

# %%
shuffle = al.Sequential(
    al.Layer(nn.Upsample, scale_factor=4),
    al.Layer(nn.Conv2d, 1, 3, kernel_size=1),
    al.Layer(torchvision.models.shufflenet_v2_x0_5, num_classes=64),
)
torch.manual_seed(0)
strategy = al.UncertaintyStrategy(
    al.Sequential(shuffle.new(), al.Layer(Angles, 64, 10)), al.Margin(), fresh_pool(), **options
).build()
for record in al.ActiveLearningLoop(strategy, query_size=40, rounds=2, max_steps=60):
    print(record.annotated, "labels:", f"{record.metrics['testMulticlassAccuracy']:.3f}")

weights = sum(weight.numel() for weight in strategy.module.parameters())
print(f"{weights:,} weights")

# %% tags=["hidden"]
assert 400_000 < weights < 420_000
assert record.metrics["testMulticlassAccuracy"] < 0.7

# %% [markdown]
# A function that makes a network, such as `shufflenet_v2_x0_5`, is as good a recipe as a class. With
# more than 400,000 weights that begin at random, and 80 labels, it is far behind the small network
# above; such networks are strong when they begin with weights that were learned on other images. Where you have these,
#
# ```text
# al.Layer(torchvision.models.resnet18, weights="DEFAULT")
# ```
#
# loads them when it is built (once from the network), and `reset_model` goes back to them.
# `al.models.BackboneResnet18` is torchvision's ResNet-18 for small images.
#
# ## Exercises
#
# **Exercise 03-a.** Write a function that returns the recipe, not built, of a convolutional backbone:
# images of one channel, blocks of 8 and 16 channels and a last one of 24; a `MaxPool2d` of size 2 in
# the second and the third block; `nn.Tanh` as the activation of the first two blocks, and none in the
# last; and at its end one number a channel, so that images `(N, 1, 8, 8)` give features `(N, 24)`.


# %% nbgrader={"grade": false, "grade_id": "03-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def make_backbone():
    """The recipe of a backbone, from (N, 1, 8, 8) to (N, 24)."""
    ### BEGIN SOLUTION
    net = al.ConvolutionalNeuralNetwork(1, [8, 16], 24)
    net.blocks[1:].pool.configure(nn.MaxPool2d, kernel_size=2)
    net.blocks[:-1].activation.configure(nn.Tanh)
    net.blocks[-1].append(al.Layer(nn.AdaptiveAvgPool2d, output_size=1))
    net.blocks[-1].append(al.Layer(nn.Flatten))
    return net
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "03-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("03-a", make_backbone)

# %% [markdown]
# **Exercise 03-b.** A comparison is fair when both sides begin with the same weights. Write a function
# that makes two built networks of a recipe, with equal weights. Training one must not change the
# other, and the recipe must stay a recipe.


# %% nbgrader={"grade": false, "grade_id": "03-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def twins(net):
    """Two built networks of the recipe `net`, independent, with equal weights."""
    ### BEGIN SOLUTION
    first, second = net.create(), net.create()
    second.load_state_dict(first.state_dict())
    return first, second
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "03-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("03-b", twins)

# %% [markdown]
# **Exercise 03-c.** Write a function that returns a critic for 24 features: a block, or any
# `nn.Module`. It gives one number to each sample, `(N, 24)` to `(N, 1)`; it has a hidden layer at
# least; and the number of a sample does not depend on the others of its batch.


# %% nbgrader={"grade": false, "grade_id": "03-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def make_critic():
    """A critic of features (N, 24), one number each: (N, 1)."""
    ### BEGIN SOLUTION
    return al.MultiLayerPerceptron(24, [32], 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "03-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("03-c", make_critic)
