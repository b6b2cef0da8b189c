"""One model for each folder of images: a run for each direct sub-folder, part identity shared within it only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from partdisc.data import ImageList, list_images
from partdisc.data.folders import Folders, by_folder
from partdisc.data.remote import to_text
from partdisc.discovery.devices import resolve_device
from partdisc.discovery.inside import names_masks
from partdisc.errors import ConfigError, DataError, PartdiscError
from partdisc.features import Backbone, create_backbone
from partdisc.foreground import GivenMasks, open_masks
from partdisc.processes import Processes
from partdisc.runs.job import Job
from partdisc.runs.opening import check_place, opened
from partdisc.runs.pipeline import make_run
from partdisc.runs.settings import DiscoverSettings, Runtime, resolve_settings
from partdisc.store.collection import (
    DONE,
    RESERVED,
    SKIPPED,
    WAITING,
    Collection,
    CollectionWriter,
    Member,
    counterpart,
    load_collection,
)
from partdisc.store.run import RunWriter

OF_THE_RUNTIME = tuple(f.name for f in fields(Runtime))


def discover_by_folder(
    images: Any,
    out: str | os.PathLike[str],
    num_parts: int | str | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    command: list[str] | None = None,
    **options: Any,
) -> Collection:
    """Discover the parts of each direct sub-folder of `images` by itself: `discover` once for each.

    A folder whose images cannot be learnt from is skipped with the reason, and the others go on; `strict` makes that
    an error. Images that lie beside the folders are left out and counted, or with `strict` refused.

    Args:
        images: a folder that holds folders of images, or whatever else `discover` takes whose ids have folders.
        out: the collection; the run of the folder `x` is `out/x`.
        num_parts: K of each folder, or "auto".
        resume: go on with an interrupted collection of the same settings; what is finished stays.
        overwrite: remove the collection that is there.
        command: what is recorded as the command.
        **options: the other options of `discover`. `apply` and `like` name a run, or a collection, whose runs of the
            same folders are taken; `limit` holds for each folder.

    Returns:
        The collection, opened.

    Raises:
        PartdiscError: for everything the caller can mend; the message says how.
    """
    runtime = Runtime(**{"verbosity": 0, **{k: options.pop(k) for k in OF_THE_RUNTIME if k in options}})
    settings = resolve_settings(num_parts, options, runtime)
    check_place(images, out)
    processes = Processes.join(resolve_device(runtime.device))
    folders = processes.from_first(lambda: _find_folders(images, settings, runtime))
    how: dict[str, Any] = {"command": command, "resume": resume, "overwrite": overwrite}
    with opened(CollectionWriter, out, settings, runtime, processes, **how) as writer:
        _Members(Job(settings, runtime, writer, processes)).run(folders)
    return load_collection(out)


def _find_folders(images: Any, settings: DiscoverSettings, runtime: Runtime) -> Folders:
    """The folders of images, once it is sure that nothing stands against working on them."""
    listed = list_images(images, workers=runtime.num_workers)
    found = by_folder(listed)
    if not found.lists:
        raise ConfigError(
            f"Expected folders of images in {to_text(listed.root)} (--by-folder), but all {found.outside} images lie "
            "in none. Leave --by-folder out, or name the folder above."
        )
    if isinstance(images, (str, os.PathLike)) and Path(images).is_dir():
        found = replace(found, lists=_with_empty(found.lists, Path(images)))
    if settings.strict and found.outside:
        raise DataError(
            f"Expected all images in sub-folders (--strict), but {found.outside} lie in {listed.root} itself."
        )
    for name, own in found.lists.items():
        if name in RESERVED:
            raise ConfigError(f"The folder {name!r} has a name that the results need. Rename it.")
        for other in filter(None, (settings.apply, settings.like)) if own.records else ():
            counterpart(other, name)
    return found


def _with_empty(lists: Mapping[str, ImageList], root: Path) -> dict[str, ImageList]:
    """The lists of all folders, those without images too."""
    names = [p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")]
    return {name: lists.get(name, ImageList(root, ())) for name in sorted({*names, *lists})}


class _Members:
    """The runs of a collection, one after the other."""

    def __init__(self, job: Job) -> None:
        self.job, self.settings = job, job.settings
        self.members: dict[str, Member] = {}

    def run(self, folders: Folders) -> None:
        """Make every run that is not finished."""
        self.members = {
            name: Member(name, len(images), images.digest) for name, images in folders.lists.items()
        }
        self._take_up()
        if folders.outside:
            self.job.say(f"warning: {folders.outside} images lie beside the folders and are left out")
        if self.job.writer.was_done and all(member.status == DONE for member in self.members.values()):
            self.job.say(f"{self.job.root} is finished; nothing is left to do.")
            return
        self._record(images_outside=folders.outside)
        backbone, masks = self._backbone(), self._masks(folders)
        for number, (name, images) in enumerate(folders.lists.items(), start=1):
            if self.members[name].status == WAITING:
                self.job.say(f"folder {number} of {len(self.members)}: {name}, {len(images)} images")
                self._make(name, images, backbone, masks)
        self._finish()

    def _take_up(self) -> None:
        """Go on where an earlier attempt was left, which must have seen the same images.

        A folder that was skipped has another chance: what stood in its way may be mended.
        """
        known = {member["name"]: Member(**member) for member in self.job.writer.info.get("members", [])}
        if not known:
            return
        changed = [
            name
            for name in sorted(known.keys() | self.members.keys())
            if name not in known
            or name not in self.members
            or known[name].digest != self.members[name].digest
        ]
        if changed:
            raise DataError(
                f"Cannot resume: the images have changed since the collection began, in {', '.join(changed)}. "
                "Use --overwrite."
            )
        self.members = {
            name: replace(member, status=WAITING, reason="") if member.status == SKIPPED else member
            for name, member in known.items()
        }

    def _backbone(self) -> Backbone | None:
        """One for all; an applied model brings its own."""
        settings = self.settings
        if settings.apply is not None:
            return None
        return create_backbone(
            settings.backbone, layers=settings.layers, weights=settings.weights, seed=settings.seed
        )

    def _masks(self, folders: Folders) -> GivenMasks | None:
        """The masks the user gave, sought for all images at once: an equal name in another folder is no match."""
        if not names_masks(self.settings.foreground):
            return None
        lists = list(folders.lists.values())
        records = tuple(record for images in lists for record in images.records)
        return open_masks(self.settings.foreground, ImageList(lists[0].root, records))

    def _make(
        self, name: str, images: ImageList, backbone: Backbone | None, masks: GivenMasks | None
    ) -> None:
        try:
            if not images.records:
                reasons = [skipped.reason for skipped in images.skipped]
                raise DataError(f"It holds no usable image. {reasons[0] if reasons else ''}".strip())
            self._make_run(name, images, backbone, masks)
        except DataError as error:
            # one process may be alone in meeting it: the others would wait for it in this folder for ever
            if self.settings.strict or (images.records and self.job.processes.world > 1):
                raise DataError(f"{name}: {error}") from error
            self._settle(name, SKIPPED, str(error))
            self.job.say(f"warning: the folder {name} is skipped. {error}")
        except PartdiscError as error:
            raise type(error)(f"{name}: {error}") from error
        else:
            self._settle(name, DONE)

    def _make_run(
        self, name: str, images: ImageList, backbone: Backbone | None, masks: GivenMasks | None
    ) -> None:
        apply, like = (
            None if other is None else str(counterpart(other, name))
            for other in (self.settings.apply, self.settings.like)
        )
        settings = replace(self.settings, apply=apply, like=like)
        how: dict[str, Any] = {"command": self.job.writer.info["command"], "resume": True}
        shared = self.job.runtime, self.job.processes
        with opened(RunWriter, self.job.root / name, settings, *shared, **how) as writer:
            make_run(
                replace(self.job, settings=settings, writer=writer), images, backbone=backbone, masks=masks
            )

    def _settle(self, name: str, status: str, reason: str = "") -> None:
        self.members[name] = replace(self.members[name], status=status, reason=reason)
        self._record()

    def _finish(self) -> None:
        done = [member for member in self.members.values() if member.status == DONE]
        skipped = [member for member in self.members.values() if member.status == SKIPPED]
        if not done:
            raise DataError(f"None of the {len(skipped)} folders could be used. {_first(skipped)}")
        self._record("done")
        self.job.processes.wait()
        if skipped:
            count = "1 folder was" if len(skipped) == 1 else f"{len(skipped)} folders were"
            self.job.say(f"{count} skipped: {_first(skipped)} All are listed in collection.json.")

    def _record(self, status: str = "running", **values: Any) -> None:
        self.job.record(status, members=[asdict(member) for member in self.members.values()], **values)


def _first(skipped: list[Member]) -> str:
    more = f" (and {len(skipped) - 1} more)." if len(skipped) > 1 else ""
    return f"{skipped[0].name}: {skipped[0].reason}{more}"
