import inspect
import subprocess
import sys

import pytest

import alkit as al
from alkit.cli.arms import Arm
from alkit.cli.datasets import load
from alkit.cli.names import ARMS, KINDS, PAPERS, PARTS, imported, named, parse, part, spelled, split
from alkit.errors import ConfigurationError
from alkit.strategies import Strategy

TRAIN, TEST = load("digits")
# these need data of their own, or another kind of outputs than those of the images
NEEDS_MORE = ("PerGroup", "PerClass")


def leaves(folder, base, left_out):
    for name in folder.__all__:
        value = getattr(folder, name)
        if inspect.isclass(value) and issubclass(value, base) and name not in left_out:
            yield spelled(name)


def test_every_public_strategy_paper_criterion_and_selector_has_a_name():
    abstract = {"Criterion", "Composite", "Transform", "HeadScore"}  # and a head has no name
    abstract |= {"ClassWeight", "Each"}  # of rows, which the data of the command line do not have
    assert set(leaves(al.criteria, al.Criterion, abstract)) <= set(PARTS)
    assert set(leaves(al.selectors, al.Selector, {"Selector", "Quotas", "Stochastic"})) <= set(
        PARTS
    )
    assert {spelled(name) for name in al.papers.__all__} <= set(ARMS)
    strategies = {path.rpartition(".")[2] for path in ARMS.values()}
    named_ones = {name for name in al.strategies.__all__ if name.endswith("Strategy")}
    assert named_ones <= strategies
    assert sorted(PAPERS) == al.papers.__all__


def test_every_name_leads_somewhere():
    for name, path in {**PARTS, **ARMS}.items():
        assert callable(imported(path)), name


def test_a_reduction_is_not_offered_as_a_criterion():
    assert {"each", "count", "top-share", "class-weight"}.isdisjoint(KINDS["criteria"])
    assert all(issubclass(imported(PARTS[name]), al.Criterion) for name in KINDS["criteria"])


def test_names_are_known_without_torch():
    code = "import sys, alkit.cli; alkit.cli._parser(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("margin", "TopK() of Margin()"),
        ("least-confidence", "TopK() of LeastConfidence()"),
        ("LeastConfidence", "TopK() of LeastConfidence()"),
        ("kcenter", "KCenter()"),
        ("badge", "KMeansPlusPlus(space=GradientEmbedding())"),
        ("power-margin(beta=4)", "Power(beta=4) of Margin()"),
        ("strategy(criterion=entropy, selector=power(beta=4))", "Power(beta=4) of Entropy()"),
        ("rank(margin)+0.5*rank(entropy)", "TopK() of Rank(Margin()) + 0.5 * Rank(Entropy())"),
        ("strategy(selector=prefilter(5, kcenter))", "Prefilter(5, KCenter()) of Margin()"),
        ("uncertainty", "TopK() of Ratio()"),
        ("strategy(criterion=bald, selector=top-k)", "TopK() of BALD()"),
        ("uniform", "Random()"),
    ],
)
def test_a_name_with_arguments_asks_as_its_python_does(text, why):
    pool = al.ActiveLearningDataset(TRAIN)
    pool.annotate(range(20))
    strategy = Arm(text, "ratio", 5, TEST)(pool, 0)
    assert strategy.build().query(3).why.startswith(why)


@pytest.mark.parametrize(
    "name", [name for name, path in ARMS.items() if path.startswith("alkit.strategies.")]
)
def test_every_strategy_and_paper_trains_and_queries_on_the_digits(name):
    pool = al.ActiveLearningDataset(TRAIN)
    pool.annotate(range(40))
    strategy = Arm(name, "margin", 2, TEST)(pool, 0)
    assert isinstance(strategy, Strategy)
    strategy.build().fit(max_steps=2, enable_progress_bar=False)
    assert len(strategy.query(3)) == 3


def test_a_list_is_split_at_the_commas_outside_of_parentheses():
    assert split("badge, margin,strategy(a=[1, 2], b=power(beta=4)),") == [
        "badge", "margin", "strategy(a=[1, 2], b=power(beta=4))",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("marginn", "'marginn'.*Did you mean 'margin'"),
        ("strategy(criterion=entropi)", "'entropi'.*Did you mean 'entropy'"),
        ("strategy(", "is not a name"),
        ("badge(4)", "name the arguments of badge"),
        ("strategy(criterion=badge)", "badge is a strategy"),
        ("rank(badge)", "badge is a strategy"),
        ("margin if 1 else entropy", "not a name, a formula"),
        ("power(bta=4)", "power: got an unexpected keyword argument 'bta'"),
    ],
)
def test_what_has_no_meaning_is_an_error_that_says_why(text, message):
    with pytest.raises(ConfigurationError, match=message):
        named(parse(text))


def test_the_number_of_classes_is_that_of_the_data(monkeypatch):
    monkeypatch.setattr(TEST, "labels", [label * 3 for label in TEST.labels])
    pool = al.ActiveLearningDataset(TRAIN)
    pool.annotate(range(20))
    strategy = Arm("margin", "margin", 2, TEST)(pool, 0).build()
    assert strategy.context.predict([0]).outputs.shape == (1, 1, 28)


@pytest.mark.parametrize(
    ("text", "kind", "built"),
    [
        ("kcenter", "selector", "KCenter()"),
        ("KCenter", "selector", "KCenter()"),
        ("top_k", "selector", "TopK()"),
        ("prefilter(5, kcenter)", "selector", "Prefilter(5, KCenter())"),
        ("rank(margin)+rank(entropy)", "criterion", "Rank(Margin()) + Rank(Entropy())"),
    ],
)
def test_a_part_is_built_from_its_name_or_a_formula(text, kind, built):
    assert repr(part(text, kind)) == built


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("k-center", "selector", "unknown selector 'k-center'. Did you mean 'kcenter'"),
        ("badge", "selector", "unknown selector 'badge'; available: .*kmeans-plus-plus"),
        ("margin", "selector", "unknown selector 'margin'; available"),
        ("auto", "selector", "on files, give --selector max-herding with --embeddings"),
        ("kcenter()", "criterion", r"'kcenter\(\)' is not a criterion; these are: bald"),
        ("margin+kcenter", "criterion", "unsupported|not a criterion|KCenter"),
        ("3", "criterion", "unknown criterion '3'"),
    ],
)
def test_a_part_of_another_kind_is_refused(text, kind, message):
    with pytest.raises(ConfigurationError, match=message):
        part(text, kind)
    assert set(KINDS["selectors"]).isdisjoint(KINDS["criteria"])
