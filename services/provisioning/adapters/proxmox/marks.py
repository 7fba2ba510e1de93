"""How a machine carries our reference, and how it is read back.

A listing shows names and tags but no descriptions, and a clone can be given a name and a description but no tags. So a
clone starts under a NAME made of the reference, and one later write swaps in the customer's hostname together with the
reference as a TAG: at every instant the listing shows one of the two. The DESCRIPTION carries it all along, and is what
decides, because people rename machines and edit tags.

Before all that, Proxmox VE writes a nameless placeholder that holds the lock "clone" (`anonymous`): whose it is shows
only later, so one waits.
"""

import re
from collections.abc import Mapping
from typing import Final

_REFERENCE: Final = re.compile(r"[a-z](?:[a-z_]{0,61}[a-z])?_[0-7][0-9a-hjkmnp-tv-z]{25}")
_LABEL: Final = re.compile(r"([a-z](?:[a-z-]*[a-z])?)-([0-7][0-9a-hjkmnp-tv-z]{25})")
_MARK: Final = re.compile(r"^ez-reference: (\S+)\s*$", re.MULTILINE)
_HELD: Final = "ez-held"
"""A tag on a machine that must stay off: its service is suspended or over."""
_BEING_MADE: Final = frozenset({"clone", "create"})


def check(reference: str) -> None:
    """Raises ValueError unless `reference` is a TypeID: only that survives the round trip through a DNS label."""
    if not _REFERENCE.fullmatch(reference):
        raise ValueError(f"not a TypeID: {reference!r}")


def label(reference: str) -> str:
    """The reference as a DNS label: `svc_01…` → `svc-01…`."""
    return reference.replace("_", "-")


def description(reference: str) -> str:
    return f"ez-reference: {reference}\n\nMade and managed by EZ Solutions. Keep the first line: it names the owner."


def tags(reference: str, managed_tag: str, present: str) -> str:
    """The tags a machine shall have: those present, ours, and no reference of anybody else."""
    kept = [tag for tag in split_tags(present) if not _REFERENCE.fullmatch(tag)]
    return ";".join(dict.fromkeys([*kept, managed_tag, reference]))


def with_hold(present: str, *, held: bool) -> str:
    """The same tags with, or without, the one that says that the machine must stay off."""
    kept = [tag for tag in split_tags(present) if tag != _HELD]
    return ";".join([*kept, _HELD] if held else kept)


def split_tags(text: str) -> list[str]:
    return [tag for tag in re.split(r"[;, ]+", text) if tag]


def owner(config: Mapping[str, object]) -> str | None:
    """The reference a machine's configuration carries; the description outweighs the tags."""
    mark = _MARK.search(str(config.get("description", "")))
    if mark is not None:
        return mark[1]
    return next((tag for tag in split_tags(str(config.get("tags", ""))) if _REFERENCE.fullmatch(tag)), None)


def described(config: Mapping[str, object], reference: str) -> bool:
    """Whether the description itself carries the reference."""
    mark = _MARK.search(str(config.get("description", "")))
    return mark is not None and mark[1] == reference


def listed_owner(row: Mapping[str, object]) -> str | None:
    """The reference a line of a listing shows, by tag or by name."""
    for tag in split_tags(str(row.get("tags", ""))):
        if _REFERENCE.fullmatch(tag):
            return tag
    name = _LABEL.fullmatch(str(row.get("name", "")))
    return f"{name[1].replace('-', '_')}_{name[2]}" if name else None


def anonymous(config: Mapping[str, object]) -> bool:
    """Whether the machine is still being made and does not show yet for whom."""
    return config.get("lock") in _BEING_MADE and owner(config) is None and "name" not in config
