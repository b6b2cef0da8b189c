"""Writing the layout of PartImageNet's OOD split: `<split>.json` and `<split>/<class>/<file>`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from partdisc.data import taxonomy
from partdisc.data.annotations import AnnotatedImage, AnnotationSet
from partdisc.data.dataset_tool.write_coco import CocoWriter


class OodWriter(CocoWriter):
    """Collects images and writes them as PartImageNet does; category ids run from 0."""

    def __init__(self, annotations: AnnotationSet, images: Sequence[AnnotatedImage], out: Path) -> None:
        super().__init__(annotations, images, out)
        self._bare = Counter(PurePosixPath(image.id).name for image in images)

    def _category_ids(self) -> dict[int, int]:
        return {part: part - 1 for part in range(1, self.annotations.num_parts + 1)}

    def split_of(self, image: AnnotatedImage) -> str:
        """The image's split if PartImageNet has it too, else train."""
        return image.split if image.split in taxonomy.SPLITS else "train"

    def file_name(self, image: AnnotatedImage) -> str:
        """The bare name; with its folders before it where two images share one."""
        bare = PurePosixPath(image.id).name
        return bare if self._bare[bare] == 1 else image.id.replace("/", "_")

    def image_name(self, image: AnnotatedImage) -> str:
        """`<split>/<class>/<file>`; without a class right in the split."""
        folder = [self.split_of(image), *([image.category.replace("/", "_")] if image.category else [])]
        return "/".join([*folder, self.file_name(image)])

    def json_name(self, split: str | None) -> str:
        """Where the annotations of a split go."""
        return f"{split}.json"
