# %% [markdown]
# # 3. Blocks
#
# A network consists of **blocks**. A block starts as a recipe: it lists the layers and their
# arguments, and you may change it as you like. Once built, it is an ordinary `torch.nn.Module`.
#
# After this lesson you can
#
# - change any part of a network with `configure`,
# - explain what `new`, `build` and `create` do,
# - write your own backbone, head and critic, and use them in a strategy,
# - use a torchvision network as a backbone.
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

# these networks are tiny: more threads would only slow them down
torch.set_num_threads(1)

# %% [markdown]
# ## A recipe
#
# This is a convolutional network for images with one channel. It has layers of 16 and 32 channels,
# and 32 output channels:

# %%
net = al.ConvolutionalNeuralNetwork(1, [16, 32], 32)
net

# %% [markdown]
# It has three `blocks`. Each block has a `layer`, an `activation` after it, and empty places for a
# `pool`, which makes the image smaller, and a `normalization`. We fill these with max pooling in
# all blocks but the first, and batch normalization in all blocks. We also change the activation of
# all blocks but the last.

# %%
net.blocks[1:].pool.configure(nn.MaxPool2d, kernel_size=2)
net.blocks.normalization.configure(nn.BatchNorm2d)
net.blocks[:-1].activation.configure(nn.GELU)
net

# %% [markdown]
# A path selects parts of the recipe: `net.blocks` selects all blocks, `net.blocks[1:]` those from
# the second on, and `.pool` the pool of each. The normalization infers the number of channels from
# its block.
#
# Layers that have no place in a block can be appended to it. Here we average the last image over
# all its positions, which leaves 32 numbers: its **features**.

# %%
net.blocks[-1].append(al.Layer(nn.AdaptiveAvgPool2d, output_size=1))
net.blocks[-1].append(al.Layer(nn.Flatten))
net.blocks[-1]

# %% [markdown]
# `al.Layer` is the smallest recipe: a class and its arguments. A mistake raises an error at once,
# and the message suggests what you probably meant:

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
# - `net.new()` returns an independent copy of the recipe.
# - `net.build()` creates the layers in place, with random weights. It can be called only once.
# - `net.create()` does both: `net.new().build()`.
#
# So one recipe creates any number of networks, and they share nothing:

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
# The weights come from torch's random number generator, as for any module: after the same
# `torch.manual_seed`, the same recipe gets the same weights.
#
# A recipe cannot be called before it is built, and a built network cannot be built again. If shapes
# do not match, the error names the part and both shapes:

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
# ## Your own head
#
# The **backbone** computes features, and the **head** predicts classes from them. Either can be any
# `nn.Module`. This head compares the features with one direction per class, by the angle between
# them and regardless of their lengths. It returns **logits**: one number per class, which is higher
# for more probable classes.


# %%
class Angles(nn.Module):
    """Scaled cosine between features (N, D) and the direction of each class: (N, C)."""

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
# Inside a `Layer`, your class is a recipe like any other: `new` copies it, and `build` draws its
# weights.
#
# ## Your own critic
#
# `AdversarialStrategy` (lesson 2) needs a third part, a **critic** that computes one number from
# the features of each image. `al.Discriminator` is one; here is another, a perceptron with two
# normalized hidden layers. The normalization must treat each sample separately, as `LayerNorm`
# does. The training of the critic measures how its output changes with *one* sample, and a
# `BatchNorm` would mix in the others.

# %%
critic = al.MultiLayerPerceptron(32, [64, 64], 1)
critic.blocks[:-1].activation.configure(nn.LeakyReLU, negative_slope=0.2)
critic.blocks[:-1].normalization.configure(nn.LayerNorm)
critic

# %% [markdown]
# We combine the three parts and run three rounds on the digits of lesson 2:

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
# ## A torchvision network
#
# torchvision has many networks for images. They expect color images of 224 by 224 pixels and
# predict 1000 classes; as a backbone, we want 64 features. So we enlarge our images, give them
# three channels, and set `num_classes=64`. ShuffleNet (Ma et al. 2018) is small enough to train on
# a laptop:

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
# A `Layer` accepts a function that returns a network, such as `shufflenet_v2_x0_5`, as well as a
# class. With more than 400,000 random initial weights and only 80 labels, this network is far
# behind the small network above. Such networks are strong when they start from weights that were
# learned on other images. For a network with pretrained weights,
#
# ```text
# al.Layer(torchvision.models.resnet18, weights="DEFAULT")
# ```
#
# loads them when it is built (the first time, it downloads them), and `reset_model` restores them.
# `alkit.models.BackboneResnet18` is torchvision's ResNet-18 for small images.
#
# ## Exercises
#
# **Exercise 03-a.** Write a function that returns the recipe, not built, of a convolutional
# backbone. It takes images with one channel and has blocks of 8, 16 and 24 channels. The second and
# the third block have a `MaxPool2d` of size 2. The first two blocks have `nn.Tanh` as their
# activation, and the last one has none. At the end, each channel is reduced to one number, so that
# images `(N, 1, 8, 8)` become features `(N, 24)`.


# %% nbgrader={"grade": false, "grade_id": "03-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def make_backbone():
    """Return the recipe of a backbone, from (N, 1, 8, 8) to (N, 24)."""
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
# **Exercise 03-b.** A fair comparison starts both sides from the same weights. Write a function
# that creates two built networks with equal weights from a recipe. Training one network must not
# change the other, and the recipe itself must not be built.


# %% nbgrader={"grade": false, "grade_id": "03-b", "locked": false, "schema_version": 3, "solution": true, "task": false}
def twins(net):
    """Return two independent built networks of the recipe `net`, with equal weights."""
    ### BEGIN SOLUTION
    first, second = net.create(), net.create()
    second.load_state_dict(first.state_dict())
    return first, second
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "03-b-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("03-b", twins)

# %% [markdown]
# **Exercise 03-c.** Write a function that returns a critic for 24 features: a block, or any
# `nn.Module`. It computes one number per sample, from `(N, 24)` to `(N, 1)`. It has at least one
# hidden layer, and the number of a sample does not depend on the other samples of its batch.


# %% nbgrader={"grade": false, "grade_id": "03-c", "locked": false, "schema_version": 3, "solution": true, "task": false}
def make_critic():
    """Return a critic that maps features (N, 24) to one number each, (N, 1)."""
    ### BEGIN SOLUTION
    return al.MultiLayerPerceptron(24, [32], 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "03-c-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
al.course.check("03-c", make_critic)
