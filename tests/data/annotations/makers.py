"""Tiny sets in every format, written from scratch so that the readers are not tested against partdisc's writers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from PIL import Image

SIZE = (24, 32)  # H, W


def save_image(path: Path, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(path)
    return path


def save_mask(path: Path, mask: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8)).save(path)
    return path


def save_json(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def box(x: int, y: int, w: int, h: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[y : y + h, x : x + w] = True
    return mask


def box_polygon(x: float, y: float, w: float, h: float) -> list[float]:
    return [x, y, x, y + h, x + w, y + h, x + w, y]


def entry(id: int, category: int, segmentation: Any, image: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "area": 9,
        **more,
    }


def coco_data() -> dict[str, Any]:
    """Two images; in the first a head (6 x 5 at 2, 3) on a body (16 x 12 at 1, 2)."""
    return {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": SIZE[1], "height": SIZE[0]},
            {"id": 2, "file_name": "b.jpg", "width": SIZE[1], "height": SIZE[0]},
        ],
        "categories": [{"id": 3, "name": "head"}, {"id": 7, "name": "body"}],
        "annotations": [
            entry(11, 3, [box_polygon(2, 3, 6, 5)], iscrowd=0),
            entry(12, 7, [box_polygon(1, 2, 16, 12)], iscrowd=False),
            entry(13, 7, [box_polygon(4, 4, 8, 8)], image=2),
        ],
    }


def make_coco(root: Path, data: Any = None) -> Path:
    for name in ("a.jpg", "b.jpg"):
        save_image(root / "images" / name)
    save_json(root / "annotations.json", coco_data() if data is None else data)
    return root


def make_mask_folder(root: Path) -> Path:
    save_image(root / "images" / "a.png")
    save_image(root / "images" / "sub" / "b.jpg")
    save_mask(root / "masks" / "a.png", box(2, 3, 6, 5) * 4 + box(20, 3, 6, 5) * 9)
    save_mask(root / "masks" / "sub" / "b.png", box(0, 0, 3, 3) * 4)
    save_json(root / "parts.json", {"0": "null", "4": "head", "9": "tail"})
    return root


def mat_struct(**fields: Any) -> np.ndarray:
    """A MATLAB struct of size 1 x 1."""
    struct = np.empty((1, 1), [(name, object) for name in fields])
    for name, value in fields.items():
        struct[0, 0][name] = value
    return struct


def mat_array(items: list[np.ndarray]) -> np.ndarray:
    """A 1 x N struct array of 1 x 1 structs."""
    return np.concatenate(items, axis=1) if items else np.empty((0, 0), object)


def save_mat(path: Path, objects: list[tuple[str, np.ndarray, list[tuple[str, np.ndarray]]]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    things = [
        mat_struct(
            **{"class": kind},
            class_ind=1,
            mask=mask.astype(np.uint8),
            parts=mat_array([mat_struct(part_name=n, mask=m.astype(np.uint8)) for n, m in parts]),
        )
        for kind, mask, parts in objects
    ]
    scipy.io.savemat(path, {"anno": mat_struct(imname=path.stem, objects=mat_array(things))})
    return path


def make_pascal_part(root: Path) -> Path:
    dog = (
        "dog",
        box(2, 2, 20, 18),
        [("head", box(2, 2, 8, 8)), ("leye", box(4, 4, 2, 2)), ("torso", box(10, 2, 12, 18))],
    )
    car = ("car", box(25, 2, 6, 6), [("wheel_1", box(25, 6, 2, 2)), ("wheel_2", box(29, 6, 2, 2))])
    save_mat(root / "Annotations_Part" / "2008_000001.mat", [dog, car, ("chair", box(0, 21, 3, 3), [])])
    save_image(root / "JPEGImages" / "2008_000001.jpg")
    return root


def make_keypoint_json(root: Path) -> Path:
    records = [
        {
            "image": f"images/{name}/0.jpg",
            "mask": f"masks/{name}/0.png",
            "width": SIZE[1],
            "height": SIZE[0],
            "joints": {"nose": [5.5, 6.0, 1], "tail": [0, 0, 0]},
            "box": [2, 3, 10, 11],
            "category": name,
        }
        for name in ("dog", "cows")
    ]
    for name in ("dog", "cows"):
        save_image(root / "images" / name / "0.jpg")
        save_mask(root / "masks" / name / "0.png", box(2, 3, 10, 11) * 255)
    save_json(root / "joints.json", {"joint_names": ["nose", "tail"], "images": records})
    return root


def make_cub(root: Path) -> Path:
    birds = ["001.Albatross/A_1.jpg", "002.Auklet/B_2.jpg"]
    (root / "parts").mkdir(parents=True)
    for name in birds:
        save_image(root / "images" / name)
    tables = {
        "images.txt": [f"{i} {name}" for i, name in enumerate(birds, start=1)],
        "image_class_labels.txt": ["1 1", "2 2"],
        "classes.txt": ["1 001.Albatross", "2 002.Auklet"],
        "bounding_boxes.txt": ["1 1.0 2.0 10.0 11.0", "2 3.0 4.0 5.0 6.0"],
        "train_test_split.txt": ["1 1", "2 0"],
        "parts/parts.txt": ["1 back", "2 left eye"],
        "parts/part_locs.txt": ["1 1 5.0 6.0 1", "1 2 0.0 0.0 0", "2 1 7.5 8.5 1", "2 2 9.0 9.0 1"],
    }
    for name, lines in tables.items():
        (root / name).write_text("\n".join(lines) + "\n")
    save_mask(root / "segmentations" / "001.Albatross" / "A_1.png", box(1, 2, 10, 11) * 204)
    return root


def make_celeba(root: Path) -> Path:
    faces = ["000001.jpg", "000002.jpg", "000003.jpg"]
    (root / "Anno").mkdir(parents=True)
    (root / "Eval").mkdir()
    names = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
    points = " ".join(f"{name}_x {name}_y" for name in names)
    rows = [f"{name}  5  6  15  6  10  9   7  14  13  {i}" for i, name in enumerate(faces)]
    for name in faces:
        save_image(root / "Img" / "img_celeba" / name)
    (root / "Anno" / "list_landmarks_celeba.txt").write_text("\n".join(["3", points, *rows]) + "\n")
    boxes = [f"{name} 1 2 20 21" for name in faces]
    (root / "Anno" / "list_bbox_celeba.txt").write_text(
        "\n".join(["3", "image_id x_1 y_1 width height", *boxes])
    )
    (root / "Eval" / "list_eval_partition.txt").write_text("\n".join(f"{n} {i}" for i, n in enumerate(faces)))
    return root


def make_celebamask(root: Path) -> Path:
    anno = root / "CelebAMask-HQ-mask-anno"
    small = (12, 16)
    for index in (0, 2001):
        save_image(root / "CelebA-HQ-img" / f"{index}.jpg")
        folder = anno / str(index // 2000)
        save_mask(folder / f"{index:05d}_skin.png", box(1, 1, 10, 10, small) * 255)
        save_mask(folder / f"{index:05d}_hair.png", box(0, 0, 16, 3, small) * 255)
    save_mask(anno / "1" / "02001_l_eye.png", np.repeat(box(3, 4, 2, 1, small)[..., None] * 7, 3, -1))
    return root


def pin_categories() -> list[dict[str, Any]]:
    """Six of PartImageNet's forty parts, with ids as in its files."""
    names = {
        0: "Quadruped Head",
        1: "Quadruped Body",
        24: "Car Body",
        25: "Car Tier",
        38: "Bottle Mouth",
        39: "Bottle Body",
    }
    return [{"id": i, "name": n, "supercategory": n.split()[0]} for i, n in names.items()]


DOG, CAR = "n02102040", "n03770679"


def pin_data(*names: str) -> dict[str, Any]:
    images = [{"id": i, "file_name": n, "width": SIZE[1], "height": SIZE[0]} for i, n in enumerate(names)]
    annotations = []
    for i, name in enumerate(names):
        first = 0 if name.startswith(DOG) else 24
        annotations.append(entry(2 * i, first, [box_polygon(2, 3, 6, 5)], image=i, iscrowd=0))
        annotations.append(entry(2 * i + 1, first + 1, [box_polygon(8, 3, 9, 9)], image=i, iscrowd=0))
    return {"images": images, "categories": pin_categories(), "annotations": annotations}


def make_ood(root: Path) -> Path:
    for split, names in {"train": [f"{DOG}_1.JPEG", f"{DOG}_2.JPEG"], "test": [f"{CAR}_5.JPEG"]}.items():
        save_json(root / f"{split}.json", pin_data(*names))
        for name in names:
            save_image(root / split / name.split("_")[0] / name)
    return root


def make_seg(root: Path) -> Path:
    for split, names in {"train": [f"{DOG}_1.JPEG"], "val": [f"{DOG}_7.JPEG", f"{CAR}_5.JPEG"]}.items():
        folder = root / "annotations" / split
        save_json(folder / f"{split}.json", pin_data(*names))
        for name in names:
            save_image(root / "images" / split / name)
            first = 0 if name.startswith(DOG) else 24
            labels = np.full(SIZE, 40)
            labels[box(2, 3, 6, 5)], labels[box(8, 3, 9, 9)] = first, first + 1
            save_mask(folder / name.replace("JPEG", "png"), labels)
            whole = np.where(labels == 40, 158, 17)
            save_mask(root / "annotations" / f"{split}_whole" / name.replace("JPEG", "png"), whole)
    return root


MAKERS = {
    "partimagenet-ood": make_ood,
    "partimagenet-seg": make_seg,
    "coco": make_coco,
    "pascal-part": make_pascal_part,
    "mask-folder": make_mask_folder,
    "cub": make_cub,
    "celeba": make_celeba,
    "celebamask-hq": make_celebamask,
    "keypoint-json": make_keypoint_json,
}
