import gc
import pickle
import weakref

import lightning
import matplotlib
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from alkit.training.history import History
from alkit.training.trainer import Trainer

matplotlib.use("Agg")

X = torch.linspace(-1, 1, 22)[:, None]
Y = 3 * X + 1


def loader():
    return DataLoader(TensorDataset(X, Y), batch_size=8)  # three batches, the last one smaller


class Line(lightning.LightningModule):
    """Logs its loss in every way that Lightning has."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.zeros(1))

    def loss(self, batch):
        return ((self.a * batch[0] - batch[1]) ** 2).mean()

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        self.log("only_steps", loss, on_step=True, on_epoch=False)
        if batch_idx == 1:
            self.log("sometimes", loss, on_step=True, on_epoch=False)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.loss(batch))

    def test_step(self, batch, batch_idx):
        self.log("test_loss", self.loss(batch), on_step=True, on_epoch=True)

    def on_train_batch_end(self, outputs, batch, batch_idx):
        self.log("after_batch", float(self.global_step), on_step=True, on_epoch=False)

    def on_train_epoch_end(self):
        self.log("closing", float(self.current_epoch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def by_hand(epochs):
    """Losses of the same fit, in plain torch."""
    a = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([a], lr=0.1)
    steps, means = [], []
    for _ in range(epochs):
        total = 0.0
        for x, y in loader():
            loss = ((a * x - y) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps.append(loss.item())
            total += loss.item() * len(x)
        means.append(total / len(X))
    return steps, means


def fitted(trainer=None, val=True):
    trainer = trainer or Trainer(max_epochs=3, enable_progress_bar=False)
    trainer.fit(Line(), loader(), loader() if val else None)
    return trainer.history


def test_the_history_contains_the_losses_of_a_plain_torch_loop():
    steps, means = by_hand(3)
    history = fitted()
    assert history.step_history["train_loss_step"]["value"] == steps
    assert history.history["train_loss_epoch"]["value"] == pytest.approx(means, rel=1e-6)


def test_every_value_comes_with_its_step_and_its_epoch():
    history = fitted()
    assert history.step_history["train_loss_step"]["step"] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert history.step_history["train_loss_step"]["epoch"] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for name in ("train_loss_epoch", "val_loss"):
        assert history.history[name]["step"] == [3, 6, 9]
        assert history.history[name]["epoch"] == [0, 1, 2]


def test_values_are_plain_floats_and_belong_to_one_scale():
    history = fitted()
    assert {"train_loss_epoch", "val_loss", "closing"} == set(history.history)
    steps = {"train_loss_step", "only_steps", "sometimes", "after_batch"}
    assert steps == set(history.step_history)
    for series in [*history.history.values(), *history.step_history.values()]:
        assert all(type(value) is float for value in series["value"])
        assert len(series["value"]) == len(series["step"]) == len(series["epoch"])


def test_values_logged_now_and_then_are_kept_once():
    series = fitted().step_history["sometimes"]
    assert series["step"] == [2, 5, 8]
    assert series["value"] == [by_hand(3)[0][i] for i in (1, 4, 7)]


@pytest.mark.parametrize("val", [True, False])
def test_values_that_the_model_logs_in_its_end_hooks_are_kept_where_they_belong(val):
    history = fitted(val=val)
    assert history.history["closing"] == {
        "value": [0.0, 1.0, 2.0],
        "epoch": [0, 1, 2],
        "step": [3, 6, 9],
    }
    after = history.step_history["after_batch"]
    assert after["value"] == [float(step) for step in after["step"]] == list(range(1, 10))


def test_a_validation_every_second_epoch_is_not_repeated_in_between():
    trainer = Trainer(max_epochs=4, check_val_every_n_epoch=2, enable_progress_bar=False)
    assert fitted(trainer).history["val_loss"]["epoch"] == [1, 3]


def test_the_sanity_check_leaves_nothing_behind():
    trainer = Trainer(max_epochs=2, num_sanity_val_steps=2, enable_progress_bar=False)
    assert fitted(trainer).history["val_loss"]["epoch"] == [0, 1]


def test_a_test_adds_its_values():
    trainer = Trainer(max_epochs=2, enable_progress_bar=False)
    fitted(trainer)
    result = trainer.test(trainer.lightning_module, loader(), verbose=False)[0]
    series = trainer.history.history["test_loss_epoch"]
    assert series["value"] == pytest.approx([result["test_loss_epoch"]])
    assert series["step"] == [6]
    assert len(trainer.history.step_history["test_loss_step"]["value"]) == 3


def test_a_longer_fit_of_the_same_trainer_continues_where_it_stopped():
    trainer = Trainer(max_epochs=1, enable_progress_bar=False)
    model = Line()
    trainer.fit(model, loader())
    trainer.fit_loop.max_epochs = 3
    trainer.fit(model, loader())
    assert trainer.history.history["train_loss_epoch"]["epoch"] == [0, 1, 2]
    assert trainer.history.step_history["train_loss_step"]["step"] == list(range(1, 10))


def test_many_steps_in_one_epoch_are_all_kept():
    long = DataLoader(TensorDataset(X[:1].repeat(100, 1), Y[:1].repeat(100, 1)), batch_size=1)
    trainer = Trainer(max_epochs=1, enable_progress_bar=False)
    trainer.fit(Line(), long)
    series = trainer.history.step_history["train_loss_step"]
    assert series["step"] == list(range(1, 101))
    assert None not in series["value"]


def test_a_history_works_with_a_plain_lightning_trainer():
    history = History()
    trainer = lightning.Trainer(
        max_epochs=2,
        callbacks=[history],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Line(), loader())
    assert history.step_history["train_loss_step"]["value"] == by_hand(2)[0]


def test_a_history_outlives_its_trainer_and_holds_neither_it_nor_the_model():
    trainer = Trainer(max_epochs=1, enable_progress_bar=False)
    history = fitted(trainer)
    gone = weakref.ref(trainer), weakref.ref(trainer.lightning_module)
    del trainer
    gc.collect()
    assert [ref() for ref in gone] == [None, None]
    assert pickle.loads(pickle.dumps(history)).history == history.history
    assert b"torch" not in pickle.dumps(history)


def test_a_history_is_readable_in_the_middle_of_a_fit():
    seen = []

    class Look(lightning.Callback):
        def on_train_batch_end(self, trainer, *_):
            seen.append(len(trainer.history.step_history["train_loss_step"]["value"]))

    trainer = Trainer(max_epochs=1, callbacks=[History(), Look()], enable_progress_bar=False)
    fitted(trainer)
    assert seen == [1, 2, 3]


def test_the_plot_has_one_panel_per_quantity_and_one_curve_per_kind():
    axes = fitted().plot()
    panels = {ax.get_ylabel(): ax for ax in axes}
    assert set(panels) == {"loss", "only_steps", "sometimes", "after_batch", "closing"}
    labels = [text.get_text() for text in panels["loss"].get_legend().get_texts()]
    assert labels == ["train", "val"]
    step, epoch, val = panels["loss"].get_lines()
    assert list(epoch.get_xdata()) == list(val.get_xdata()) == [3, 6, 9]
    assert list(step.get_xdata()) == list(range(1, 10))
    assert step.get_color() == epoch.get_color() != val.get_color()
    assert step.get_alpha() < 1 == epoch.get_alpha()


def test_the_plot_draws_into_a_given_axes():
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    assert fitted().plot(ax) is ax
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"train loss", "val loss", "sometimes"} <= set(labels)
    plt.close("all")


def test_an_empty_history_can_be_printed_and_plotted():
    history = History()
    assert repr(history) == "History()"
    assert len(history.plot()) == 1


def test_the_repr_names_the_recorded_values():
    assert "train_loss_epoch" in repr(fitted())
    assert len(repr(fitted())) < 200
