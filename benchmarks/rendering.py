"""Speed of overlays and of the HTML report, and what the report costs a browser.

    python benchmarks/rendering.py                       # 1,000 overlays, a report of 25,000 images
    python benchmarks/rendering.py --overlays 200 --report 2000

Images are 512 x 512 JPEGs of smooth noise, masks have 8 ragged parts; a few distinct ones are drawn again and again,
so files come from the page cache. The browser is Debian's Chromium through Selenium, headless, from file://; without
them that part is left out. Memory is the proportional set size of the page's own process. Writes
results/rendering.json and prints a table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from partdisc.cli.rendering.sources import read_image
from partdisc.data.decoding import quiet
from partdisc.render.bulk import write_overlays
from partdisc.render.overlay import PartOverlay
from partdisc.render.palette import part_palette
from partdisc.render.pictures import encode_picture, write_picture
from partdisc.render.report import ReportSource, write_report
from partdisc.render.runs import open_run, read_entry
from partdisc.store.masks import MaskEntry, MaskSet, read_mask, write_index, write_mask

SIDE, NUM_PARTS, DISTINCT = 512, 8, 40


def smooth_noise(rng: np.random.Generator, channels: int, cells: int) -> np.ndarray:
    noise = rng.random((cells, cells, channels), np.float32)
    return cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def make_run(folder: Path, count: int) -> Path:
    """A run of `count` entries over `DISTINCT` images and masks."""
    rng = np.random.default_rng(0)
    for index in range(DISTINCT):
        pixels = np.clip(smooth_noise(rng, 3, 64) * 255, 0, 255).astype(np.uint8)
        write_picture(folder / "images" / f"{index}.jpg", pixels)
        labels = smooth_noise(rng, NUM_PARTS + 1, 8).argmax(2).astype(np.uint8)
        write_mask(folder / "run" / "parts" / "masks" / f"{index}.png", labels, part_palette(NUM_PARTS))
    entries = [
        MaskEntry(
            f"folder_{i // 1000}/image_{i:06d}.jpg",
            f"{i % DISTINCT}.jpg",
            SIDE,
            SIDE,
            f"masks/{i % DISTINCT}.png",
        )
        for i in range(count)
    ]
    images = str(folder / "images")
    write_index(MaskSet(folder / "run" / "parts", NUM_PARTS, part_palette(NUM_PARTS), None, images, entries))
    scores = "".join(f"{entry.id},{rng.random():.4f}\n" for entry in entries)
    (folder / "run" / "evaluation").mkdir()
    (folder / "run" / "evaluation" / "per_image.csv").write_text("image,part_miou\n" + scores)
    return folder / "run"


def measure_overlays(folder: Path, count: int, workers: int) -> dict[str, float]:
    """Images per second and processor time for each file format."""
    run = open_run(make_run(folder, count))
    rates = {}
    for suffix in (".jpg", ".png"):
        start, cpu = time.perf_counter(), time.process_time()
        write_overlays(
            run.masks.entries,
            lambda entry: read_entry(run, entry, read_image),
            PartOverlay(),
            folder / ("overlays" + suffix),
            suffix=suffix,
            workers=workers,
            verbosity=0,
        )
        rates[suffix[1:]] = count / (time.perf_counter() - start)
        rates[f"{suffix[1:]}_cpu_ms_per_image"] = 1000 * (time.process_time() - cpu) / count
    return rates


def measure_steps(folder: Path, repeats: int = 100) -> dict[str, float]:
    """Milliseconds of each step for one image, in one thread."""
    image, mask = folder / "images" / "0.jpg", folder / "run" / "parts" / "masks" / "0.png"
    pixels, labels = read_image(image), read_mask(mask)
    drawn = PartOverlay().annotate(pixels, labels)
    steps: dict[str, Callable[[], Any]] = {
        "read the image": lambda: read_image(image),
        "read the mask": lambda: read_mask(mask),
        "draw": lambda: PartOverlay().annotate(pixels, labels),
        "draw with names": lambda: PartOverlay(labels=True).annotate(pixels, labels),
        "encode as JPEG": lambda: encode_picture(drawn, ".jpg"),
        "encode as PNG": lambda: encode_picture(drawn, ".png"),
        "write": lambda: write_picture(folder / "written.jpg", drawn),
    }
    times = {}
    for name, step in steps.items():
        spent = []
        for _ in range(repeats):
            start = time.perf_counter()
            step()
            spent.append(time.perf_counter() - start)
        times[name] = 1000 * float(np.median(spent))
    times["write"] -= times["encode as JPEG"]
    return times


def measure_report(folder: Path, count: int, workers: int) -> dict[str, float]:
    """Images per second and size of the report."""
    run = open_run(make_run(folder, count))
    start, cpu = time.perf_counter(), time.process_time()
    page = write_report(ReportSource([run], read_image), folder / "report", workers=workers, verbosity=1)
    seconds = time.perf_counter() - start
    size = sum(path.stat().st_size for path in page.parent.rglob("*") if path.is_file())
    spent = 1000 * (time.process_time() - cpu) / count
    return {
        "images_per_s": count / seconds,
        "cpu_ms_per_image": spent,
        "seconds": seconds,
        "megabytes": size / 1e6,
    }


def measure_browser(page: Path) -> dict[str, float] | None:
    """Seconds until the page is ready, and the memory of its process before and after scrolling through it."""
    try:
        from selenium import webdriver
    except ImportError:
        return None
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        return None
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as profile:
        for flag in (
            "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
            "--disable-background-networking --disable-component-update --disable-dev-shm-usage "
            f"--window-size=1400,1000 --user-data-dir={profile}"
        ).split():
            options.add_argument(flag)
        driver = webdriver.Chrome(
            options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))
        )
        try:
            start = time.perf_counter()
            driver.get(page.as_uri())
            while not driver.execute_script("return document.documentElement.dataset.ready"):
                if time.perf_counter() - start > 60:
                    raise RuntimeError(f"The page is not ready after 60 s: {driver.get_log('browser')}")
                time.sleep(0.01)
            result = {"ready_s": time.perf_counter() - start, "memory_mb_loaded": renderer_memory(profile)}
            height = driver.execute_script("return document.documentElement.scrollHeight")
            for step in range(200):
                driver.execute_script("window.scrollTo(0, arguments[0])", height * step // 200)
                time.sleep(0.05)
            result["memory_mb_scrolled"] = renderer_memory(profile)
            return result
        finally:
            driver.quit()


def renderer_memory(profile: str) -> float:
    """Proportional set size in MB of the largest page process of the browser with this profile."""
    sizes = [0.0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            if "--type=renderer" not in command or not belongs_to(process, profile):
                continue
            for line in (process / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    sizes.append(int(line.split()[1]) * 1024 / 1e6)
        except OSError:
            continue
    return max(sizes)


def belongs_to(process: Path, profile: str) -> bool:
    """Whether a parent of the process was started with this profile."""
    while process.name not in ("0", "1"):
        if f"--user-data-dir={profile}" in (process / "cmdline").read_text():
            return True
        parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
        process = process.parent / parent
    return False


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--overlays", type=int, default=1000)
    parser.add_argument("--report", type=int, default=25_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)  # `workers` threads are all there is
    with tempfile.TemporaryDirectory() as name, quiet():
        folder = Path(name)
        rates = measure_overlays(folder / "a", arguments.overlays, arguments.workers)
        steps = measure_steps(folder / "a")
        report = measure_report(folder / "b", arguments.report, arguments.workers)
        browser = measure_browser(folder / "b" / "report" / "index.html")
    result = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": os.getloadavg()[0],
        "arguments": vars(arguments),
        "overlays_per_s": rates,
        "milliseconds": steps,
        "report": report,
        "browser": browser,
    }
    out = Path(__file__).parent / "results" / "rendering.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    for title, numbers in (
        ("overlays/s", rates),
        ("ms for one image", steps),
        ("report", report),
        ("browser", browser or {}),
    ):
        print(title)
        for key, value in numbers.items():
            print(f"  {key:<22}{value:10.2f}")


if __name__ == "__main__":
    main()
