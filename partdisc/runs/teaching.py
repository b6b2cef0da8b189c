"""The stage of a run that learns: its method made, taught, numbered and told about."""

from __future__ import annotations

import shutil
import warnings

from partdisc.data import ImageList
from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.devices import resolve_device
from partdisc.discovery.inside import Masks, Pictures
from partdisc.discovery.levels import fit_tree
from partdisc.discovery.models import create_discoverer, load_discoverer
from partdisc.discovery.nesting import learn_levels
from partdisc.discovery.numbering import number_like
from partdisc.errors import PartSupportWarning
from partdisc.features import Backbone
from partdisc.runs.figures import write_choice
from partdisc.runs.job import Job
from partdisc.store.features import FeatureSet
from partdisc.store.masks import MaskSet


def start_method(job: Job, learnt: bool, backbone: Backbone | None = None) -> PartDiscoverer:
    """The method of a run.

    Args:
        job: the run.
        learnt: whether the run has its model already.
        backbone: of these settings, where it is loaded already.

    Raises:
        PartdiscError: if the method, a model, the backbone or the device cannot be had.
    """
    settings = job.settings
    device = resolve_device(job.runtime.device)
    if learnt:
        discoverer = load_discoverer(job.root / "model")
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
    discoverer.workers = job.runtime.num_workers
    if settings.image_size is not None:
        discoverer.image_size = settings.image_size
    discoverer.get_backbone()
    return discoverer


def learn_stage(
    job: Job,
    discoverer: PartDiscoverer,
    images: ImageList,
    features: FeatureSet,
    masks: Masks | None,
    pictures: Pictures,
    like: MaskSet | None,
) -> FeatureSet:
    """Learn the parts of a run, unless a model is applied, and give them their numbers and levels.

    Args:
        job: the run.
        discoverer: its method.
        images: what it learns from.
        features: of the images.
        masks: of the foreground, where the user gave some.
        pictures: the `small_images` of these.
        like: masks whose numbers are taken over.

    Returns:
        The features that the parts are read off; others than given where learning changed the backbone.
    """
    settings, processes = job.settings, job.processes
    if settings.apply is None:
        features = _learn(job, discoverer, images, features, masks, pictures)
    levels = settings.levels
    if levels is not None and discoverer.chooses:
        learn_levels(discoverer, features, levels, masks, pictures)
    if like is not None:
        processes.from_first(lambda: number_like(discoverer, features, like))
    if levels is not None and not discoverer.chooses:
        discoverer.tree_ = processes.from_first(lambda: fit_tree(discoverer, features, images, levels, masks))
    _report_parts(job, discoverer)
    return features


def _learn(
    job: Job,
    discoverer: PartDiscoverer,
    images: ImageList,
    features: FeatureSet,
    masks: Masks | None,
    pictures: Pictures,
) -> FeatureSet:
    rows, channels = features.shape
    number = discoverer.num_parts
    what = (
        f"{number} part{'s' * (number != 1)}" if isinstance(number, int) else "parts, and how many they are,"
    )
    job.say(f"learning {what} from {rows} x {channels} features")
    discoverer.processes, discoverer.budget = job.processes, job.runtime.budget
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PartSupportWarning)  # said by `_report_parts`
        found = discoverer.learn(
            images,
            features,
            folder=job.root / "checkpoints",
            progress=job.progress,
            foreground=masks,
            pictures=pictures,
        )
    if found is not features and job.processes.first:  # those on disk are of no use any more
        shutil.rmtree(job.root / "features", ignore_errors=True)
    if hasattr(discoverer, "loss_history_"):
        job.log.drop_after(discoverer.method, -1)
        for step, loss in enumerate(discoverer.loss_history_):
            job.log.write(discoverer.method, step, loss=loss)
    return found


def _report_parts(job: Job, discoverer: PartDiscoverer) -> None:
    """Say and keep how K was chosen, and what the images do not support."""
    if discoverer.choice_ is not None:
        if job.processes.first:
            write_choice(job.root, discoverer.choice_)
        job.say(discoverer.choice_.sentence())
    support = discoverer.support_
    complaints = [] if support is None else support.complaints(discoverer.areas_)
    job.record(complaints=complaints)
    for complaint in complaints:
        job.say(f"warning: {complaint}")
