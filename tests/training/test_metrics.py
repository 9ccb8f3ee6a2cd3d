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
def test_each_form_yields_names_prefixed_with_the_kind(form):
    named = named_metrics("test", form)
    assert list(named) == ["testSumMetric"]
    assert isinstance(named["testSumMetric"], SumMetric)


def test_metrics_are_copied_and_keep_their_order():
    ours = MeanMetric()
    named = named_metrics("train", None, {"B": ours}, [SumMetric()])
    assert list(named) == ["trainB", "trainSumMetric"]
    named["trainB"].update(3)
    assert ours.update_count == 0


def test_two_metrics_of_one_name_and_anything_but_a_metric_are_refused():
    with pytest.raises(ConfigurationError, match="Two test metrics are named SumMetric"):
        named_metrics("test", SumMetric(), [SumMetric()])
    with pytest.raises(ConfigurationError, match="must be instances of torchmetrics"):
        named_metrics("test", [SumMetric])
