"""The adversarial strategy: its objective by hand, its critic on a toy, its lazy batches."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data import Dataset, TensorDataset

import alkit as al
from alkit.errors import ModelOutputError, ShapeError
from alkit.training.adversarial import AdversarialClassifier, _reversed


def parts(**options):
    """The inner module over latents of two features, with a critic of one hidden layer."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
        backbone, head = nn.Linear(2, 2), nn.Linear(2, 3)
    options = {"adversarial_weight": 0.5, "gradient_penalty_weight": 2.0, **options}
    return AdversarialClassifier(backbone, head, critic, **options).build()


# --- the objective ----------------------------------------------------------------------------


def test_the_reversal_keeps_values_and_turns_gradients():
    z = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    out = _reversed(z, 0.3)
    torch.testing.assert_close(out, z)
    (gradient,) = torch.autograd.grad((out**3).sum(), z)
    torch.testing.assert_close(gradient, -0.3 * 3 * z.detach() ** 2)


def test_distance_and_penalty_are_those_of_the_formula():
    module = parts()
    module.unannotated_share = 0.75
    z, u = torch.randn(6, 2), torch.randn(4, 2)
    with torch.no_grad():
        g = module.discriminator
        by_hand = 0.75 * (g(u).sum() / 4 - g(z).sum() / 6)
    torch.testing.assert_close(module.distance(z, u), by_hand)

    module.rng.manual_seed(1)
    penalty = module.gradient_penalty(z, u)
    share = torch.rand(4, 1, generator=torch.Generator().manual_seed(1))  # the smaller batch
    points = share * z[:4] + (1 - share) * u
    (w, b), (v, _) = (list(module.discriminator[0][k].parameters()) for k in (0, 2))
    slope = 1 - torch.tanh(points @ w.T + b) ** 2  # g' = v diag(1 - tanh^2) w
    norms = torch.stack([((v * s) @ w).norm() for s in slope])
    torch.testing.assert_close(penalty, ((norms - 1) ** 2).mean())


def test_one_backward_pass_gives_both_players_their_own_gradient():
    module = parts()
    module.unannotated_share = 0.75
    x, y, u = torch.randn(6, 2), torch.tensor([0, 1, 2, 0, 1, 2]), torch.randn(6, 2)
    module.rng.manual_seed(1)
    with warnings.catch_warnings():  # no Trainer: nothing is logged
        warnings.simplefilter("ignore")
        module.training_step({"annotated": (x, y), "unannotated": u}, 0).backward()
    came = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()

    backbone, head, critic = module.model[0], module.model[1], module.discriminator
    z, z_u = backbone(x), backbone(u)
    w = 0.75 * (critic(z_u).mean() - critic(z).mean())
    loss = nn.functional.cross_entropy(head(z), y)
    network = list(module.model.parameters())
    expected = torch.autograd.grad(loss + 0.5 * w, network, retain_graph=True)
    module.rng.manual_seed(1)
    penalty = module.gradient_penalty(z.detach(), z_u.detach())
    expected += torch.autograd.grad(-w + 2.0 * penalty, list(critic.parameters()))
    for got, by_hand in zip(came, expected, strict=True):
        torch.testing.assert_close(got, by_hand)


@pytest.mark.parametrize("shape", [(4, 3, 5, 5), (4, 3, 4, 1), (3, 7)])
def test_latents_may_be_maps(shape, quiet):  # fault 27
    size = int(np.prod(shape[1:]))
    head, critic = nn.Sequential(nn.Flatten(), nn.Linear(size, 3)), nn.Linear(size, 1)
    data = TensorDataset(torch.randn(12, *shape[1:]), torch.arange(12) % 3)
    pool = al.ActiveLearningDataset(data)
    pool.annotate(range(5))
    norm = critic.weight.norm().item()  # of a linear critic's gradient, at every point
    strategy = al.AdversarialStrategy(
        nn.Identity(), head, critic, pool, batch_size=shape[0], seed=0
    ).build()
    strategy.fit(max_steps=2, **quiet)
    penalty = strategy.history.step_history["train_gradient_penalty_step"]["value"][0]
    assert penalty == pytest.approx((norm - 1) ** 2, rel=1e-4)
    assert len(strategy.query(7)) == 7


# --- on a toy ---------------------------------------------------------------------------------


def two_clusters(seed=0):
    """One cluster that is partly annotated, and a far one that is not at all."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(120, 2, generator=generator) * 0.5
    x[60:, 0] += 5
    y = (x[:, 1] > 0).long()
    pool = al.ActiveLearningDataset(TensorDataset(x, y))
    pool.annotate(range(0, 60, 2))
    return pool, x


def adversarial(pool, *, train_backbone=True, **options):
    with torch.random.fork_rng():
        torch.manual_seed(2)
        backbone, head = nn.Linear(2, 4), nn.Linear(4, 2)
        critic = al.Discriminator(4, [16]).build()
    backbone.requires_grad_(train_backbone)
    options = {
        "batch_size": 16,
        "seed": 0,
        "optimizer": al.Adam(lr=0.01),
        **options,
    }
    return al.AdversarialStrategy(backbone, head, critic, pool, **options).build()


def test_the_critic_tells_annotated_from_unannotated_and_its_penalty_falls(quiet):
    pool, x = two_clusters()
    pool.annotate(range(1, 60, 2))  # all of the near cluster
    strategy = adversarial(pool, train_backbone=False, optimizer=al.Adam(lr=0.02))
    strategy.fit(max_steps=100, **quiet)
    module = strategy.module.eval()
    with torch.no_grad():
        values = module.discriminator(module.model[0](x))[:, 0].numpy()
    unannotated = np.isin(np.arange(120), pool.unannotated_indices)
    assert roc_auc_score(unannotated, values) > 0.9
    history = strategy.history.step_history
    penalty = history["train_gradient_penalty_step"]["value"]
    assert np.mean(penalty[-10:]) < 0.5 * np.mean(penalty[:5])
    distance = history["train_distance_step"]["value"]
    assert np.mean(distance[-10:]) > np.mean(distance[:5])


def test_the_far_cluster_in_which_nothing_is_annotated_is_queried_first(quiet):
    options = {
        "optimizer": al.Adam(lr=0.02),
        "gradient_penalty_weight": 1.0,
        "adversarial_weight": 0.1,
    }
    pool, _ = two_clusters()
    strategy = adversarial(pool, uncertainty_weight=0.0, **options)
    strategy.fit(max_steps=50, **quiet)
    assert min(strategy.query(20)) >= 60
    strategy.discriminator_weight, strategy.uncertainty_weight = 0.0, 1.0
    assert min(strategy.query(20)) < 60


def test_the_query_ranks_both_terms_over_the_whole_pool():
    pool, x = two_clusters()
    strategy = adversarial(
        pool, criterion=al.Entropy(), uncertainty_weight=0.3, discriminator_weight=2, batch_size=7
    )
    left = pool.unannotated_indices
    with torch.no_grad():
        z = strategy.module.model[0](x[left])
        p = strategy.module.model[1](z).softmax(1)
        terms = torch.special.entr(p).sum(1), strategy.module.discriminator(z)[:, 0]
    ranks = [term.argsort().argsort().double() / (len(left) - 1) for term in terms]
    expected = 0.3 * ranks[0] + 2 * ranks[1]
    query = strategy.query(10)
    best = expected.argsort(descending=True)[:10]
    np.testing.assert_allclose(query.scores, expected[best], atol=1e-5)
    assert sorted(query) == sorted(left[best].tolist())
    assert query.why.startswith(
        "TopK() of 0.3 * Rank(Entropy()) + 2 * Rank(HeadScore(Discriminator))"
    )


# --- batches ----------------------------------------------------------------------------------


class Counting(Dataset):
    """Counts what is read, and refuses the label of what was not paid for."""

    def __init__(self, n):
        self.x = torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
        self.read = []

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        self.read.append(index)
        return self.x[index], index % 2


def test_unannotated_batches_are_loaded_lazily_and_freshly_drawn(quiet):  # faults 17, 26
    data = Counting(5_000)
    pool = al.ActiveLearningDataset(data)
    pool.annotate(range(32))
    strategy = adversarial(pool, unlabeled_batch_size=8, steps_per_epoch=2)
    data.read.clear()
    strategy.fit(max_epochs=3, **quiet)
    assert strategy.trainer.global_step == 6
    others = [index for index in data.read if index >= 32]
    assert len(data.read) == 6 * (16 + 8)
    assert len(others) == 6 * 8
    assert len(set(others)) > 40


@pytest.mark.parametrize(("annotated", "steps"), [(32, 11), (150, 10)])
def test_an_epoch_is_a_pass_over_the_larger_of_both_sets_and_the_first_fit_says_so(
    annotated, steps, quiet, caplog
):
    data = Counting(200)
    pool = al.ActiveLearningDataset(data)
    pool.annotate(range(annotated))
    strategy = adversarial(pool)  # batches of 16
    data.read.clear()
    with caplog.at_level("INFO", logger="lightning.pytorch.utilities.rank_zero"):
        strategy.fit(max_epochs=2, **quiet)
        assert strategy.trainer.global_step == 2 * steps
        assert f"An epoch of this AdversarialStrategy has {steps} gradient steps" in caplog.text
        caplog.clear()
        strategy.fit(max_epochs=1, **quiet)
    assert "An epoch" not in caplog.text
    counts = np.bincount([i for i in data.read if i < annotated], minlength=annotated)
    assert counts.min() >= 1  # each annotated sample, again and again
    if annotated == 32:
        assert counts.max() - counts.min() <= 2


def test_gradient_steps_do_not_depend_on_the_length_of_an_epoch(quiet):
    found = []
    for steps in None, 2, 5:
        pool, _ = two_clusters()
        strategy = adversarial(pool, steps_per_epoch=steps)
        strategy.fit(max_steps=12, **quiet)
        found.append([p.tolist() for p in strategy.module.parameters()])
    assert found[0] == found[1] == found[2]


def test_the_length_of_an_epoch_is_the_users(quiet):
    data = Counting(200)
    pool = al.ActiveLearningDataset(data)
    pool.annotate(range(32))
    strategy = adversarial(pool, steps_per_epoch=5)
    strategy.fit(max_epochs=2, **quiet)
    assert strategy.trainer.global_step == 10


def test_the_training_transform_is_drawn_anew_for_each_read(quiet):  # fault 26
    seen = []
    pool = al.ActiveLearningDataset(Counting(40), transform=lambda x: seen.append(1) or x)
    pool.annotate(range(16))
    adversarial(pool).fit(max_steps=4, **quiet)
    assert len(seen) == 4 * 32


def test_with_nothing_left_unannotated_it_says_so_and_trains_as_plain_supervised(quiet):  # fault 22
    pool, _ = two_clusters()
    pool.annotate(pool.unannotated_indices)
    strategy = adversarial(pool)
    plain = al.Strategy(
        adversarial(pool).module.model, pool, batch_size=16, seed=0, optimizer=al.Adam(lr=0.01)
    ).build()
    with pytest.warns(UserWarning, match="No unannotated sample is left"):
        strategy.fit(max_steps=5, **quiet)
    plain.fit(max_steps=5, **quiet)
    for a, b in zip(strategy.module.model.parameters(), plain.module.model.parameters()):
        assert torch.equal(a, b)


def test_batches_may_be_dicts(quiet):
    x = Counting(40).x
    pool = al.ActiveLearningDataset([{"image": v, "label": k % 2} for k, v in enumerate(x)])
    pool.annotate(range(16))
    strategy = adversarial(pool, inputs="image")
    strategy.fit(max_steps=2, **quiet)
    assert len(strategy.query(3)) == 3


def test_a_fit_gives_no_warning_about_batch_sizes(quiet):
    pool, _ = two_clusters()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        adversarial(pool).fit(max_steps=2, **quiet)


# --- parts that do not fit --------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [True, False])
def test_a_backbone_and_a_head_that_do_not_fit_are_reported(blocks, quiet):
    pool, _ = two_clusters()
    make = (lambda i, o: al.MultiLayerPerceptron(i, [], o)) if blocks else nn.Linear
    for backbone, head, critic in [
        (make(2, 4), make(5, 2), make(4, 1)),
        (make(2, 4), make(4, 2), make(5, 1)),
    ]:
        strategy = al.AdversarialStrategy(backbone, head, critic, pool).build()
        with pytest.raises(ShapeError, match=r"takes \(\.\.\., 5\), got \(\d+, 4\)"):
            strategy.fit(max_steps=1, **quiet)
    with pytest.raises(ShapeError):
        al.Strategy(al.Sequential(make(2, 4), make(5, 2)), pool).build().query(1)
    two = al.AdversarialStrategy(make(2, 4), make(4, 2), make(4, 2), pool).build()
    with pytest.raises(ModelOutputError, match="one number per sample"):
        two.fit(max_steps=1, **quiet)
