"""Which format a path holds, told from names and the first bytes; nothing is parsed here."""

from __future__ import annotations

import re
from pathlib import Path

from partdisc.data.annotations.coco import find_coco_files, looks_like_coco, read_head
from partdisc.data.annotations.keypoint_json import find_keypoint_file
from partdisc.data.annotations.splits import SPLITS
from partdisc.errors import ConfigError, DataError

# what each format looks like, for --help and for the error
FORMATS = {
    "partimagenet-ood": "train.json, val.json, test.json beside train/<synset>/<synset>_<n>.JPEG",
    "partimagenet-seg": "annotations/<split>/<split>.json and images/<split>/*.JPEG",
    "coco": "a COCO .json file, or a folder with annotations.json or annotations/*.json",
    "pascal-part": "Annotations_Part/*.mat, usually beside JPEGImages/",
    "mask-folder": "masks/*.png beside images/, with parts.json; or a folder of PNGs, with --labels",
    "cub": "images.txt and parts/part_locs.txt",
    "celeba": "list_landmarks_celeba.txt or list_landmarks_align_celeba.txt",
    "celebamask-hq": "CelebAMask-HQ-mask-anno/<n>/<index>_<part>.png",
    "keypoint-json": "joints.json with joint_names and images",
}
SYNSET_FILE = re.compile(r'"file_name"\s*:\s*"(?:[^"]*/)?n\d{8}_[^"]*\.JPEG"')


def detect_format(path: Path) -> str:
    """The name of the format at `path`.

    Raises:
        ConfigError: if there is nothing at `path`.
        DataError: if it looks like none of `FORMATS`.
    """
    if path.is_file():
        found = _format_of_file(path)
    elif path.is_dir():
        found = _format_of_folder(path)
    else:
        raise ConfigError(f"Expected annotations at {path}, but there is no such file or folder.")
    if found is None:
        shapes = "; ".join(f"{name}: {shape}" for name, shape in FORMATS.items())
        raise DataError(f"Cannot tell the format of {path}; pass --format. Known are {shapes}.")
    return found


def _format_of_file(path: Path) -> str | None:
    if path.name.startswith("list_landmarks"):
        return "celeba"
    if path.suffix.lower() != ".json":
        return None
    if '"joint_names"' in read_head(path):
        return "keypoint-json"
    return "partimagenet-ood" if _names_synsets(path) else "coco"


def _names_synsets(file: Path) -> bool:
    return file.stem in SPLITS and SYNSET_FILE.search(read_head(file)) is not None


def _format_of_folder(path: Path) -> str | None:
    if (path / "images.txt").is_file() and (path / "parts" / "part_locs.txt").is_file():
        return "cub"
    if (path / "CelebAMask-HQ-mask-anno").is_dir():
        return "celebamask-hq"
    if any(path.glob("list_landmarks*")) or any(path.glob("Anno/list_landmarks*")):
        return "celeba"
    if (path / "Annotations_Part").is_dir() or any(path.glob("*.mat")):
        return "pascal-part"
    if any((path / "annotations" / split / f"{split}.json").is_file() for split in SPLITS):
        return "partimagenet-seg"
    if (path / "masks").is_dir() and ((path / "parts.json").is_file() or not _has_json(path)):
        return "mask-folder"
    masks = (path / "masks").is_dir() or any(path.glob("*.png"))
    return _format_of_json_folder(path) or ("mask-folder" if masks else None)


def _has_json(path: Path) -> bool:
    return find_keypoint_file(path) != path or any(map(looks_like_coco, path.glob("*.json")))


def _format_of_json_folder(path: Path) -> str | None:
    if find_keypoint_file(path) != path:
        return "keypoint-json"
    try:
        places = list(find_coco_files(path).values())
    except DataError:
        return None
    own_folder = places[0].stem in SPLITS and (path / places[0].stem).is_dir()  # train.json beside train/
    ood = places[0].parent == path and (own_folder or _names_synsets(places[0]))
    return "partimagenet-ood" if ood else "coco"
