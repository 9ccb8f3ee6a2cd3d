"""The names of the command line: what each stands for, imported when it is built."""

from __future__ import annotations

import ast
import operator
import re
import textwrap
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from alkit.errors import AlkitError, ConfigurationError, close, likely

DATASETS = ("digits", "mnist", "fashionmnist", "cifar10")
NETWORKS = ("default", "linear")

STRATEGIES = {
    "uniform": "UniformStrategy",
    "uncertainty": "UncertaintyStrategy",
    "adversarial": "AdversarialStrategy",
    "semi-supervised": "SemiSupervisedStrategy",
    "learning-loss": "LearningLossStrategy",
    "strategy": "Strategy",
}
BASES = (  # no leaves, or parts that take more than the command line can give
    "ClassWeight Composite Context Count Criterion Each HeadScore Temperature TopShare Transform "
    "Candidates Fixed FixedRows Picks Points Quotas RunningTopK Selector Space Stochastic"
).split()


def public(file: str) -> list[str]:
    """Read the ``__all__`` of a module of alkit without importing it."""
    tree = ast.parse((Path(__file__).parents[1] / file).read_text(encoding="utf-8"))
    (names,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return [name for name in ast.literal_eval(names) if name not in BASES]


def spelled(name: str) -> str:
    """A class name as it is written on the command line: ``LeastConfidence``, least-confidence."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).replace("_", "-").lower()


PAPERS = public("strategies/papers.py")
CRITERIA = [name for name in public("criteria/__init__.py") if name[0].isupper()]
SELECTORS = [name for name in public("selectors/__init__.py") if name[0].isupper()]
PARTS = {
    **{spelled(name): f"alkit.selectors.{name}" for name in SELECTORS},
    **{spelled(name): f"alkit.criteria.{name}" for name in CRITERIA},
}
ARMS = {
    **PARTS,
    **{spelled(name): f"alkit.strategies.papers.{name}" for name in PAPERS},
    **{name: f"alkit.strategies.{cls}" for name, cls in STRATEGIES.items()},
}
SPACES = (
    "features", "frozen", "given", "gradient-embedding", "gradient-sketch", "inputs",
    "probabilities", "whitened",
)  # fmt: skip
KINDS = {
    "strategies": list(STRATEGIES),
    "papers": list(map(spelled, PAPERS)),
    "criteria": list(map(spelled, CRITERIA)),
    "selectors": [name for name in map(spelled, SELECTORS) if name not in SPACES],
    "spaces": list(SPACES),
}
SYMBOLS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def wrapped(kinds: Iterable[str]) -> str:
    """Names of these kinds, as paragraphs of a help text."""
    layout: dict[str, Any] = {"initial_indent": "  ", "subsequent_indent": "      "}
    return "\n".join(
        textwrap.fill(f"{kind}: {', '.join(KINDS[kind])}", 78, break_on_hyphens=False, **layout)
        for kind in kinds
    )


def split(text: str) -> list[str]:
    """Split a list at the commas outside of parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def parse(text: str) -> ast.expr:
    """Parse the expression of an arm, ``strategy(criterion=entropy, selector=power(beta=4))``.

    Raises:
        ConfigurationError: it is not an expression, or has an unknown name.
    """
    names = sorted((name for name in ARMS if "-" in name), key=len, reverse=True)
    plain = re.sub("|".join(map(re.escape, names)), lambda m: m[0].replace("-", "_"), text)
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
    except SyntaxError:
        raise ConfigurationError(
            f"{text!r} is not a name, or a name with arguments such as power(beta=4)."
        ) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and _key(node) not in ARMS:
            near = (
                likely(node.id, ARMS) if close(node.id, ARMS) else "; alkit compare --help has all."
            )
            raise ConfigurationError(f"unknown name {node.id!r}{near}")
    return tree


def named(tree: ast.expr) -> tuple[str, dict[str, Any]]:
    """The name of an arm, and its arguments built; a formula is ``strategy(criterion=formula)``."""
    function = tree.func if isinstance(tree, ast.Call) else tree
    if isinstance(function, ast.Name):
        name = _key(function)
        if ARMS[name].startswith("alkit.strategies."):
            call = tree if isinstance(tree, ast.Call) else ast.Call(function, [], [])
            if call.args:
                raise ConfigurationError(f"name the arguments of {name}: {name}(argument=value).")
            return name, {str(word.arg): build(word.value) for word in call.keywords}
        if ARMS[name].startswith("alkit.selectors."):
            return "strategy", {"selector": build(tree)}
    return "strategy", {"criterion": build(tree)}


def build(node: ast.expr) -> Any:
    """Build the value of an expression: parts, formulas of criteria, numbers, strings and lists.

    Raises:
        ConfigurationError: a strategy or paper where a part belongs, arguments that the part does
            not have, or another expression.
    """
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Name):
        name = _key(function)
        if name not in PARTS:
            raise ConfigurationError(f"{name} is a strategy: a criterion or selector belongs here.")
        args = map(build, node.args) if isinstance(node, ast.Call) else ()
        words = node.keywords if isinstance(node, ast.Call) else ()
        values = {str(word.arg): build(word.value) for word in words}
        try:
            return imported(PARTS[name])(*args, **values)
        except TypeError as error:
            if isinstance(error, AlkitError):
                raise
            reason = str(error).partition("() ")[2] or str(error)
            raise ConfigurationError(f"{name}: {reason}.") from None
    if isinstance(node, ast.BinOp) and type(node.op) in SYMBOLS:
        return SYMBOLS[type(node.op)](build(node.left), build(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -build(node.operand)
    if isinstance(node, ast.List | ast.Tuple):
        return list(map(build, node.elts))
    if isinstance(node, ast.Constant):
        return node.value
    raise ConfigurationError(f"{ast.unparse(node)!r} is not a name, a formula, a number or a list.")


def part(text: str, kind: str) -> Any:
    """Build one criterion or one selector, ``part("kcenter", "selector")``.

    Raises:
        ConfigurationError: it is of another kind, or is not an expression that has a meaning.
    """
    names = KINDS[{"criterion": "criteria", "selector": "selectors"}[kind]]
    if spelled(text) == "auto":
        raise ConfigurationError(
            "auto needs the network that it trains: on files, give --selector max-herding with "
            "--embeddings, or uncertainty-herding with --probabilities too."
        )
    if re.fullmatch(r"[\w-]+", text) and spelled(text) not in names:
        raise ConfigurationError(f"unknown {kind} {text!r}{likely(spelled(text), names)}")
    built = build(parse(text))
    family = {"criterion": "alkit.criteria.Criterion", "selector": "alkit.selectors.Selector"}
    if not isinstance(built, imported(family[kind])):
        raise ConfigurationError(f"{text!r} is not a {kind}; these are: {', '.join(names)}.")
    return built


def imported(path: str) -> Any:
    """Import what a dotted path stands for."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def _key(name: ast.Name) -> str:
    return spelled(name.id)
