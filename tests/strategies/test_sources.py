"""The source of what the user wrote, and of nothing else."""

import functools
import importlib
import itertools
import sys

import pytest
import torch

from alkit.strategies.sources import sources

CODE = """
import functools
import torch


def width():
    return 8  # wide


class Base(torch.nn.Module):
    def forward(self, x):
        return x


class Net(Base):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, width())


def factory(pool, seed, scale=1):
    return Net()


def decorated(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner


@decorated
def wrapped(pool, seed):
    return factory(pool, seed)


small = dict(a=lambda pool, seed: factory(pool, seed), b=3)


def closed(criterion):
    def inner(pool, seed):
        return criterion(pool)
    return inner
"""


NUMBERS = itertools.count()  # of modules: no two have one name


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes a module of the code, after replacements."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def make(*replacements):
        code, name = CODE, f"user_{next(NUMBERS)}"
        for old, new in replacements:
            assert old in code
            code = code.replace(old, new)
        (tmp_path / f"{name}.py").write_text(code)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return make


def of(module, part="factory"):
    return sources([getattr(module, part)])


def test_a_function_brings_what_it_uses(module):
    assert set(of(module())) == {"factory", "Net", "Net.__init__", "width", "Base", "Base.forward"}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (("return 8", "return 9"), "width"),
        (("return x", "return -x"), "Base"),
        (("Linear(4", "Linear(5"), "Net"),
        (("return Net()", "return Net().double()"), "factory"),
        (("scale=1", "scale=2"), "factory"),
    ],
)
def test_a_change_anywhere_is_a_change_of_that_name(module, change, name):
    before, now = of(module()), of(module(change))
    assert name in {key for key in before if before[key] != now[key]}
    assert before.keys() == now.keys()


def test_comments_and_blank_lines_do_not_count(module):
    now = module(
        ("  # wide", ""), ("return x", "return x  # same"), ("\n\n\nclass Net", "\n\nclass Net")
    )
    assert of(module()) == of(now)


def test_partials_instances_and_decorated_functions_are_looked_into(module):
    user, other = module(), module(("return 8", "return 9"))
    for wrap in (
        lambda m: functools.partial(m.factory, scale=3),
        lambda m: functools.partial(functools.partial(m.factory), scale=3),
        lambda m: m.wrapped,
        lambda m: m.Net(),
        lambda m: m.Net().forward,
        lambda m: m.closed(m.factory),
        lambda m: m.small["a"],
    ):
        assert sources([wrap(user)])["width"] != sources([wrap(other)])["width"]


def test_of_a_lambda_the_rest_of_its_line_does_not_count(module):
    user, other = module(), module(("b=3", "b=4"))
    assert sources([user.small["a"]]) == sources([other.small["a"]])
    third = module(
        ("a=lambda pool, seed: factory(pool, seed)", "a=lambda pool, seed: factory(pool, 7)")
    )
    name = "<lambda>"
    assert sources([user.small["a"]])[name] != sources([third.small["a"]])[name]


def test_what_is_installed_or_has_no_source_is_left_out():
    scope = {}
    exec("def typed(pool, seed): return 1", scope)
    parts = [torch.nn.Linear(2, 2), functools.partial(print), len, int, 5, None, scope["typed"]]
    assert sources(parts) == {}
