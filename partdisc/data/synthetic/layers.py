"""What a drawing is made of: layers from back to front, each an outline with a material and the part it shows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """How a surface looks.

    Attributes:
        color: (r, g, b) in 0..1.
        accent: colour of the pattern.
        belly: colour of the underside, or None.
        pattern: a name of `materials.PATTERNS`.
        pattern_size: length of one period in object units.
        coverage: share of the surface the accent covers, 0..1.
        grain: "fur", "rough" or "smooth".
        grain_strength: how much the grain darkens and lightens.
        gloss: strength of the highlight, 0..1.
    """

    color: Color
    accent: Color = (0.1, 0.1, 0.1)
    belly: Color | None = None
    pattern: str = "plain"
    pattern_size: float = 0.1
    coverage: float = 0.4
    grain: str = "smooth"
    grain_strength: float = 0.1
    gloss: float = 0.05

    def but(self, **changes: object) -> Material:
        """A copy with some attributes changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def plain(self, color: Color) -> Material:
        """The same surface in one colour."""
        return self.but(color=color, pattern="plain", belly=None)


@dataclass
class Layer:
    """One painted piece.

    Attributes:
        outlines: closed curves (N, 2); the piece is their union.
        material: its surface.
        part: name of the part it belongs to, or None for what is no part of the object.
        roundness: radius in object units at which the piece is as high as it gets; 0 is flat.
        angle: direction of grain and pattern in radians; 0 runs along x.
        dim: factor on its light, below 1 for the far side.
        opacity: 1 hides what is behind.
        shadow: how dark a soft shadow it throws on what is right behind it, 0..1.
    """

    outlines: list[np.ndarray]
    material: Material
    part: str | None = None
    roundness: float = 0.1
    angle: float = 0.0
    dim: float = 1.0
    opacity: float = 1.0
    shadow: float = 0.35


@dataclass
class Figure:
    """A drawn object.

    Attributes:
        layers: back to front.
        scenes: names of `scenes.json` it may stand in.
        grounded: whether it stands on the ground (and throws a shadow there).
    """

    layers: list[Layer] = field(default_factory=list)
    scenes: tuple[str, ...] = ("meadow",)
    grounded: bool = True

    def add(
        self, part: str | None, outlines: list[np.ndarray] | np.ndarray, material: Material, **how: float
    ) -> None:
        """Put a piece in front of all others."""
        outlines = outlines if isinstance(outlines, list) else [outlines]
        self.layers.append(Layer(outlines, material, part, **how))

    def deform(self, matrix: np.ndarray) -> None:
        """Stretch, shear or turn all outlines by a (2, 2) matrix."""
        for layer in self.layers:
            layer.outlines = [outline @ matrix.T for outline in layer.outlines]
