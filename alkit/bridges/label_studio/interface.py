"""Labeling interface of a Label Studio project: its XML, and the check of an existing one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args
from xml.etree.ElementTree import Element, SubElement, tostring

from alkit.errors import BridgeError, ConfigurationError

Kind = Literal["image", "text", "audio"]
NOT_IN_XML = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
MANY = 20  # classes from which they are shown as a list with a search instead of as buttons


@dataclass(frozen=True)
class Names:
    """Names that tasks and predictions of a project use.

    Attributes:
        control: name of the Choices tag.
        sample: name of the tag that shows the sample.
        key: key of ``data`` with the sample.
    """

    control: str = "label"
    sample: str = "sample"
    key: str = "sample"


def interface(classes: Sequence[str], kind: Kind = "image") -> str:
    """Labeling interface of a project in which people choose one class per sample, as XML.

    Args:
        classes: names of the classes, in their order.
        kind: ``"image"``, ``"text"`` or ``"audio"``.

    Raises:
        ConfigurationError: a class is empty, twice there or cannot be written as XML.
    """
    check_classes(classes)
    if kind not in get_args(Kind):
        raise ConfigurationError(f"kind must be one of {get_args(Kind)}, got {kind!r}.")
    names = Names(key=kind)
    view = Element("View")
    shown = SubElement(view, kind.capitalize(), name=names.sample, value=f"${names.key}")
    if kind == "text":
        shown.set("valueType", "text")  # a text that is an address is not fetched
    choices = SubElement(view, "Choices", name=names.control, toName=names.sample)
    choices.set("choice", "single")
    choices.set("required", "true")
    if len(classes) > MANY:
        choices.set("layout", "select")
    for each in classes:
        SubElement(choices, "Choice", value=each)
    return tostring(view, encoding="unicode")


def check_classes(classes: Sequence[str]) -> None:
    """Raise a ConfigurationError if the names of the classes cannot be choices."""
    if isinstance(classes, str) or not classes:
        raise ConfigurationError(f"classes must be the names of the classes, got {classes!r}.")
    wrong = [name for name in classes if not isinstance(name, str) or not _is_plain(name)]
    if wrong:
        raise ConfigurationError(
            "a class must be a text without control characters and spaces around it, to be a "
            f"choice in Label Studio, got {wrong[0]!r}."
        )
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise ConfigurationError(f"the class {twice[0]!r} is given more than once.")


def _is_plain(name: str) -> bool:
    return not NOT_IN_XML.search(name) and name == name.strip() != ""


def names_of(project: Mapping[str, Any], classes: Sequence[str], kind: Kind) -> Names:
    """The names that an existing project uses, if its interface asks what alkit asks.

    Raises:
        BridgeError: it shows samples of another kind, or has other classes.
    """
    title = project.get("title")
    parsed = project.get("parsed_label_config") or {}
    controls = {name: each for name, each in parsed.items() if each.get("type") == "Choices"}
    fix = (
        "change its labeling interface to that of alkit.bridges.label_studio.interface(classes, "
        f"{kind!r}), or use another title"
    )
    if len(controls) != 1:
        raise BridgeError(
            f"the Label Studio project {title!r} has {len(controls)} Choices tags, and alkit needs "
            f"one: {fix}."
        )
    ((control, found),) = controls.items()
    shown = [(to, one) for to, one in zip(found.get("to_name", []), found.get("inputs", []))]
    if len(shown) != 1 or str(shown[0][1].get("type")).lower() != kind:
        kinds = ", ".join(str(one.get("type")) for _, one in shown) or "nothing"
        raise BridgeError(f"the Label Studio project {title!r} labels {kinds}, not {kind}: {fix}.")
    there = list(found.get("labels", []))
    if set(there) != set(classes):
        other = sorted(set(there) ^ set(classes))
        raise BridgeError(
            f"the Label Studio project {title!r} has other classes: {other[:5]} are not on both "
            f"sides. To keep it, {fix}."
        )
    return Names(control, shown[0][0], shown[0][1]["value"])
