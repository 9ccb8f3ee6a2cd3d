import pytest
from torchmetrics import MeanMetric, MetricCollection, SumMetric

from alkit.errors import ConfigurationError
from alkit.training.metrics import named_metrics

FORMS = [
    SumMetric(),
    [SumMetric()],
    ("SumMetric", SumMetric()),
    [("SumMetric", SumMetric())],
    {"SumMetric": SumMetric()},
    MetricCollection([SumMetric()]),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
def test_each_form_gives_names_with_the_kind_before_them(form):
    named = named_metrics("test", form)
    assert list(named) == ["testSumMetric"]
    assert isinstance(named["testSumMetric"], SumMetric)


def test_metrics_are_copies_and_come_in_their_order():
    ours = MeanMetric()
    named = named_metrics("train", None, {"B": ours}, [SumMetric()])
    assert list(named) == ["trainB", "trainSumMetric"]
    named["trainB"].update(3)
    assert ours.update_count == 0


def test_two_of_one_name_and_what_is_no_metric_are_refused():
    with pytest.raises(ConfigurationError, match="Two test metrics are named SumMetric"):
        named_metrics("test", SumMetric(), [SumMetric()])
    with pytest.raises(ConfigurationError, match="called already"):
        named_metrics("test", [SumMetric])
