"""Descriptions and findings as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = Sequence[object]


def description_text(description: dict[str, Any]) -> str:
    """What `describe` counted, as tables."""
    return "\n\n".join(block for block in _blocks(description) if block)


def _blocks(description: dict[str, Any]) -> list[str]:
    whole = description["set"]
    rows: list[Row]
    counted = {"images": "num_images", "parts": "num_parts", "classes": "num_classes", "units": "num_units"}
    told = ", ".join(f"{whole[key]} {name}" for name, key in counted.items() if whole[key])
    blocks = [f"{whole['path']} ({whole['format']}): {told}"]
    if description["super_categories"]:
        rows = [
            (r["name"], r["num_classes"], r["num_images"], ", ".join(r["parts"]))
            for r in description["super_categories"]
        ]
        blocks.append(table(("super-category", "classes", "images", "parts"), rows))
    rows = [
        (n, r["num_classes"], r["num_images"], r["num_annotations"]) for n, r in description["splits"].items()
    ]
    blocks.append(table(("split", "classes", "images", "annotations"), rows))
    if description["annotations_per_image"]:
        section = description["annotations_per_image"]
        blocks.append(
            f"{section['counted']} an image: {section['min']} to {section['max']}, median {section['median']:g}, "
            f"mean {section['mean']:.2f}, {section['total']} in all"
        )
    if description["parts"]:
        rows = [
            (
                p["id"],
                p["name"],
                p["num_images"],
                p["num_annotations"],
                f"{100 * p['share_of_part_pixels']:.1f}",
            )
            for p in description["parts"]
        ]
        blocks.append(table(("part", "name", "images", "annotations", "% of part pixels"), rows))
    if description["objects"]:
        rows = [(o["class"], o["num_objects"], o["num_part_masks"]) for o in description["objects"]]
        blocks.append(table(("class", "objects", "part masks"), rows))
    if description["keypoints"]:
        rows = [(k["name"], k["num_visible"]) for k in description["keypoints"]]
        blocks.append(table(("keypoint", "visible"), rows))
    return [*blocks, findings_text(description["quirks"])]


def validation_text(result: dict[str, Any], most: int = 20) -> str:
    """What `validate` found: a line for the whole, then every kind with the images concerned."""
    broken = result["num_broken"]
    state = f"{broken} broken entries" if broken else "nothing broken"
    head = f"{result['path']} ({result['format']}): {result['num_images']} images checked, {state}"
    return "\n".join([head, findings_text(result["findings"], most)]).rstrip()


def findings_text(findings: Sequence[dict[str, Any]], most: int = 3) -> str:
    """Quirks, broken ones first, each with up to `most` examples."""
    lines = []
    for finding in sorted(findings, key=lambda f: not f["broken"]):
        state = "broken" if finding["broken"] else "handled"
        lines.append(f"{finding['kind']} ({state}, {finding['count']}): {finding['treatment']}")
        for example in finding["examples"][:most]:
            lines.append("  " + " ".join(text for text in example.values() if text))
        if finding["count"] > most:
            lines.append(f"  and {finding['count'] - most} more")
    return "\n".join(lines)


def table(head: Row, rows: Sequence[Row]) -> str:
    """Columns under their heads, numbers to the right.

    >>> print(table(("part", "images"), [("head", 12), ("body", 7)]))
    part  images
    head      12
    body       7
    """
    texts = [[("" if cell is None else str(cell)) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(head))]
    right = [
        all(isinstance(row[c], (int, float)) or _is_number(row[c]) for row in rows) for c in range(len(head))
    ]
    lines = []
    for row in texts:
        cells = [t.rjust(w) if r else t.ljust(w) for t, w, r in zip(row, widths, right, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _is_number(cell: object) -> bool:
    return isinstance(cell, str) and cell.replace(".", "", 1).isdecimal()
