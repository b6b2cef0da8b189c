"""Two processes do the work of one: the same sums, the same runs; and one goes on where one of them was killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import partdisc
from partdisc.cli.main import main  # noqa: F401  of a script below
from partdisc.errors import ConfigError
from partdisc.factorization import NMF, ConvexNMF, KMeans, SemiNMF, TensorBlocks
from partdisc.processes import Processes
from partdisc.store.masks import read_mask
from partdisc.store.model import read_model
from tests.discovery.conftest import paint_images
from tests.discovery.contract import floor_masked
from tests.runs.test_pipeline import SETTINGS, contents

ROOT = Path(__file__).parents[1]
# a batch of one image: there are several shards, so that both have something to do
COMMON = {**SETTINGS, "workers": 0, "batch_size": 1}
RUNS: dict[str, dict[str, object]] = {
    "dff": {},
    "within": {"method": "kmeans", "foreground": "border", "num_parts": 2},
    "two-stage": {"method": "two-stage", "foreground": "border"},
    "given masks": {"foreground": "given", "num_parts": 2},
    "convex": {"method": "convex-nmf"},
}
START = """
import json, os, signal, sys
from pathlib import Path
from tests import test_processes as here
images, out = Path(sys.argv[1]), Path(sys.argv[2])
"""


def torchrun(code: str, images: Path, out: Path) -> subprocess.CompletedProcess:
    script = out / "script.py"
    script.write_text(START + code)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [*command, str(script), str(images), str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def masks_of(images: Path) -> Path:
    return images.with_name(f"{images.name} masks")


def discover(images: Path, out: Path, **settings: object) -> partdisc.Run:
    if settings.get("foreground") == "given":
        settings["foreground"] = masks_of(images)
    return partdisc.discover(images, out, **{"num_parts": 3, **COMMON, **settings})


def rows() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    mixed = torch.rand(900, 4, generator=generator) ** 3 @ torch.rand(4, 20, generator=generator)
    return (mixed + 0.05 * torch.rand(900, 20, generator=generator)).double()


def solvers() -> dict[str, object]:
    return {
        "nndsvda": NMF(4, init="nndsvda", max_iter=20),
        "compressed": NMF(4, init="compressed", max_iter=20),
        "random": NMF(4, init="random", solver="mu", max_iter=20),
        "semi": SemiNMF(4, max_iter=20),
        "semi, svd": SemiNMF(4, init="svd", max_iter=20),
        "semi, random": SemiNMF(4, init="random", max_iter=20),
        "convex": ConvexNMF(4, num_anchors=30, max_iter=20),
        "kmeans": KMeans(5, restarts=2),
        # two of these centres lose all their rows at once
        "empty": KMeans(4, init=rows()[:4] + torch.tensor([0.0, 0, 1e3, 2e3])[:, None], max_iter=3),
    }


def learnt(solver: NMF | SemiNMF | ConvexNMF | KMeans) -> torch.Tensor:
    return solver.cluster_centers_ if isinstance(solver, KMeans) else solver.components_


def own_rows(processes: Processes) -> TensorBlocks:
    """Unequal shares: 0.7 of all rows are the first process's."""
    first, rest = rows().split([630, 270])
    return TensorBlocks(first if processes.first else rest, processes)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    masks_of(folder).mkdir()
    for i, image in enumerate(paint_images(9)):
        Image.fromarray(image).save(folder / f"{i}.png")
        if i:  # the first image has what the others teach
            Image.fromarray((floor_masked(image) * 255).astype(np.uint8)).save(masks_of(folder) / f"{i}.png")
    (folder / "damaged.png").write_bytes((folder / "0.png").read_bytes()[:-500])
    return folder


TOGETHER = """
import torch
processes = here.Processes.join(torch.device("cpu"))
found = {name: here.learnt(s.fit(here.own_rows(processes))).tolist() for name, s in here.solvers().items()}
try:
    processes.from_first(here.refuse)
except here.ConfigError as error:
    refused = str(error)
empty = here.TensorBlocks(here.rows() if processes.first else here.rows()[:0], processes)
facts = {
    "refused": refused,
    "gathered": processes.gather(processes.rank),
    "shares": processes.gather([list(processes.share(n)) for n in range(4)]),
    "solved": found,
    "empty": here.learnt(here.KMeans(3).fit(empty)).tolist(),
    "mean": processes.mean(torch.tensor([float(processes.rank)])).tolist(),
}
(out / f"facts{processes.rank}.json").write_text(json.dumps(facts))
for name, settings in here.RUNS.items():
    run = here.discover(images, out / name, **settings)
    assert run.status == "done", run.status
"""


def refuse() -> None:
    """What only the first process finds out."""
    assert os.environ["RANK"] == "0"
    raise ConfigError("Expected something else.")


@pytest.fixture(scope="module")
def together(images, tmp_path_factory):
    """The folder of what two processes made."""
    out = tmp_path_factory.mktemp("together")
    done = torchrun(TOGETHER, images, out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def by_one(images, tmp_path_factory):
    """The folder of the same runs made by one process."""
    out = tmp_path_factory.mktemp("alone")
    for name, settings in RUNS.items():
        discover(images, out / name, **settings)
    return out


@pytest.fixture
def facts(together):
    first, second = (json.loads((together / f"facts{rank}.json").read_text()) for rank in range(2))
    assert first == second
    return first


def test_one_process_alone_needs_no_others():
    alone = Processes.join(torch.device("cpu"))
    assert (alone.rank, alone.world, alone.first) == (0, 1, True)
    values = torch.ones(2)
    alone.add_up(values)
    alone.agree(values)
    alone.wait()
    assert values.tolist() == alone.mean(values).tolist() == [1, 1]
    with pytest.raises(ZeroDivisionError):
        alone.from_first(lambda: 1 / 0)


@pytest.mark.parametrize("count", [0, 1, 5, 12])
@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_every_item_belongs_to_one_process(count, world):
    shares = [Processes(rank, world).share_of(range(count)) for rank in range(world)]
    assert [item for share in shares for item in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_processes_exchange_values_and_errors(facts):
    assert facts["refused"] == "Expected something else."
    assert facts["gathered"] == [0, 1]
    assert facts["mean"] == [0.5]
    assert facts["shares"] == [[[], [], [0], [0]], [[], [0], [1], [1, 2]]]


@pytest.mark.parametrize("name", list(solvers()))
def test_solvers_learn_what_one_process_learns(facts, name):
    alone = learnt(solvers()[name].fit(rows()))
    assert float((torch.tensor(facts["solved"][name]) - alone).norm() / alone.norm()) < 1e-6


def test_a_process_may_have_no_rows(facts):
    alone = learnt(KMeans(3).fit(rows()))
    torch.testing.assert_close(torch.tensor(facts["empty"]).to(alone), alone)


@pytest.mark.parametrize("name", list(RUNS))
def test_a_run_by_two_processes_is_the_run_of_one(together, by_one, name):
    alone, both = (partdisc.load_run(folder / name) for folder in (by_one, together))
    assert both.info["counts"] == alone.info["counts"] == {"images": 9, "skipped": 1, "other_files": 0}
    assert both.info["part_areas"] == pytest.approx(alone.info["part_areas"], abs=1e-3)
    assert contents(both.folder).keys() == contents(alone.folder).keys()
    one, two = (read_model(run.folder)[1] for run in (alone, both))
    for key, value in one.items():
        torch.testing.assert_close(two[key].double(), value.double(), rtol=1e-4, atol=1e-4, msg=key)
    same = [(a == b).mean() for (_, a), (_, b) in zip(alone.masks, both.masks, strict=True)]
    assert np.mean(same) >= 0.999
    assert both.maps.keys() == alone.maps.keys()


def test_two_processes_fill_given_masks_to_the_pixel(together, images):
    run = partdisc.load_run(together / "given masks")
    assert run.info["masks"]["missing"] == ["0.png", "damaged.png"]
    for entry, labels in run.masks:
        if entry.id != "0.png":
            np.testing.assert_array_equal(labels > 0, read_mask(masks_of(images) / entry.id) > 0)


KILLED = """
from partdisc.store.features import FeatureStore
write, written = FeatureStore.write, []
def write_or_die(self, number, shard):
    if os.environ["RANK"] == "1" and written:
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, number, shard)
    written.append(number)
FeatureStore.write = write_or_die
options = "--num-parts 3 --backbone resnet18 --weights random --layer layer1 --image-size 64 --device cpu"
options += " --foreground none --workers 0 --batch-size 1 -q"
sys.exit(here.main(["discover", str(images), "--out", str(out / "run"), *options.split()]))
"""


def test_one_process_goes_on_where_one_of_two_was_killed(images, by_one, tmp_path):
    done = torchrun(KILLED, images, tmp_path)
    assert done.returncode != 0
    info = partdisc.load_run(tmp_path / "run").info
    assert info["status"] in ("failed", "interrupted")
    told = [line for line in done.stderr.splitlines() if line.startswith("partdisc discover:")]
    assert len(told) == 1  # of the one that was left; torchrun may have ended it first
    assert "--resume" in told[0]
    shards = {p: p.read_bytes() for p in (tmp_path / "run" / "features").glob("*.safetensors")}
    assert 2 <= len(shards) < 10
    resumed = discover(images, tmp_path / "run", resume=True)
    alone = partdisc.load_run(by_one / "dff")
    assert resumed.status == "done"
    assert contents(resumed.folder).keys() == contents(alone.folder).keys()
    for (_, a), (_, b) in zip(resumed.masks, alone.masks, strict=True):
        np.testing.assert_array_equal(a, b)
