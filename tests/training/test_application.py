import copy
import io
import pickle

import lightning
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import Accuracy, MeanSquaredError, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

import alkit as al
from alkit.errors import ConfigurationError, LabelError, UnbuiltError
from alkit.training import Application, CategoricalClassifier, Regressor, output_kind

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()


def loader(x=X, y=Y, batch_size=20):
    return DataLoader(TensorDataset(x, y), batch_size=batch_size)


def net(hidden=(8,)):
    return al.MultiLayerPerceptron(4, list(hidden), 3)


def fit(model, data=None, trainer=al.Trainer, **limits):
    trainer = trainer(enable_progress_bar=False, **(limits or {"max_epochs": 2}))
    trainer.fit(model, data or loader())
    return trainer


class Course(al.training.Application):
    """As the notebooks write it."""

    def __init__(self, model, **kwargs):
        super().__init__(loss=nn.MSELoss(), optimizer=al.Adam(lr=1e-2), **kwargs)
        self.model = model


# --- what is logged -------------------------------------------------------------------------------


def test_an_application_logs_the_names_that_notebooks_read():
    """Invariant 10, fault 39."""
    accuracy = [Accuracy(task="multiclass", num_classes=3)]
    model = CategoricalClassifier(net(), metrics=accuracy).build()
    trainer = al.Trainer(max_epochs=2, enable_progress_bar=False)
    trainer.fit(model, loader(), loader())
    result = trainer.test(model, loader(), verbose=False)[0]
    assert set(result) == {"test_loss_epoch", "testMulticlassAccuracy_epoch"}
    kinds = {
        f"{kind}{name}" for kind in ("train", "val") for name in ("_loss", "MulticlassAccuracy")
    }
    history = trainer.history
    assert {f"{name}_epoch" for name in kinds} | set(result) == set(history.history)
    assert {f"{name}_step" for name in kinds} < set(history.step_history)
    assert len(history.history["train_loss_epoch"]["value"]) == 2


def test_the_logged_accuracy_and_loss_agree_with_the_data():
    model = CategoricalClassifier(net(), num_classes=3).build()
    trainer = fit(model)
    result = trainer.test(model, loader(batch_size=7), verbose=False)[0]
    with torch.no_grad():
        logits = model(X)
    assert result["testMulticlassAccuracy_epoch"] == pytest.approx(
        (logits.argmax(1) == Y).float().mean().item()
    )
    assert result["test_loss_epoch"] == pytest.approx(
        nn.functional.cross_entropy(logits, Y).item(), rel=1e-5
    )


def test_a_dict_of_losses_is_logged_and_summed():
    class Two(Course):
        def compute_loss(self, y_hat, y):
            return {"fit": self.loss(y_hat, y), "size": 0.5 * y_hat.abs().mean()}

    model = Two(al.Layer(nn.Linear, 4, 1)).build()
    trainer = fit(model, loader(X, X[:, :1]), max_steps=1)
    steps = {name: s["value"][0] for name, s in trainer.history.step_history.items()}
    assert set(steps) == {"train_loss_step", "train_fit_step", "train_size_step"}
    assert steps["train_loss_step"] == pytest.approx(
        steps["train_fit_step"] + steps["train_size_step"]
    )


def test_a_part_of_the_loss_cannot_take_the_name_of_the_sum():
    class Two(Course):
        def compute_loss(self, y_hat, y):
            return {"loss": self.loss(y_hat, y)}

    with pytest.raises(ConfigurationError, match="rename this one"):
        fit(Two(al.Layer(nn.Linear, 4, 1)).build(), loader(X, X[:, :1]))


def test_the_loss_is_shown_in_the_progress_bar(capsys):
    al.Trainer(max_epochs=1).fit(CategoricalClassifier(net()).build(), loader())
    assert "train_loss_step=" in capsys.readouterr().out


# --- metrics --------------------------------------------------------------------------------------


def test_metrics_are_copied_so_that_applications_share_none():
    """Fault 38: also those of one kind."""
    accuracy = MulticlassAccuracy(3)
    first, second = (
        CategoricalClassifier(net(), metrics=[accuracy], test_metrics={"Own": accuracy}).build()
        for _ in range(2)
    )
    metrics = [m for a in (first, second) for m in a.modules() if isinstance(m, type(accuracy))]
    assert len({id(m) for m in [*metrics, accuracy]}) == 9
    al.Trainer(enable_progress_bar=False).test(first, loader(), verbose=False)
    assert not accuracy.update_called


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (None, []),
        (MulticlassAccuracy(3), ["MulticlassAccuracy"]),
        (
            [MulticlassAccuracy(3), MulticlassF1Score(3)],
            ["MulticlassAccuracy", "MulticlassF1Score"],
        ),
        (
            (MulticlassAccuracy(3), MulticlassF1Score(3)),
            ["MulticlassAccuracy", "MulticlassF1Score"],
        ),
        (("Top", MulticlassAccuracy(3)), ["Top"]),
        ([("Top", MulticlassAccuracy(3)), MulticlassF1Score(3)], ["Top", "MulticlassF1Score"]),
        ({"A": MulticlassAccuracy(3), "B": MulticlassAccuracy(3, top_k=2)}, ["A", "B"]),
        (MetricCollection([MulticlassF1Score(3)]), ["MulticlassF1Score"]),
    ],
)
def test_metrics_are_accepted_in_every_form(metrics, names):
    model = CategoricalClassifier(net(), val_metrics=metrics).build()
    assert list(model.val_metrics) == [f"val{name}" for name in names]
    assert list(model.train_metrics) == list(model.test_metrics) == []


def test_two_metrics_of_one_name_raise_an_error_that_suggests_a_dict():
    two = [MulticlassAccuracy(3), MulticlassAccuracy(3, top_k=2)]
    with pytest.raises(ConfigurationError, match=r'"MulticlassAccuracyA"'):
        CategoricalClassifier(net(), metrics=two)
    with pytest.raises(ConfigurationError, match="test metrics"):
        CategoricalClassifier(net(), metrics=two[0], test_metrics=two[1])


@pytest.mark.parametrize("wrong", [[MulticlassAccuracy], ["accuracy"], [nn.MSELoss()]])
def test_anything_but_a_metric_raises(wrong):
    with pytest.raises(ConfigurationError, match="torchmetrics"):
        CategoricalClassifier(net(), metrics=wrong)


# --- training -------------------------------------------------------------------------------------


def test_a_fit_is_the_textbook_loop_bit_for_bit():
    torch.manual_seed(3)
    model = CategoricalClassifier(net(), optimizer=al.Adam(lr=1e-2), num_classes=3).build()
    torch.manual_seed(3)
    plain = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-2)
    for _ in range(3):
        for x, y in loader():
            optimizer.zero_grad()
            nn.functional.cross_entropy(plain(x), y).backward()
            optimizer.step()
    fit(model, max_epochs=3)
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_construction_draws_no_random_numbers():
    state = torch.get_rng_state()
    CategoricalClassifier(net(), num_classes=3)
    assert torch.equal(state, torch.get_rng_state())


def test_the_application_of_a_course_runs_unchanged():
    model = Course(al.Sequential(al.Layer(nn.Linear, 4, 8), nn.ReLU(), nn.Linear(8, 1))).create()
    values = fit(model, loader(X, X[:, :1]), max_epochs=20).history.history["train_loss_epoch"]
    assert values["value"][-1] < 0.5 * values["value"][0]


def test_every_method_of_a_lightning_module_may_be_overridden():
    class Own(Course):
        def forward(self, x):
            return -self.model(x)

        def training_step(self, batch, batch_idx):
            x, y = batch
            loss = self.compute_loss(self(x), y)
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def compute_loss(self, y_hat, y):
            return (y_hat - y).pow(4).mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.05)

    model = Own(al.Layer(nn.Linear, 4, 1)).build()
    trainer = fit(model, loader(X, X[:, :1]))
    assert isinstance(trainer.optimizers[0], torch.optim.SGD)
    assert "train_loss_epoch" in trainer.history.history
    with torch.no_grad():
        assert torch.equal(model(X), -model.model(X))


@pytest.mark.parametrize("trainer", [al.Trainer, lightning.Trainer])
def test_a_frozen_batch_norm_stays_frozen(trainer):
    """Fault 31: no step switches a part to training."""

    class Freeze(lightning.Callback):
        def on_train_start(self, trainer, module):
            for part in module.modules():
                if isinstance(part, nn.BatchNorm1d):
                    part.eval()

    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    model = CategoricalClassifier(network, num_classes=3).build()
    kwargs = {"enable_progress_bar": False, "logger": False, "enable_checkpointing": False}
    trainer = trainer(max_epochs=2, callbacks=[Freeze()], enable_model_summary=False, **kwargs)
    trainer.fit(model, loader(), loader())
    assert torch.equal(network[1].running_mean, torch.zeros(8))
    assert not network[1].training


@pytest.mark.parametrize("what", ["loss", "targets"])
def test_a_missing_part_is_named(what):
    if what == "loss":
        model = Application().build()
        model.model = nn.Linear(4, 3)
        with pytest.raises(ConfigurationError, match="compute_loss"):
            fit(model)
    else:
        data = DataLoader(TensorDataset(X), batch_size=20)
        with pytest.raises(LabelError, match="train batch"):
            fit(CategoricalClassifier(net()).build(), data)


def test_a_loss_class_is_an_error():
    with pytest.raises(ConfigurationError, match=r"MSELoss\(\)"):
        Regressor(nn.Linear(4, 1), loss=nn.MSELoss)


# --- optimizers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (None, torch.optim.Adam),
        (al.SGD(lr=0.1), torch.optim.SGD),
        (torch.optim.AdamW, torch.optim.AdamW),
        (lambda params: torch.optim.RMSprop(params, lr=0.1), torch.optim.RMSprop),
    ],
)
def test_an_optimizer_is_a_recipe_a_class_or_a_function(given, made):
    model = CategoricalClassifier(net(), optimizer=given).build()
    assert type(fit(model).optimizers[0]) is made


def test_one_recipe_serves_two_applications():
    """Invariant 6, fault 43."""
    recipe = al.SGD(lr=0.1)
    models = [CategoricalClassifier(net(), optimizer=recipe).build() for _ in range(2)]
    optimizers = [model.configure_optimizers() for model in models]
    for model, optimizer in zip(models, optimizers, strict=True):
        (group,) = optimizer.param_groups
        assert {id(p) for p in group["params"]} == {id(p) for p in model.parameters()}


def test_every_fit_starts_with_a_fresh_optimizer():
    model = CategoricalClassifier(net()).build()
    first, second = fit(model).optimizers[0], fit(model, max_steps=1).optimizers[0]
    assert first is not second
    assert {state["step"].item() for state in second.state.values()} == {1.0}


def test_a_torch_optimizer_with_parameters_is_an_error():
    """Fault 42: its moments would outlive a reset."""
    model = net().build()
    with pytest.raises(ConfigurationError, match="recipe"):
        CategoricalClassifier(model, optimizer=torch.optim.Adam(model.parameters()))


def test_a_schedule_of_the_recipe_is_followed():
    recipe = al.SGD(lr=1.0).schedule(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.1)
    trainer = fit(CategoricalClassifier(net(), optimizer=recipe).build(), max_epochs=2)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01)


# --- a block --------------------------------------------------------------------------------------


def test_build_trains_the_given_network_and_create_trains_a_copy():
    """Invariant 5, fault 52."""
    handle = net()
    copied = CategoricalClassifier(handle).create()
    fit(copied)
    assert copied.model is not handle
    with pytest.raises(UnbuiltError):
        handle(X)
    model = CategoricalClassifier(handle).build()
    assert model.model is handle
    before = copy.deepcopy(handle.state_dict())
    fit(model)
    assert any(not torch.equal(before[k], v) for k, v in handle.state_dict().items())


def test_a_pretrained_network_keeps_its_weights_in_a_copy():
    network = nn.Linear(4, 3)
    copied = CategoricalClassifier(network).create()
    assert copied.model is not network
    assert torch.equal(copied.model.weight, network.weight)


@pytest.mark.parametrize(
    "again",
    [
        lambda model: model.new().build(),
        lambda model: model.create(),
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
    ],
)
def test_an_application_can_be_copied_after_a_fit_and_fitted_again(again):
    """Fault 36."""
    model = CategoricalClassifier(net(), num_classes=3).build()
    fit(model)
    weights = copy.deepcopy(model.state_dict())
    fit(again(model))
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())


def test_new_is_unbuilt_and_fresh_after_a_fit():
    """Invariant 3."""
    model = CategoricalClassifier(net(), num_classes=3).build()
    fit(model)
    new = model.new()
    with pytest.raises(UnbuiltError):
        new(X)
    assert not torch.equal(new.build()(X), model(X))


@pytest.mark.parametrize("make", [al.Trainer, lightning.Trainer])
@pytest.mark.parametrize("method", ["fit", "validate", "test", "predict"])
def test_an_unbuilt_application_is_reported_at_once(make, method):
    kwargs = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = make(max_epochs=1, enable_model_summary=False, **kwargs)
    with pytest.raises(UnbuiltError, match=r"\.build\(\)"):
        getattr(trainer, method)(CategoricalClassifier(net()), loader())


def test_predictions_have_neither_dropout_nor_gradients():
    """Fault 49: also straight after a fit."""
    network = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    model = CategoricalClassifier(network).build()
    trainer = fit(model)
    first, second = model.predict(X), model.predict(X, batch_size=7)
    assert torch.allclose(first, second)
    assert not first.requires_grad
    assert torch.allclose(torch.cat(trainer.predict(model, loader())), first)


# --- checkpoints ----------------------------------------------------------------------------------


@pytest.mark.parametrize("prepare", [lambda net: net.new(), lambda net: net.create()])
def test_a_checkpoint_loads_into_an_unbuilt_and_into_a_built_network(tmp_path, prepare):
    template = net()
    model = CategoricalClassifier(template.create(), num_classes=3).build()
    trainer = fit(model)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    loaded = CategoricalClassifier.load_from_checkpoint(
        tmp_path / "model.ckpt", model=prepare(template), num_classes=3, weights_only=True
    )
    assert torch.equal(loaded(X), model(X))
    fit(loaded)


def test_a_checkpoint_holds_weights_and_no_data(tmp_path):
    """Fault 35."""
    big = TensorDataset(torch.randn(20_000, 4), torch.zeros(20_000).long())
    model = CategoricalClassifier(net(), num_classes=3).build()
    trainer = fit(model, DataLoader(big, batch_size=10_000), max_epochs=1)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    assert (tmp_path / "model.ckpt").stat().st_size < 20_000
    assert "hyper_parameters" not in torch.load(tmp_path / "model.ckpt", weights_only=True)


def test_the_weights_alone_can_be_saved_and_loaded():
    model = CategoricalClassifier(net(), num_classes=3).build()
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    other = CategoricalClassifier(net(), num_classes=3).build()
    other.load_state_dict(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True))
    assert torch.equal(model(X), other(X))


# --- outputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        (nn.CrossEntropyLoss(label_smoothing=0.1), "logits"),
        (nn.BCEWithLogitsLoss(), "logits"),
        (nn.BCELoss(), "probabilities"),
        (nn.NLLLoss(), "log_probabilities"),
        (nn.MSELoss(), "values"),
        (nn.L1Loss(), "values"),
        (nn.SmoothL1Loss(), "values"),
        (nn.HuberLoss(), "values"),
        (nn.MultiMarginLoss(), None),
        (lambda y_hat, y: y_hat.sum(), None),
        (None, None),
    ],
)
def test_the_loss_declares_what_the_model_returns(loss, kind):
    assert output_kind(loss) == kind
    assert Application(loss=loss).outputs == kind


def test_metrics_of_a_regression_get_the_values():
    model = Regressor(nn.Linear(4, 1), metrics=MeanSquaredError()).build()
    trainer = al.Trainer(enable_progress_bar=False)
    result = trainer.test(model, loader(X, X[:, 0]), verbose=False)[0]
    with torch.no_grad():
        error = (model(X)[:, 0] - X[:, 0]).pow(2).mean().item()
    assert result["testMeanSquaredError_epoch"] == pytest.approx(error, rel=1e-5)
