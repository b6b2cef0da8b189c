"""The README is run: its commands and its Python, in order, in a folder of drawn photographs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from partdisc.data.synthetic import make_synthetic

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_command_and_python_block_of_the_readme_runs(tmp_path):
    make_synthetic(tmp_path / "set", num_images=12, size=96, super_categories=["car"], splits=("train",))
    (tmp_path / "photos").mkdir()
    for path in (tmp_path / "set" / "train").rglob("*.JPEG"):
        shutil.copy(path, tmp_path / "photos" / path.name)
    shutil.copytree(tmp_path / "photos", tmp_path / "more_photos")
    shutil.copy(tmp_path / "set" / "train.json", tmp_path / "annotations.json")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    blocks = re.findall(r"^```(bash|python)\n(.*?)^```", TEXT, flags=re.M | re.S)
    assert len(blocks) >= 4
    for language, code in blocks:
        command = ["bash", "-e", "-c", code] if language == "bash" else [sys.executable, "-c", code]
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, f"{code}\n{result.stdout}\n{result.stderr}"
    for made in (
        "RUN/figures/contact_sheet.jpg",
        "RUN/evaluation/metrics.json",
        "RUN/report/index.html",
        "RUN2/run.json",
    ):
        assert (tmp_path / made).exists(), made


def test_every_file_the_documentation_links_to_is_there():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_command_is_in_the_readme():
    from partdisc.cli.main import COMMANDS

    for command in COMMANDS:
        assert f"`{command}`" in TEXT
