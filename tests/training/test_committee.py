"""Ensembles of an unchanged LightningModule: each member is trained as if it were alone."""

import copy

import lightning as L
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import alkit as al
from alkit.errors import ConfigurationError
from alkit.seeds import derive
from alkit.training.committee import Committee


class Net(L.LightningModule):
    """A module with its own training: a schedule, a hook, and two optimizers by hand if asked."""

    def __init__(self, manual=False):
        super().__init__()
        self.body, self.head = nn.Linear(2, 8), nn.Linear(8, 3)
        self.automatic_optimization = not manual
        self.steps = self.ends = 0

    def forward(self, x):
        return self.head(self.body(x).relu())

    def training_step(self, batch, batch_idx):
        self.steps += 1
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss)
        if self.automatic_optimization:
            return loss
        optimizers = self.optimizers()
        for optimizer in optimizers:
            optimizer.zero_grad()
        self.manual_backward(loss)
        for optimizer in optimizers:
            optimizer.step()

    def on_train_end(self):
        self.ends += 1

    def test_step(self, batch, batch_idx):
        self.log("accuracy", (self(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        if not self.automatic_optimization:
            return [torch.optim.SGD(p.parameters(), 0.1) for p in (self.body, self.head)]
        optimizer = torch.optim.Adam(self.parameters(), 0.01)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]


def learner_of(pool, module=None, **options):
    return al.ActiveLearner(module or Net(), pool, al.BALD(), seed=5, batch_size=8, **options)


def weights(module):
    return [p.detach().clone() for p in module.parameters()]


@pytest.mark.parametrize("manual", [False, True])
@pytest.mark.parametrize("by_trainer", [False, True])
def test_each_member_is_what_a_single_training_with_its_seed_gives(manual, by_trainer, pool, quiet):
    learner = learner_of(pool, Net(manual), members=3)
    members = learner.module.members
    alone = [
        al.ActiveLearner(copy.deepcopy(m), pool, seed=derive(5, "member", k), batch_size=8)
        for k, m in enumerate(members)
    ]
    for _ in range(2):  # the second fit has another order of the data
        if by_trainer:
            al.Trainer(max_epochs=3, **quiet).fit(learner)
        else:
            learner.fit(max_epochs=3, **quiet)
        for single, member in zip(alone, members, strict=True):
            single.fit(max_epochs=3, **quiet)
            assert all(map(torch.equal, weights(single.module), weights(member)))
            assert (member.steps, member.ends) == (single.module.steps, single.module.ends)
    assert learner.fits == 2
    assert isinstance(learner.module, Committee)
    assert learner.seed == 5
    last = learner.history.step_history["train_loss"]["value"]
    assert last == alone[-1].history.step_history["train_loss"]["value"]


def test_members_start_from_the_module_and_from_weights_drawn_by_the_seed(pool):
    module, state = Net(), torch.get_rng_state()
    first = learner_of(pool, module, members=3).module.members
    assert first[0] is module
    assert torch.equal(torch.get_rng_state(), state)
    again = learner_of(pool, copy.deepcopy(module), members=3).module.members
    for one, other in zip(first, again, strict=True):
        assert all(map(torch.equal, weights(one), weights(other)))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not torch.equal(first[one].body.weight, first[other].body.weight)


def test_blocks_of_a_module_are_drawn_again_with_their_initializers(pool):
    class Blocks(Net):
        def __init__(self):
            super().__init__()
            recipe = al.MultiLayerPerceptron(2, [], 8).initialize(al.initializers.Constant(0.5))
            self.body = recipe.build()

    members = learner_of(pool, Blocks(), members=2).module.members
    assert (members[1].body.blocks[0].layer.weight == 0.5).all()
    assert all(map(torch.equal, weights(members[0].body), weights(members[1].body)))
    assert not torch.equal(members[0].head.weight, members[1].head.weight)


def test_predictions_are_those_of_all_members_and_reset_restores_them(pool, quiet):
    learner = learner_of(pool, members=3)
    before = weights(learner.module)
    learner.fit(max_steps=3, **quiet)
    assert learner.trained
    x = pool._samples.dataset.tensors[0][:4]
    (prediction,) = learner.predictions(pool, range(4))
    with torch.no_grad():
        expected = torch.stack([member.eval()(x) for member in learner.module.members], 1)
    torch.testing.assert_close(prediction.outputs, expected)
    assert (learner.query(5).scores > 0).all()
    learner.reset_model()
    assert all(map(torch.equal, before, weights(learner.module)))


def test_results_of_a_test_are_the_mean_over_the_members(pool, blobs, quiet):
    data = blobs(50, seed=2)
    learner = learner_of(pool, members=3, test=data)
    learner.fit(max_steps=5, **quiet)
    x, y = data.tensors
    with torch.no_grad():
        right = [(m(x).argmax(1) == y).float().mean().item() for m in learner.module.members]
    assert learner.test()["accuracy"] == pytest.approx(sum(right) / 3)


def test_each_member_has_its_own_callbacks_and_the_last_one_those_that_were_given(pool, quiet):
    counts = []

    class Counts(L.Callback):
        def __init__(self):
            self.steps = 0

        def on_train_batch_end(self, *_):
            self.steps += 1

        def on_train_end(self, *_):
            counts.append(self.steps)

    given = Counts()
    learner_of(pool, members=3).fit(max_steps=4, callbacks=[given], **quiet)
    assert counts == [4, 4, 4]
    assert given.steps == 4


def test_a_failed_fit_leaves_the_ensemble_as_a_whole(pool, quiet):
    class Fails(Net):
        def on_train_end(self):
            raise RuntimeError("stop")

    learner = learner_of(pool, Fails(), members=2)
    with pytest.raises(RuntimeError, match="stop"):
        learner.fit(max_steps=1, **quiet)
    assert isinstance(learner.module, Committee)
    assert learner.seed == 5


def test_a_plain_trainer_is_refused(pool, lightning_trainer):
    with pytest.raises(ConfigurationError, match=r"member by member.*strategy\.fit"):
        lightning_trainer(max_steps=1).fit(learner_of(pool, members=2))


def test_members_that_would_start_equal_are_refused(pool):
    class Free(Net):
        def __init__(self):
            super().__init__()
            self.free = nn.Parameter(torch.randn(3))

    with pytest.raises(ConfigurationError, match="no reset_parameters"):
        learner_of(pool, Free(), members=2)
    module = Net()
    twins = learner_of(pool, al.Ensemble([module, copy.deepcopy(module)]))
    with pytest.raises(ConfigurationError, match="start identical"):
        twins.query(3)
    for members in (1, 0, True, 2.0):
        with pytest.raises(ConfigurationError, match="members must be an integer of at least"):
            learner_of(pool, members=members)
