import functools
import importlib.metadata
import logging
import re
import signal
import warnings

import lightning
import pytest
import torch
from lightning.fabric.utilities import registry
from lightning.pytorch.callbacks import ModelCheckpoint, ProgressBar, Timer, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.trainer.connectors.logger_connector import result
from torch.utils.data import DataLoader, TensorDataset

import alkit
from alkit.errors import AlkitError, ConfigurationError, TrainerEndedError
from alkit.training.history import History
from alkit.training.trainer import Trainer, check_not_ended


class Line(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch, batch_idx):
        loss = ((self.a * batch[0] - 1) ** 2).mean()
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.a.sum())

    def test_step(self, batch, batch_idx):
        self.log("test_loss", self.a.sum())

    def predict_step(self, batch, batch_idx):
        return self.a * batch[0]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Checked(Line):
    def on_fit_start(self):
        check_not_ended(self.trainer)


def loader(**kwargs):
    return DataLoader(TensorDataset(torch.ones(8, 1)), batch_size=4, **kwargs)


def plain(**kwargs):
    """Lightning's own Trainer, as silent as its arguments make it."""
    return lightning.Trainer(
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **kwargs,
    )


def quiet(**kwargs):
    return Trainer(enable_progress_bar=False, **kwargs)


@pytest.fixture
def news():
    """The messages of Lightning's loggers while a test runs."""
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = logging.getLogger("lightning.pytorch")
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


def run_all(trainer):
    model = Line()
    trainer.fit(model, loader())
    trainer.validate(model, loader(), verbose=False)
    trainer.test(model, loader(), verbose=False)
    trainer.predict(model, loader())


def test_it_is_at_the_top_level():
    assert alkit.Trainer is Trainer
    assert issubclass(Trainer, lightning.Trainer)


# --- noise ----------------------------------------------------------------------------------------


def test_nothing_is_said_and_nothing_is_written(news, capfd, recwarn, tmp_path):
    run_all(quiet(max_epochs=1))
    assert news == []
    assert [str(w.message) for w in recwarn] == []
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_lightning_itself_would_have_said_something(news):
    with pytest.warns(UserWarning, match=r"many workers|val_dataloader"):
        run_all(plain(max_epochs=1))
    assert any("GPU available" in message for message in news)
    assert any("Tip" in message for message in news)


def test_warnings_of_the_model_and_real_ones_of_lightning_are_shown(recwarn):
    class Warns(Line):
        def training_step(self, batch, batch_idx):
            warnings.warn("look here", UserWarning, stacklevel=1)
            return super().training_step(batch, batch_idx)

    quiet(max_epochs=1).fit(Warns(), loader(), loader(shuffle=True))
    messages = " ".join(str(w.message) for w in recwarn)
    assert "look here" in messages
    assert "shuffling enabled" in messages


def test_messages_that_were_asked_for_are_shown(news):
    trainer = quiet(max_epochs=-1, max_time={"milliseconds": 20}, profiler="simple")
    trainer.fit(Line(), loader())
    assert any("Profiler Report" in message for message in news)
    assert any("Time limit reached" in message for message in news)


@pytest.mark.parametrize("fails", [False, True])
def test_filters_are_put_back(fails):
    class Fails(Line):
        def training_step(self, batch, batch_idx):
            if fails:
                raise KeyError("mine")
            return super().training_step(batch, batch_idx)

    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    before = list(warnings.filters), [(list(x.filters), x.level) for x in loggers]
    trainer = quiet(max_epochs=1)
    if fails:
        with pytest.raises(KeyError, match="mine"):
            trainer.fit(Fails(), loader())
    else:
        trainer.fit(Fails(), loader())
    assert (list(warnings.filters), [(list(x.filters), x.level) for x in loggers]) == before


def test_the_progress_bar_is_tqdms_also_where_rich_is_installed(capsys):
    trainer = Trainer(max_epochs=1)
    assert type(trainer.progress_bar_callback) is TQDMProgressBar
    trainer.fit(Line(), loader())
    assert "Epoch 0: 100%" in capsys.readouterr().out


# --- defaults and arguments -----------------------------------------------------------------------


def test_defaults_are_those_of_small_fits():
    trainer = Trainer()
    assert trainer.loggers == []
    assert trainer.checkpoint_callbacks == []
    assert trainer.num_sanity_val_steps == 0
    assert trainer.log_every_n_steps == 1
    assert {type(c) for c in trainer.callbacks} == {History, TQDMProgressBar}


def test_none_means_the_default_as_in_lightning():
    trainer = Trainer(logger=None, enable_checkpointing=None, callbacks=None)
    assert trainer.loggers == []
    assert trainer.checkpoint_callbacks == []


def test_lightnings_arguments_win(tmp_path):
    class Bar(TQDMProgressBar):
        pass

    logger, history, bar = CSVLogger(tmp_path), History(), Bar()
    trainer = Trainer(
        logger=logger,
        callbacks=[history, bar],
        num_sanity_val_steps=1,
        log_every_n_steps=5,
        enable_model_summary=True,
        gradient_clip_val=0.5,
    )
    assert trainer.loggers == [logger]
    assert trainer.history is history
    assert [c for c in trainer.callbacks if isinstance(c, ProgressBar)] == [bar]
    assert (trainer.num_sanity_val_steps, trainer.log_every_n_steps) == (1, 5)
    assert trainer.gradient_clip_val == 0.5
    assert any("Summary" in type(c).__name__ for c in trainer.callbacks)
    assert trainer.progress_bar_callback is bar


def test_no_progress_bar_where_none_is_wanted():
    assert quiet().progress_bar_callback is None


def test_a_checkpoint_callback_turns_checkpoints_on(tmp_path):
    trainer = quiet(max_epochs=1, callbacks=ModelCheckpoint(dirpath=tmp_path / "kept"))
    trainer.fit(Line(), loader())
    assert len(list((tmp_path / "kept").glob("*.ckpt"))) == 1


def test_checkpoints_can_be_asked_for(tmp_path):
    trainer = quiet(max_epochs=1, enable_checkpointing=True, default_root_dir=tmp_path)
    trainer.fit(Line(), loader())
    assert len(list(tmp_path.rglob("*.ckpt"))) == 1


def test_the_callbacks_of_the_caller_are_not_touched():
    callbacks = [Timer()]
    Trainer(callbacks=callbacks)
    assert len(callbacks) == 1


def test_barebones_works():
    trainer = Trainer(max_epochs=1, barebones=True)
    with pytest.warns(UserWarning, match="barebones"):
        trainer.fit(Line(), loader())
    assert trainer.global_step == 2


def test_an_unknown_argument_is_an_error():
    with pytest.raises(TypeError, match="max_epoch"):
        Trainer(max_epoch=3)


def test_the_history_of_a_model_takes_the_place_of_the_trainers():
    class Own(Line):
        def configure_callbacks(self):
            self.own = History()
            return [self.own]

    model, trainer = Own(), quiet(max_epochs=1)
    trainer.fit(model, loader())
    assert trainer.history is model.own
    assert list(model.own.step_history) == ["train_loss"]


def test_predictions_and_test_results_come_back():
    trainer, model = quiet(max_epochs=1), Line()
    trainer.fit(model, loader())
    assert trainer.test(model, loader(), verbose=False)[0].keys() == {"test_loss"}
    assert torch.cat(trainer.predict(model, loader())).shape == (8, 1)


# --- a Trainer that has ended (fault 41) ----------------------------------------------------------


@pytest.mark.parametrize("limit", [{"max_epochs": 2}, {"max_steps": 3}, {"fast_dev_run": True}])
def test_fitting_again_with_a_trainer_that_has_ended_is_an_error(limit):
    trainer, model = quiet(**limit), Line()
    trainer.fit(model, loader())
    before = model.a.item(), trainer.global_step
    with pytest.raises(TrainerEndedError, match="new Trainer for each round") as error:
        trainer.fit(model, loader())
    assert isinstance(error.value, RuntimeError | AlkitError)
    assert (model.a.item(), trainer.global_step) == before
    name = "max_steps" if "max_steps" in limit else "max_epochs"
    assert re.search(rf"{name}=\d", str(error.value))


def test_fitting_again_after_the_time_is_up_is_an_error():
    trainer, model = quiet(max_time={"milliseconds": 30}, max_epochs=-1), Line()
    trainer.callbacks.append(Timer())  # one without a limit does not matter
    trainer.fit(model, loader())
    with pytest.raises(TrainerEndedError, match="max_time"):
        trainer.fit(model, loader())


def test_a_plain_lightning_trainer_is_reported_by_the_check():
    trainer, model = plain(max_epochs=1), Checked()
    trainer.fit(model, loader())
    with pytest.raises(TrainerEndedError):
        trainer.fit(model, loader())


@pytest.mark.parametrize("make", [plain, quiet])
def test_limits_that_were_raised_let_it_go_on(make):
    trainer, model = make(max_epochs=1), Checked()
    trainer.fit(model, loader())
    trainer.fit_loop.max_epochs = 3
    trainer.fit(model, loader())
    assert trainer.global_step == 6


@pytest.mark.parametrize("make", [plain, quiet])
def test_a_fit_that_resumes_from_a_checkpoint_goes_on(make, tmp_path):
    trainer, model = make(max_epochs=1), Checked()
    trainer.fit(model, loader())
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    trainer.fit(model, loader(), ckpt_path=tmp_path / "one.ckpt")  # no error: so it was asked
    longer = make(max_epochs=3)
    longer.fit(model, loader(), ckpt_path=tmp_path / "one.ckpt")
    assert longer.global_step == 6


def test_a_test_from_a_checkpoint_does_not_hide_that_the_trainer_has_ended(tmp_path):
    trainer, model = quiet(max_epochs=1), Line()
    trainer.fit(model, loader())
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    trainer.test(model, loader(), ckpt_path=tmp_path / "one.ckpt", verbose=False)
    with pytest.raises(TrainerEndedError):
        trainer.fit(model, loader())


@pytest.mark.parametrize("make", [plain, quiet])
def test_a_fit_that_failed_may_be_tried_again(make):
    class Fails(Checked):
        fails = True

        def training_step(self, batch, batch_idx):
            if self.fails:
                raise KeyError("mine")
            return super().training_step(batch, batch_idx)

    trainer, model = make(max_epochs=1), Fails()
    with pytest.raises(KeyError, match="mine"):
        trainer.fit(model, loader())
    model.fails = False
    trainer.fit(model, loader())
    assert trainer.current_epoch == 1


@pytest.mark.parametrize("step", ["training_step", "test_step", "predict_step"])
def test_ctrl_c_is_a_keyboard_interrupt_each_time(step):
    class Stopped(Line):
        pass

    setattr(Stopped, step, lambda *_: signal.raise_signal(signal.SIGINT))
    run = {"training_step": "fit", "test_step": "test", "predict_step": "predict"}[step]
    for _ in range(2):  # Lightning has the process ignore the second
        with pytest.raises(KeyboardInterrupt):
            getattr(Trainer(max_steps=3, enable_progress_bar=False), run)(Stopped(), loader())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_exit_of_the_model_is_one():
    class Exits(Line):
        def training_step(self, batch, batch_idx):
            raise SystemExit(3)

    with pytest.raises(SystemExit, match="3"):
        Trainer(max_steps=3, enable_progress_bar=False).fit(Exits(), loader())


def test_testing_and_predicting_do_not_end_a_trainer():
    trainer, model = quiet(max_epochs=1), Checked()
    trainer.test(model, loader(), verbose=False)
    trainer.predict(model, loader())
    trainer.fit(model, loader())
    assert trainer.global_step == 2


def test_packages_are_listed_once_for_all_trainers_and_plug_ins_loaded_for_each(monkeypatch):
    listed = []

    class PlugIn:
        name = "a package's callback"

        def load(self):
            return lightning.Callback

    def listing(group):
        listed.append(group)
        return [PlugIn()] if group == "lightning.pytorch.callbacks_factory" else []

    internals = alkit.training.lightning_internals
    monkeypatch.setattr(internals, "_entry_points", functools.cache(listing))
    for _ in range(3):
        trainer = Trainer(accelerator="cpu", enable_progress_bar=False)
        assert any(type(callback) is lightning.Callback for callback in trainer.callbacks)
    assert listed == ["lightning.pytorch.callbacks_factory"]
    assert registry.entry_points is importlib.metadata.entry_points  # as others see it


def test_what_is_logged_is_moved_only_where_it_is_elsewhere(monkeypatch):
    moves, moved = result._ResultMetric.to, []

    def counted(self, *args):
        moved.append(self.meta.name)
        return moves(self, *args)

    monkeypatch.setattr(result._ResultMetric, "to", counted)
    line = Line()
    alkit_trainer = Trainer(max_epochs=3, accelerator="cpu", enable_progress_bar=False)
    alkit_trainer.fit(line, loader())
    assert moved == []
    assert result._ResultMetric.to is counted  # as others see it

    again = plain(max_epochs=3, accelerator="cpu", callbacks=[history := History()])
    again.fit(Line(), loader())
    assert len(moved) >= 6  # Lightning's own way, a step each, and the same values
    assert history.step_history == alkit_trainer.history.step_history


def test_a_value_on_another_device_than_its_sums_takes_them_there():
    with alkit.training.lightning_internals.moved_if_elsewhere():
        collection = result._ResultCollection(training=True)
        for device in ("cpu", "meta"):
            value = torch.zeros((), device=device)
            collection.log("training_step", "loss", value, batch_size=1, on_step=True)
            assert collection["training_step.loss"].cumulated_batch_size.device.type == device


@pytest.mark.parametrize("limit", ["max_epochs", "min_epochs", "max_steps", "min_steps"])
@pytest.mark.parametrize("value", ["a", 1.5, True])
def test_a_limit_that_is_no_whole_number_is_named(limit, value):
    with pytest.raises(ConfigurationError, match=f"{limit} must be an integer"):
        Trainer(**{limit: value})


def test_what_lightning_refuses_is_an_error_of_alkit():
    with pytest.raises(ConfigurationError, match="invalid accelerator name"):
        Trainer(accelerator="xpu9")
    assert Trainer(max_steps=None, max_epochs=None).max_steps == -1


@pytest.fixture
def no_handler_of_ray():
    """Ray leaves its own handler in a process that has used it."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("no_handler_of_ray")
def test_sigterm_does_not_end_as_success():
    class Terminated(Line):
        def training_step(self, batch, batch_idx):
            signal.raise_signal(signal.SIGTERM)
            return super().training_step(batch, batch_idx)

    with pytest.raises(SystemExit) as ended:
        Trainer(max_steps=3, enable_progress_bar=False).fit(Terminated(), loader())
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
