"""The first stage of a run: the features of its images, in memory or on disk."""

from __future__ import annotations

import math

from partdisc.data import ImageList
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.choosing import parse_num_parts
from partdisc.features.extraction import run_extraction
from partdisc.features.planning import ExtractionPlan, features_key, fits_in_memory, plan_extraction
from partdisc.runs.job import Job
from partdisc.store import files
from partdisc.store.features import FeatureSet, FeatureStore, check_dtype

OVERLAY_BYTES = 300_000  # of one overlay, from above


def extract_stage(job: Job, discoverer: PartDiscoverer, images: ImageList) -> FeatureSet:
    """The features of a run's images; where there are any in its folder, the rest alone is computed.

    Raises:
        ConfigError: if the disk is too small for the run.
    """
    settings, backbone = job.settings, discoverer.get_backbone()
    dtype = check_dtype(settings.feature_dtype)
    plan = plan_extraction(
        images, backbone, image_size=discoverer.image_size, batch_size=settings.batch_size, dtype=dtype
    )
    key = features_key(images, backbone, plan, image_size=discoverer.image_size, dtype=settings.feature_dtype)
    on_disk = _are_on_disk(job, plan.num_bytes)
    needed = _bytes_of_results(job, discoverer, plan) + (plan.num_bytes if on_disk else 0)
    files.check_free_space(job.root, needed, what="The run")
    store = job.processes.from_first(lambda: FeatureStore(job.root / "features", key)) if on_disk else None
    where = f"on disk in {job.root / 'features'}" if on_disk else "in memory"
    job.say(f"{len(images)} images; features of {plan.num_bytes / 2**20:.0f} MiB are kept {where}")
    with job.progress("features", len(images)) as progress:
        return run_extraction(
            backbone,
            plan,
            store,
            dtype=dtype,
            workers=job.runtime.num_workers,
            device=discoverer.device,
            progress=progress,
            key=key,
            processes=job.processes,
        )


def _are_on_disk(job: Job, num_bytes: int) -> bool:
    if job.processes.world > 1:  # through which they share the rows
        return True
    if job.settings.keep_features or (job.root / "features").exists():
        return True
    if job.runtime.storage == "auto":
        return not fits_in_memory(num_bytes, job.runtime.budget)
    return job.runtime.storage == "disk"


def _bytes_of_results(job: Job, discoverer: PartDiscoverer, plan: ExtractionPlan) -> int:
    """An estimate from above: masks at 1 bit a pixel, soft maps in float16, some overlays."""
    settings, backbone = job.settings, discoverer.get_backbone()
    records = [record for shard in plan.shards for batch in shard for record in batch]
    pixels = sum(record.width * record.height for record in records)
    cells = sum(math.prod(backbone.grid(*plan.sizes[record.id])) for record in records)
    overlays = len(records) if settings.overlays is None else min(settings.overlays, len(records))
    maps = 2 * (parse_num_parts(discoverer.num_parts)[1] + 1) * cells if settings.maps else 0
    levels = len(settings.levels or (discoverer.tree_.levels if discoverer.tree_ else ()))
    return (1 + levels) * (pixels // 8 + maps) + overlays * OVERLAY_BYTES
