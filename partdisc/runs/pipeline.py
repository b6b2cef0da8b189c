"""The main job: images -> features -> parts -> masks, maps, figures, in one run directory.

Every stage leaves whole files and is skipped when they are there, so a run goes on where it was stopped.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from partdisc.data import ImageList, list_images
from partdisc.data.remote import to_text
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.devices import resolve_device
from partdisc.discovery.inside import Pictures, names_masks, small_images
from partdisc.discovery.labelling import write_parts
from partdisc.discovery.object import ObjectForeground
from partdisc.discovery.saving import save_and_reload
from partdisc.errors import DataError
from partdisc.features import Backbone
from partdisc.foreground import GivenMasks, open_masks
from partdisc.processes import Processes
from partdisc.runs.extracting import extract_stage
from partdisc.runs.figures import write_figures
from partdisc.runs.job import Job
from partdisc.runs.level_files import write_levels
from partdisc.runs.opening import check_place, opened
from partdisc.runs.settings import Runtime, resolve_settings
from partdisc.runs.teaching import learn_stage, start_method
from partdisc.store.features import FeatureSet
from partdisc.store.masks import MaskSet, read_masks
from partdisc.store.run import Run, RunWriter, load_run


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
        num_parts: K, or "auto", or "auto:2-16" for a range.
        resume: go on with an interrupted run of the same settings.
        overwrite: remove the run that is there.
        device: "auto", "cpu", "cuda", "mps".
        workers: processes that decode images ahead; None chooses.
        storage: of the features: "auto", "memory" or "disk".
        verbosity: 0 says nothing, 1 shows progress on stderr.
        max_memory: GiB of features kept in memory with "auto"; None takes a quarter of what is free.
        command: what is recorded as the command.
        **settings: the command's other options: method, foreground, refine, backbone, layers, weights, image_size,
            seed, limit, levels, apply, like, maps, overlays, keep_features, feature_dtype, batch_size, strict, and
            options, a dictionary of the method's own, such as `options={"restarts": 4}`; what each means is told in
            `partdisc.runs.settings.DiscoverSettings`.

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
        make_run(Job(chosen, runtime, writer, processes), images)
    return load_run(out)


def make_run(
    job: Job, source: Any, *, backbone: Backbone | None = None, masks: GivenMasks | None = None
) -> None:
    """Go through the stages of a run.

    Args:
        job: the run.
        source: anything that `list_images` takes.
        backbone: of these settings, where it is loaded already.
        masks: those the user gave for these and other images, where they are found already.
    """
    processes = job.processes
    # asked by the first alone: over a network, a file that is found missing may seem so for a while
    learnt = processes.from_first(lambda: (job.root / "model" / "config.json").exists())
    # method, model, backbone, device, and the run to be like are checked before images are looked at
    discoverer = start_method(job, learnt, backbone)
    like = None if learnt or job.settings.like is None else read_masks(job.settings.like)
    images = processes.from_first(
        lambda: list_images(source, limit=job.settings.limit, workers=job.runtime.num_workers)
    )
    _check_images(job, images)
    if job.writer.was_done:
        job.say(f"{job.root} is finished; nothing is left to do.")
        return
    skipped = [{"id": s.id, "reason": s.reason} for s in images.skipped]
    job.record(
        images_root=to_text(images.root),
        images_digest=images.digest,
        backbone=discoverer.get_backbone().describe(),
        skipped=skipped,
    )
    given = _given_masks(job, images, masks)
    features = extract_stage(job, discoverer, images)
    skipped += features.skipped
    _check_features(job, features, skipped)
    pictures = small_images(features, images)
    if not learnt:
        extracted = features
        features = learn_stage(job, discoverer, images, features, given, pictures, like)
        if features is not extracted:
            pictures = small_images(features, images)
        save_and_reload(discoverer, job.root / "model", processes)
    labelled = _write_results(job, discoverer, features, images, given, pictures)
    counts = {"images": len(labelled), "skipped": len(skipped), "other_files": images.ignored}
    areas = discoverer.areas_.tolist()
    job.record("done", num_parts=labelled.num_parts, part_areas=areas, counts=counts, skipped=skipped)
    processes.wait()  # until the run is done
    if skipped:
        job.say(f"{len(skipped)} images were skipped: {_first_skipped(skipped)} All are listed in run.json.")


def _check_images(job: Job, images: ImageList) -> None:
    known = job.writer.info.get("images_digest")
    if known not in (None, images.digest):
        raise DataError(
            "Cannot resume: the images have changed since the run began (names or sizes differ). Use --overwrite."
        )
    if job.settings.strict and images.skipped:
        raise DataError(_first_skipped([{"id": s.id, "reason": s.reason} for s in images.skipped]))


def _check_features(job: Job, features: FeatureSet, skipped: list[dict[str, str]]) -> None:
    if job.settings.strict and features.skipped:
        raise DataError(_first_skipped(features.skipped))
    if not len(features):
        raise DataError(f"No image could be decoded. {_first_skipped(skipped)}")


def _given_masks(job: Job, images: ImageList, known: GivenMasks | None) -> GivenMasks | None:
    """The masks the user gave, found before anything long begins."""
    if not names_masks(job.settings.foreground):
        return None
    masks = open_masks(job.settings.foreground, images) if known is None else known.of(images)
    job.record(masks=masks.facts())
    for line in masks.lines():
        job.say(line)
    if masks.missing and job.settings.strict:
        raise DataError(f"Expected a foreground mask for every image (--strict). {masks.lines()[-1]}")
    return masks


def _write_results(
    job: Job,
    discoverer: PartDiscoverer,
    features: FeatureSet,
    images: ImageList,
    masks: GivenMasks | None,
    pictures: Pictures,
) -> MaskSet:
    """Masks, maps, levels and figures; features go, unless they are to be kept."""
    settings, processes = job.settings, job.processes
    labelled = write_parts(
        job.root,
        discoverer,
        features,
        images,
        maps=settings.maps,
        refinement=settings.refine,
        progress=job.progress,
        processes=processes,
        foreground=masks,
        soft_foreground=isinstance(discoverer, ObjectForeground),
        pictures=pictures,
    )
    if discoverer.tree_ is not None:
        write_levels(job.root, labelled, discoverer.tree_, progress=job.progress, processes=processes)
    if processes.first:
        write_figures(job.root, labelled, overlays=settings.overlays, progress=job.progress)
        if not settings.keep_features:
            shutil.rmtree(job.root / "features", ignore_errors=True)
    return labelled


def _first_skipped(skipped: list[dict[str, str]]) -> str:
    first = skipped[0]
    return f"{first['id']}: {first['reason']}" + (
        f" (and {len(skipped) - 1} more)." if len(skipped) > 1 else ""
    )
