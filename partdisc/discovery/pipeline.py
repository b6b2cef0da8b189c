"""The main job: images -> features -> parts -> masks, maps, figures, in one run directory.

Every stage leaves whole files and is skipped when they are there, so a run goes on where it was stopped.
"""

from __future__ import annotations

import math
import shutil
import sys
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

from partdisc.data import ImageList, list_images
from partdisc.data.remote import to_text
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.choosing import parse_num_parts
from partdisc.discovery.devices import resolve_device
from partdisc.discovery.figures import write_choice, write_figures
from partdisc.discovery.inside import Pictures, names_masks, small_images
from partdisc.discovery.labelling import write_parts
from partdisc.discovery.level_files import write_levels
from partdisc.discovery.levels import fit_tree
from partdisc.discovery.models import create_discoverer, load_discoverer
from partdisc.discovery.numbering import number_like
from partdisc.discovery.object import ObjectForeground
from partdisc.discovery.opening import check_place, opened
from partdisc.discovery.saving import save_and_reload
from partdisc.discovery.settings import DiscoverSettings, Runtime, resolve_settings
from partdisc.errors import DataError, PartSupportWarning
from partdisc.features import Backbone
from partdisc.features.extraction import (
    ExtractionPlan,
    features_key,
    fits_in_memory,
    plan_extraction,
    run_extraction,
)
from partdisc.foreground import GivenMasks, open_masks
from partdisc.processes import Processes
from partdisc.progress import Progress, StepLog
from partdisc.store import files
from partdisc.store.features import FeatureSet, FeatureStore, check_dtype
from partdisc.store.run import Run, RunWriter, load_run

KEPT_PICTURES = 256  # small ones, for the stage after the foreground: all of a small set


def discover(
    images: Any,
    out: str | Path,
    num_parts: int | str | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    workers: int | None = None,
    storage: str = "auto",
    verbosity: int = 0,
    max_memory: float | None = None,
    command: list[str] | None = None,
    **settings: Any,
) -> Run:
    """Discover the parts in a folder of images; the command line as a function.

    Processes that torchrun started share the work; each makes this same call, and all see the folders.

    Args:
        images: a folder, a glob, a text list, one file, or a sequence of paths.
        out: the run directory.
        num_parts: K, or "auto" (see `PartDiscoverer`).
        resume: go on with an interrupted run of the same settings.
        overwrite: remove the run that is there.
        device: see `Runtime`.
        workers: see `Runtime`.
        storage: see `Runtime`.
        verbosity: see `Runtime`.
        max_memory: see `Runtime`.
        command: what is recorded as the command.
        **settings: see `DiscoverSettings`; the method's own options go into `options`.

    Returns:
        The run, opened.

    Raises:
        PartdiscError: for everything the caller can mend; the message says how.
    """
    runtime = Runtime(device, workers, storage, verbosity, max_memory)
    chosen = resolve_settings(num_parts, settings, runtime)
    check_place(images, out)
    processes = Processes.join(resolve_device(device))
    how: dict[str, Any] = {"command": command, "resume": resume, "overwrite": overwrite}
    with opened(RunWriter, out, chosen, runtime, processes, **how) as writer:
        Pipeline(chosen, runtime, writer, processes).run(images)
    return load_run(out)


def _start(
    root: Path, settings: DiscoverSettings, runtime: Runtime, learnt: bool, backbone: Backbone | None
) -> PartDiscoverer:
    device = resolve_device(runtime.device)
    if learnt:  # a run that goes on
        discoverer = load_discoverer(root / "model")
    elif settings.apply is not None:
        discoverer = load_discoverer(settings.apply)
    else:
        assert settings.num_parts is not None  # checked
        discoverer = create_discoverer(
            settings.method,
            settings.num_parts,
            foreground=settings.foreground,
            backbone=backbone or settings.backbone,
            layers=settings.layers,
            weights=settings.weights,
            seed=settings.seed,
            **settings.options,
        )
    discoverer.device = device
    discoverer.workers = runtime.num_workers
    if settings.image_size is not None:
        discoverer.image_size = settings.image_size
    discoverer.get_backbone()
    return discoverer


class Pipeline:
    """One run, stage by stage.

    Args:
        settings: decide the result.
        runtime: do not.
        writer: of the run.
        processes: that make it.
        backbone: of these settings, where it is loaded already.
        masks: those the user gave for these and other images, where they are found already.
    """

    def __init__(
        self,
        settings: DiscoverSettings,
        runtime: Runtime,
        writer: RunWriter,
        processes: Processes,
        *,
        backbone: Backbone | None = None,
        masks: GivenMasks | None = None,
    ) -> None:
        self.root, self.settings, self.runtime, self.writer = writer.root, settings, runtime, writer
        self.processes, self.backbone, self.masks = processes, backbone, masks
        self.log = StepLog(self.root / "log.jsonl" if processes.first else None)

    def run(self, source: Any) -> None:
        """Go through the stages; `source` is anything that `list_images` takes."""
        settings, processes = self.settings, self.processes
        # asked by the first alone: over a network, a file that is found missing may seem so for a while
        learnt = processes.from_first(lambda: (self.root / "model" / "config.json").exists())
        # checks method, model, backbone and device before images are looked at
        discoverer = _start(self.root, settings, self.runtime, learnt, self.backbone)
        images = processes.from_first(
            lambda: list_images(source, limit=settings.limit, workers=self.runtime.num_workers)
        )
        self._check_images(images)
        if self.writer.was_done:
            self._say(f"{self.root} is finished; nothing is left to do.")
            return
        skipped = [{"id": s.id, "reason": s.reason} for s in images.skipped]
        self._record(
            images_root=to_text(images.root),
            images_digest=images.digest,
            backbone=discoverer.get_backbone().describe(),
            skipped=skipped,
        )
        masks = self._given_masks(images)
        features = self._extract(discoverer, images)
        skipped += features.skipped
        if settings.strict and features.skipped:
            raise DataError(_first_skipped(features.skipped))
        if not len(features):
            raise DataError(f"No image could be decoded. {_first_skipped(skipped)}")
        pictures: Pictures = lru_cache(KEPT_PICTURES)(small_images(features, images))
        if not learnt:
            given = features
            features = self._learn(discoverer, images, features, masks, pictures)
            if features is not given:
                pictures = small_images(features, images)
            save_and_reload(discoverer, self.root / "model", processes)
        labelled = write_parts(
            self.root,
            discoverer,
            features,
            images,
            maps=settings.maps,
            refinement=settings.refine,
            progress=self._progress,
            processes=processes,
            foreground=masks,
            soft_foreground=isinstance(discoverer, ObjectForeground),
            pictures=pictures,
        )
        if discoverer.tree_ is not None:
            write_levels(self.root, labelled, discoverer.tree_, progress=self._progress, processes=processes)
        if processes.first:
            write_figures(self.root, labelled, overlays=settings.overlays, progress=self._progress)
            if not settings.keep_features:
                shutil.rmtree(self.root / "features", ignore_errors=True)
        counts = {"images": len(labelled), "skipped": len(skipped), "other_files": images.ignored}
        self._record(
            "done",
            num_parts=labelled.num_parts,
            part_areas=discoverer.areas_.tolist(),
            counts=counts,
            skipped=skipped,
        )
        processes.wait()  # until the run is done
        if skipped:
            self._say(
                f"{len(skipped)} images were skipped: {_first_skipped(skipped)} All are listed in run.json."
            )

    def _check_images(self, images: ImageList) -> None:
        known = self.writer.info.get("images_digest")
        if known not in (None, images.digest):
            raise DataError(
                "Cannot resume: the images have changed since the run began (names or sizes differ). Use --overwrite."
            )
        if self.settings.strict and images.skipped:
            raise DataError(_first_skipped([{"id": s.id, "reason": s.reason} for s in images.skipped]))

    def _extract(self, discoverer: PartDiscoverer, images: ImageList) -> FeatureSet:
        settings, backbone = self.settings, discoverer.get_backbone()
        dtype = check_dtype(settings.feature_dtype)
        plan = plan_extraction(
            images, backbone, image_size=discoverer.image_size, batch_size=settings.batch_size, dtype=dtype
        )
        key = features_key(
            images, backbone, plan, image_size=discoverer.image_size, dtype=settings.feature_dtype
        )
        store = None
        on_disk = self._features_on_disk(plan.num_bytes)
        needed = self._bytes_of_results(discoverer, plan) + (plan.num_bytes if on_disk else 0)
        files.check_free_space(self.root, needed, what="The run")
        if on_disk:
            store = self.processes.from_first(lambda: FeatureStore(self.root / "features", key))
        where = f"on disk in {self.root / 'features'}" if store else "in memory"
        self._say(f"{len(images)} images; features of {plan.num_bytes / 2**20:.0f} MiB are kept {where}")
        with self._progress("features", len(images)) as progress:
            return run_extraction(
                backbone,
                plan,
                store,
                dtype=dtype,
                workers=self.runtime.num_workers,
                device=discoverer.device,
                progress=progress,
                key=key,
                processes=self.processes,
            )

    def _bytes_of_results(self, discoverer: PartDiscoverer, plan: ExtractionPlan) -> int:
        """An estimate from above: masks at 1 bit a pixel, soft maps in float16, some overlays."""
        records = [record for shard in plan.shards for batch in shard for record in batch]
        pixels = sum(record.width * record.height for record in records)
        backbone = discoverer.get_backbone()
        cells = sum(math.prod(backbone.grid(*plan.sizes[record.id])) for record in records)
        overlays = (
            len(records) if self.settings.overlays is None else min(self.settings.overlays, len(records))
        )
        maps = 2 * (parse_num_parts(discoverer.num_parts)[1] + 1) * cells if self.settings.maps else 0
        levels = len(self.settings.levels or (discoverer.tree_.levels if discoverer.tree_ else ()))
        return (1 + levels) * (pixels // 8 + maps) + overlays * 300_000

    def _features_on_disk(self, num_bytes: int) -> bool:
        if self.processes.world > 1:  # through which they share the rows
            return True
        if self.settings.keep_features or (self.root / "features").exists():
            return True
        if self.runtime.storage == "auto":
            return not fits_in_memory(num_bytes, self.runtime.budget)
        return self.runtime.storage == "disk"

    def _given_masks(self, images: ImageList) -> GivenMasks | None:
        """The masks the user gave, found before anything long begins."""
        if not names_masks(self.settings.foreground):
            return None
        known = self.masks
        masks = open_masks(self.settings.foreground, images) if known is None else known.of(images)
        self._record(masks=masks.facts())
        for line in masks.lines():
            self._say(line)
        if masks.missing and self.settings.strict:
            raise DataError(f"Expected a foreground mask for every image (--strict). {masks.lines()[-1]}")
        return masks

    def _learn(
        self,
        discoverer: PartDiscoverer,
        images: ImageList,
        features: FeatureSet,
        masks: GivenMasks | None,
        pictures: Pictures,
    ) -> FeatureSet:
        """Learn; returns the features that the parts are read off."""
        if self.settings.apply is None:
            self._say(
                f"learning {discoverer.num_parts} parts from {features.shape[0]} x {features.shape[1]} features"
            )
            given = features
            discoverer.processes, discoverer.budget = self.processes, self.runtime.budget
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PartSupportWarning)  # said below
                features = discoverer.learn(
                    images,
                    features,
                    folder=self.root / "checkpoints",
                    progress=self._progress,
                    foreground=masks,
                    pictures=pictures,
                )
            if features is not given and self.processes.first:  # those on disk are of no use any more
                shutil.rmtree(self.root / "features", ignore_errors=True)
            if hasattr(discoverer, "loss_history_"):
                self.log.drop_after(discoverer.method, -1)
                for step, loss in enumerate(discoverer.loss_history_):
                    self.log.write(discoverer.method, step, loss=loss)
        if self.settings.like is not None:
            other = load_run(self.settings.like).masks
            self.processes.from_first(lambda: number_like(discoverer, features, other))
        if self.settings.levels is not None:
            levels = self.settings.levels
            discoverer.tree_ = self.processes.from_first(
                lambda: fit_tree(discoverer, features, images, levels, masks)
            )
        self._report_parts(discoverer)
        return features

    def _record(self, status: str = "running", **values: Any) -> None:
        if self.processes.first:
            self.writer.update(status, **values)

    def _report_parts(self, discoverer: PartDiscoverer) -> None:
        """Say and keep how K was chosen, and what the images do not support."""
        if discoverer.choice_ is not None:
            if self.processes.first:
                write_choice(self.root, discoverer.choice_)
            self._say(discoverer.choice_.sentence())
        support = discoverer.support_
        complaints = [] if support is None else support.complaints(discoverer.areas_)
        self._record(complaints=complaints)
        for complaint in complaints:
            self._say(f"warning: {complaint}")

    def _progress(self, stage: str, total: int) -> Progress:
        verbosity = self.runtime.verbosity if self.processes.first else 0
        return Progress(stage, total, log=self.log, verbosity=verbosity)

    def _say(self, text: str) -> None:
        if self.runtime.verbosity and self.processes.first:
            print(text, file=sys.stderr, flush=True)


def _first_skipped(skipped: list[dict[str, str]]) -> str:
    first = skipped[0]
    return f"{first['id']}: {first['reason']}" + (
        f" (and {len(skipped) - 1} more)." if len(skipped) > 1 else ""
    )
