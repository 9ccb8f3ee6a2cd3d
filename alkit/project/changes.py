"""Changes of the samples of a project since it was last opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from alkit.project.samples.source import Source

FEW = 3  # names that a line of the text gives


@dataclass(frozen=True)
class Changes:
    """Samples that differ from the catalog.

    Labels follow contents. So first drop the labels of ``changed`` (or ask for them again), then
    write those of ``moved`` under their new names, all at once: two samples may have swapped names.

    Attributes:
        total: number of samples that are there now.
        new: names of samples with a new content.
        moved: new name of each sample that has another name now, by its old name.
        changed: names under which there is another content than before, while the old content is
            nowhere else: labels that these names have may be wrong.
        missing: names of samples that are gone.
        duplicates: groups of names with the same content.
        look_alikes: groups of names that look the same (their Unicode characters differ in form).
        problems: reason by name of each file that cannot be a sample.
    """

    total: int
    new: Sequence[str]
    moved: Mapping[str, str]
    changed: Sequence[str]
    missing: Sequence[str]
    duplicates: Sequence[Sequence[str]]
    look_alikes: Sequence[Sequence[str]] = ()
    problems: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """True if there is anything to report but new samples."""
        return bool(self.moved or self.changed or self.missing or self.duplicates
                    or self.look_alikes or self.problems)  # fmt: skip

    def __str__(self) -> str:
        moved = [f"{old} -> {new}" for old, new in self.moved.items()]
        same = [" = ".join(group) for group in self.duplicates]
        alike = [" and ".join(map(ascii, group)) for group in self.look_alikes]
        wrong = [f"{name}: {reason.rstrip('.')}" for name, reason in self.problems.items()]
        lines = [
            f"{self.total:,} samples, {len(self.new):,} of them new.",
            _line(moved, "moved or renamed; their labels went with them"),
            _line(self.changed, "with another content than before: check their labels"),
            _line(self.missing, "missing: their labels are kept, and they are not asked for"),
            _line(same, "there more than once, with the same content"),
            _line(alike, "under names that look the same; rename all but one"),
            _line(wrong, "left out"),
        ]
        return "\n".join(filter(None, lines))


def compare(
    before: Mapping[str, str], missing: Collection[str], now: Mapping[str, str], source: Source
) -> Changes:
    """Changes between two catalogs.

    A content that is no longer under its name and is now under another one was moved. Names with
    the same content are paired in their order; if fewer of them arrived than left, it is unclear
    which labels these have, and none is moved.

    Args:
        before: hash of the content of each sample by name.
        missing: names of samples that were missing already.
        now: hash of the content of each sample that is there, by name.
        source: the samples.
    """
    left, arrived = _by_content(before, now), _by_content(now, before)
    moved: dict[str, str] = {}
    for content, new in arrived.items():
        old = left.get(content, [])
        present = [name for name in old if name not in missing]
        for names in (present, old):
            if names and len(names) <= len(new):
                moved.update(zip(names, new))
                break
    targets = set(moved.values())
    others = [name for names in arrived.values() for name in names]
    return Changes(
        total=len(now),
        new=[name for name in others if name not in targets and not _replaced(name, before, moved)],
        moved=moved,
        changed=[name for name in others if _replaced(name, before, moved)],
        missing=[name for name in before if name not in now and name not in moved],
        duplicates=[names for names in _by_content(now, {}).values() if len(names) > 1],
        look_alikes=getattr(source, "look_alikes", ()),
        problems=source.problems,
    )


def _replaced(name: str, before: Mapping[str, str], moved: Mapping[str, str]) -> bool:
    return name in before and name not in moved


def _by_content(these: Mapping[str, str], others: Mapping[str, str]) -> dict[str, list[str]]:
    """Names whose content is not that of the same name among the others, by content."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, content in these.items():
        if others.get(name) != content:
            names[content].append(name)
    return names


def _line(names: Sequence[str], what: str) -> str:
    if not names:
        return ""
    more = f" and {len(names) - FEW:,} more" if len(names) > FEW else ""
    return f"{len(names):,} {what}: {', '.join(names[:FEW])}{more}."
