import pickle

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau, StepLR

import alkit as al
from alkit import errors
from alkit.training.optimizers import Optimizer, as_optimizer

PAIRS = [(al.Adam, torch.optim.Adam), (al.training.AdamW, torch.optim.AdamW)]
PAIRS += [(al.SGD, torch.optim.SGD), (al.training.RMSprop, torch.optim.RMSprop)]


@pytest.mark.parametrize(("recipe", "made"), PAIRS)
def test_the_defaults_are_those_of_torch_and_documented_correctly(recipe, made):  # fault 45
    weight = nn.Parameter(torch.zeros(2))
    optimizer = recipe().create([weight])
    assert type(optimizer) is made
    assert optimizer.defaults == made([weight]).defaults
    assert f"lr {optimizer.defaults['lr']}" in recipe.__doc__
    for name in ("betas", "weight_decay", "momentum", "alpha"):
        if f"{name} " in recipe.__doc__:
            assert f"{name} {optimizer.defaults[name]}" in recipe.__doc__


@pytest.mark.parametrize("recipe", [recipe for recipe, _ in PAIRS])
def test_the_learning_rate_may_be_given_by_position(recipe):  # fault 45
    optimizer = recipe(0.25).create(nn.Linear(1, 1).parameters())
    assert optimizer.param_groups[0]["lr"] == 0.25


def test_one_recipe_gives_each_network_its_own_optimizer():  # fault 43, invariant 6
    recipe = al.SGD(lr=0.5, momentum=0.9)
    text = repr(recipe)
    nets = [nn.Linear(2, 2), nn.Linear(3, 3)]
    optimizers = [recipe.create(net.parameters()) for net in nets]
    for net, optimizer in zip(nets, optimizers, strict=True):
        given = [p for group in optimizer.param_groups for p in group["params"]]
        assert [id(p) for p in given] == [id(p) for p in net.parameters()]
    before = nets[0].weight.clone()
    nets[1](torch.ones(1, 3)).sum().backward()
    optimizers[1].step()
    assert torch.equal(nets[0].weight, before)
    assert repr(recipe) == text
    assert not recipe.create(nets[1].parameters()).state


@pytest.mark.parametrize(
    "wrong", [{"lrr": 0.1}, {"weight_decy": 0}, {"beta": 1}, {"params": []}, {"zzz": 1}]
)
def test_an_argument_that_does_not_exist_raises_at_once(wrong):  # fault 44
    with pytest.raises(
        errors.ConfigurationError, match=f"Adam has no argument '{next(iter(wrong))}"
    ):
        al.Adam(**wrong)
    recipe = al.Adam()
    with pytest.raises(errors.ConfigurationError):
        recipe.configure(**wrong)
    assert recipe.kwargs == {"lr": 1e-3}
    if "lrr" in wrong:
        with pytest.raises(ValueError, match="Did you mean 'lr'"):
            al.Adam(**wrong)


@pytest.mark.parametrize("wrong", [{"lr": -1}, {"lr": "fast"}, {"betas": (2, 0)}, {"eps": -1}])
def test_an_invalid_value_raises_at_once(wrong):
    with pytest.raises(errors.ConfigurationError, match="Adam: "):
        al.Adam(**wrong)


def test_a_recipe_is_configured_copied_printed_and_pickled():
    recipe = al.Adam(lr=0.1)
    twin = recipe.new()
    assert recipe.configure(lr=0.2, betas=(0.5, 0.9)) is recipe
    assert repr(recipe) == "Adam(lr=0.2, betas=(0.5, 0.9))"
    assert repr(twin) == "Adam(lr=0.1)"
    assert repr(pickle.loads(pickle.dumps(recipe))) == repr(recipe)


def test_a_schedule_belongs_to_a_new_recipe():
    plain = al.SGD(lr=1.0)
    recipe = plain.schedule(StepLR, step_size=2, gamma=0.1, interval="step")
    assert isinstance(plain.configure_optimizers([nn.Parameter(torch.zeros(1))]), torch.optim.SGD)
    assert repr(recipe) == "SGD(lr=1.0).schedule(StepLR, step_size=2, gamma=0.1, interval='step')"
    made = [recipe.configure_optimizers([nn.Parameter(torch.zeros(1))]) for _ in range(2)]
    assert made[0]["lr_scheduler"]["interval"] == "step"
    rates = []
    for _ in range(5):
        rates.append(made[0]["optimizer"].param_groups[0]["lr"])
        made[0]["optimizer"].step()
        made[0]["lr_scheduler"]["scheduler"].step()
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert made[1]["optimizer"].param_groups[0]["lr"] == 1
    assert made[1]["lr_scheduler"]["scheduler"].optimizer is made[1]["optimizer"]


def test_a_schedule_that_watches_a_value_names_it():
    recipe = al.Adam().schedule(ReduceLROnPlateau, monitor="val_loss", patience=3)
    made = recipe.configure_optimizers([nn.Parameter(torch.zeros(1))])
    assert made["lr_scheduler"]["monitor"] == "val_loss"
    assert made["lr_scheduler"]["scheduler"].patience == 3


def test_wrong_schedules_raise_at_once():
    with pytest.raises(errors.ConfigurationError, match=r"'step_sise'.*'step_size'"):
        al.Adam().schedule(StepLR, step_sise=3)
    with pytest.raises(errors.ConfigurationError, match=r"CosineAnnealingLR: .*T_max"):
        al.Adam().schedule(CosineAnnealingLR)
    with pytest.raises(errors.ConfigurationError, match="interval"):
        al.Adam().schedule(StepLR, step_size=3, interval="round")


def test_a_torch_class_or_a_function_becomes_a_recipe():
    weight = nn.Parameter(torch.zeros(1))
    recipe = al.Adam()
    assert as_optimizer(recipe) is recipe
    assert isinstance(as_optimizer(torch.optim.Adagrad).create([weight]), torch.optim.Adagrad)
    made = as_optimizer(lambda params: torch.optim.SGD(params, lr=0.5)).create([weight])
    assert made.param_groups[0]["lr"] == 0.5
    nadam = Optimizer(torch.optim.NAdam, lr=0.1)
    assert repr(nadam) == "Optimizer(NAdam, lr=0.1)"
    assert isinstance(nadam.create([weight]), torch.optim.NAdam)


def test_an_existing_optimizer_is_refused():  # fault 42: it would keep its moments
    with pytest.raises(errors.ConfigurationError, match="SGD"):
        as_optimizer(torch.optim.SGD([nn.Parameter(torch.zeros(1))]))
    with pytest.raises(errors.ConfigurationError):
        as_optimizer("adam")
