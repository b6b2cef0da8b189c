"""A run's folder taken into use: checked, locked, its record begun, and marked however the work ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from partdisc.errors import ConfigError
from partdisc.processes import Processes
from partdisc.runs.settings import DiscoverSettings, Runtime
from partdisc.store.run import RunWriter, clear_run, locked, prepare_folder

Writer = TypeVar("Writer", bound=RunWriter)


def check_place(images: Any, out: str | os.PathLike[str]) -> None:
    """Raise a ConfigError if the run would lie among its images."""
    if isinstance(images, (str, os.PathLike)) and Path(out).resolve().is_relative_to(Path(images).resolve()):
        raise ConfigError(f"Expected --out outside of the images' folder {images}, but got {out}.")


@contextlib.contextmanager
def opened(
    kind: type[Writer],
    out: str | os.PathLike[str],
    settings: DiscoverSettings,
    runtime: Runtime,
    processes: Processes,
    *,
    command: list[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Iterator[Writer]:
    """Hold the folder `out` while its record, written by a `kind` of writer, goes on.

    The first process holds the lock, and writes the record, for all.

    Raises:
        ConfigError: if the folder cannot be used, or holds a run of other settings.
    """
    root = processes.from_first(
        lambda: prepare_folder(out, resume=resume, overwrite=overwrite, record=kind.record)
    )
    with contextlib.ExitStack() as stack:
        processes.from_first(lambda: stack.enter_context(locked(root)))
        if overwrite:
            processes.from_first(lambda: clear_run(root))
        begun = {"settings": asdict(settings), "runtime": asdict(runtime)}
        writer = processes.from_first(lambda: kind(root, command=command or ["partdisc.discover"], **begun))
        with _marked(writer) if processes.first else contextlib.nullcontext():
            yield writer


@contextlib.contextmanager
def _marked(writer: RunWriter) -> Iterator[None]:
    """A run that ends before its end is marked as failed or interrupted, with the reason."""
    try:
        yield
    except BaseException as error:
        if writer.path.exists():
            status = "failed" if isinstance(error, Exception) else "interrupted"
            writer.update(status, error=str(error) or type(error).__name__)
        raise
