"""What git knows: a file as it was at a revision, and what an edit of the budget lets through.

Git is asked through its plumbing, without a shell, and only for blobs: nothing is checked out.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from convcalc.checks.budget.configuration import (
    DEFINITION_KEYS,
    FILE,
    PROJECT_FILE,
    Configuration,
    Entry,
    Limit,
    decode,
    parse_configuration,
)
from convcalc.checks.budget.files import TABLE, Budget, has_table
from convcalc.checks.budget.judge import Notice
from convcalc.checks.budget.lock import Lock, parse_lock
from convcalc.core.errors import ConvcalcError, UsageError

_TIMEOUT = 60


class Revision(NamedTuple):
    """A commit of the repository at `root`; `name` is what the user called it."""

    root: Path
    name: str
    commit: str

    def text(self, path: Path) -> str | None:
        """A file's text at this revision; None where it had none. Raises UsageError for a symbolic link."""
        relative = (path.parent.resolve() / path.name).relative_to(self.root).as_posix()
        listed = _git(self.root, "ls-tree", "-z", self.commit, "--", f":(literal,top){relative}")
        if not listed:
            return None
        mode, kind, rest = listed.split(b" ", 2)
        if kind != b"blob" or mode == b"120000":
            raise UsageError(f"{relative} is no plain file at {self.name}", hint="--against needs the file itself")
        blob = rest.partition(b"\t")[0].decode()
        return decode(_git(self.root, "cat-file", "blob", blob), f"{relative} at {self.name}")


def resolve(root: Path, name: str) -> Revision:
    """The commit that `name` is. Raises UsageError."""
    try:
        commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except UsageError as error:
        raise UsageError(
            f"git knows no revision {name!r} here" + (f": {error.message}" if error.message else ""),
            hint=f"fetch it first: git fetch origin {name.removeprefix('origin/')} (in a CI job: a checkout with its "
            "whole history, such as fetch-depth: 0)",
        ) from None
    return Revision(root, name, commit.decode().strip())


def lock_at(revision: Revision, budget: Budget) -> Lock:
    """The baseline at a revision; an empty one where there was no lock."""
    path = budget.lock_path
    shown = f"{budget.shown(path)} at {revision.name}"
    text = revision.text(path)
    return parse_lock(text, shown) if text is not None else Lock(shown, {})


def configuration_at(revision: Revision, budget: Budget) -> Configuration | None:
    """The budget at a revision, wherever it stood in the folder then; None where there was none."""
    for path in dict.fromkeys((budget.path, budget.folder / FILE, budget.folder / PROJECT_FILE)):
        text = revision.text(path)
        shown = f"{budget.shown(path)} at {revision.name}"
        is_project = path.name == PROJECT_FILE
        if text is not None and not (is_project and not has_table(text, shown)):
            return parse_configuration(text, shown, TABLE if is_project else ())
    return None


def edits(revision: Revision, budget: Budget) -> Iterator[Notice]:
    """Every edit of a definition or a limit since a revision; what lets more through is a warning."""
    try:
        before = configuration_at(revision, budget)
    except ConvcalcError as error:
        yield Notice(f"the limits at {revision.name} cannot be read, so edits of them are not shown: {error}", (), True)
        return
    if before is None:
        yield Notice(f"there was no budget at {revision.name}: all limits are new")
        return
    now = {entry.name: entry for entry in budget.configuration.entries}
    for old in before.entries:
        if old.name in now:
            yield from _edited(old, now[old.name])
        else:
            yield Notice(f"{old.name}: removed since {revision.name}, with its {len(old.limits)} limits", (), True)
    known = {entry.name for entry in before.entries}
    for name, entry in now.items():
        if name not in known:
            yield Notice(f"{name}: new since {revision.name}", entry.path)


def rebased(before: Lock, now: Lock | None) -> Iterator[Notice]:
    """Every number of the lock that was edited since `before`."""
    for name, old in before.baselines.items():
        new = now.baselines.get(name) if now else None
        if new is None:
            yield Notice(f"{name}: its baseline was removed; compared with that of {before.file}")
            continue
        for metric in sorted({*old.values, *new.values}):
            was, is_ = old.values.get(metric), new.values.get(metric)
            if was != is_:
                yield Notice(f"{name}: baseline changed, {metric} {was} -> {is_}; compared with the old one")


def _edited(old: Entry, new: Entry) -> Iterator[Notice]:
    """What was edited in one entry."""
    for key, was, now in _definitions(old, new):
        yield Notice(
            f"{old.name}: {key} changed {_plain(was)} -> {_plain(now)}", (*new.path, key), key in DEFINITION_KEYS
        )
    before, after = _limits(old), _limits(new)
    for what, limit in before.items():
        name = f"{old.name}: {' '.join(what)}"
        kept = after.get(what)
        if kept is None or kept.operator is not limit.operator:
            yield Notice(f"{name} {limit.bound.text} removed", new.path, True)
        elif kept.bound != limit.bound:
            looser = kept.operator.is_looser(limit.bound, kept.bound)
            yield Notice(f"{name}: limit changed {limit.bound.text} -> {kept.bound.text}", kept.path, looser)
    for what, limit in after.items():
        if what not in before:
            yield Notice(f"{old.name}: {' '.join(what)} {limit.bound.text} is new", limit.path)


def _definitions(old: Entry, new: Entry) -> Iterator[tuple[str, object, object]]:
    """The keys of a definition whose values differ, each with both."""
    keys = ("left", "right") if old.is_claim else ("spec",)
    for key, was, now in zip(keys, old.sides, new.sides, strict=False):
        if was.text != now.text:
            yield key, was.text, now.text
    before, after = old.sides[0], new.sides[0]
    for key, was_, now_ in (
        ("input", before.inputs, after.inputs),
        ("norm", before.norm, after.norm),
        ("bias", before.bias, after.bias),
    ):
        if was_ != now_:
            yield key, was_, now_


def _limits(entry: Entry) -> dict[tuple[str, str], Limit]:
    return {(limit.metric, limit.operator.key): limit for limit in entry.limits}


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "its default"
    return repr(value) if isinstance(value, str) else str(value).lower()


def _git(root: Path, *arguments: str) -> bytes:
    """What git prints. Raises UsageError with git's own words."""
    try:
        done = subprocess.run(
            ("git", "-C", str(root), *arguments),
            capture_output=True,
            timeout=_TIMEOUT,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise UsageError("git is not installed", hint="--against needs it") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git took longer than {_TIMEOUT} s") from None
    except (subprocess.CalledProcessError, ValueError) as error:
        said = error.stderr.decode(errors="replace").strip() if isinstance(error, subprocess.CalledProcessError) else ""
        raise UsageError(said) from None
    return done.stdout
