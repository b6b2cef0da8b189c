"""Make the colour table of `partdisc.render.palette`: run once, offline; prints the table and what it reaches.

The first 12 colours are spread by the distance that remains for the worst of four eyes (normal, and simulated
protan, deutan and tritan vision), the others by the normal eye's. Distances are CIEDE2000 (Sharma, Wu, Dalal 2005),
colour blindness is simulated with the matrices of Machado, Oliveira, Fernandes 2009 at severity 1. Each stage is
greedy maximin, improved by a seeded iterated local search.

    python scripts/make_palette.py [--tries 1500] [--seed 1]
"""

from __future__ import annotations

import argparse

import numpy as np

BACKGROUND = (18, 18, 18)
PAPER = (255, 255, 255)
STAGES = {
    12: 15.3,
    41: 15.1,
    64: 12.1,
}  # size: a distance that is enough; more would cost the later colours room
FIRST_CHROMA = 40  # the first colours are the ones most figures use: keep them vivid
MACHADO = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(rgb: np.ndarray) -> np.ndarray:
    """Linear light of 8-bit sRGB."""
    c = np.asarray(rgb, float) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """CIELAB (D65) of linear sRGB (N, 3)."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    t = light @ to_xyz.T / to_xyz.sum(1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def seen_by(rgb: np.ndarray, eye: str) -> np.ndarray:
    """CIELAB of the colours as `eye` sees them."""
    light = linear(rgb)
    if eye in MACHADO:
        light = np.clip(light @ np.array(MACHADO[eye]).T, 0, 1)
    return lab(light)


def ciede2000(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pairwise CIEDE2000 between (N, 3) and (M, 3) CIELAB colours, in degrees throughout; (N, M)."""
    (l1, a1, b1), (l2, a2, b2) = first.T[:, :, None], second.T[:, None, :]
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7))
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1 = np.degrees(np.arctan2(b1, a1 * stretch)) % 360
    h2 = np.degrees(np.arctan2(b2, a2 * stretch)) % 360
    turn = (h2 - h1 + 180) % 360 - 180
    delta_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    h, c, lightness = h1 + turn / 2, (c1 + c2) / 2, (l1 + l2) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(h - 30))
        + 0.24 * np.cos(np.radians(2 * h))
        + 0.32 * np.cos(np.radians(3 * h + 6))
        - 0.20 * np.cos(np.radians(4 * h - 63))
    )
    s_l = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    s_c, s_h = 1 + 0.045 * c, 1 + 0.015 * c * t
    rotation = -2 * np.sqrt(c**7 / (c**7 + 25.0**7))
    rotation = rotation * np.sin(np.radians(60 * np.exp(-((((h % 360) - 275) / 25) ** 2))))
    x, y, z = (l2 - l1) / s_l, (c2 - c1) / s_c, delta_h / s_h
    return np.sqrt(np.maximum(x * x + y * y + z * z + rotation * y * z, 0))


def distances(rgb: np.ndarray, eyes: tuple[str, ...]) -> np.ndarray:
    """The smallest CIEDE2000 over `eyes` of every pair; float32 (N, N), the diagonal infinite."""
    smallest = np.full((len(rgb), len(rgb)), np.inf, np.float32)
    for eye in eyes:
        seen = seen_by(rgb, eye)
        for start in range(0, len(rgb), 256):
            rows = slice(start, start + 256)
            smallest[rows] = np.minimum(smallest[rows], ciede2000(seen[rows], seen))
    np.fill_diagonal(smallest, np.inf)
    return smallest


def candidates(step: int) -> np.ndarray:
    """A grid of sRGB colours within the allowed lightness and chroma, a little inside the bounds."""
    axis = np.arange(0, 256, step)
    rgb = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    light, a, b = lab(linear(rgb)).T
    return rgb[(light > 31) & (light < 91) & (np.hypot(a, b) > 27)]


def grow(distance: np.ndarray, chosen: list[int], size: int) -> list[int]:
    """Add the colour farthest from all chosen ones until there are `size`."""
    chosen = list(chosen)
    nearest = distance[chosen].min(0)
    nearest[chosen] = -1
    while len(chosen) < size:
        best = int(nearest.argmax())
        chosen.append(best)
        nearest = np.minimum(nearest, distance[best])
        nearest[best] = -1
    return chosen


def exchange(distance: np.ndarray, chosen: list[int], fixed: int, rounds: int = 400) -> list[int]:
    """Replace one colour of the closest pair by a better one until no exchange helps; the first `fixed` stay."""
    chosen = list(chosen)
    for _ in range(rounds):
        inner = distance[np.ix_(chosen, chosen)]
        closest, improved = inner.min(), False
        for place in np.unravel_index(inner.argmin(), inner.shape):
            if place < fixed:
                continue
            rest = [c for i, c in enumerate(chosen) if i != place]
            reach = distance[rest].min(0)
            reach[rest] = -1
            best = int(reach.argmax())
            others = np.delete(np.delete(inner, place, 0), place, 1).min()
            if min(reach[best], others) > closest + 1e-4 or (others > closest and reach[best] > closest):
                chosen[place], improved = best, True
                break
        if not improved:
            break
    return chosen


def stage(
    distance: np.ndarray, fixed: list[int], size: int, enough: float, tries: int, rng: np.random.Generator
) -> list[int]:
    """Greedy, then iterated local search: lose some colours (one of the closest pair is among them), grow again."""
    best = exchange(distance, grow(distance, fixed, size), len(fixed))
    best_score = distance[np.ix_(best, best)].min()
    for _ in range(tries):
        if best_score >= enough:
            break
        inner = distance[np.ix_(best, best)]
        lost = {int(np.unravel_index(inner.argmin(), inner.shape)[1])}
        lost |= set(rng.integers(len(fixed), size, rng.integers(1, max(size - len(fixed), 4) // 2)).tolist())
        kept = [c for i, c in enumerate(best) if i < len(fixed) or i not in lost]
        reach = distance[kept].min(0)
        reach[kept] = -1
        far = np.flatnonzero(reach > best_score)
        if len(far):
            kept.append(int(rng.choice(far)))
        chosen = exchange(distance, grow(distance, kept, size), len(fixed))
        score = distance[np.ix_(chosen, chosen)].min()
        if score >= best_score:
            best, best_score = chosen, score
    return best


def ordered(distance: np.ndarray, chosen: list[int], first: list[int]) -> list[int]:
    """`chosen` in farthest-first order after `first`, so that every prefix is spread as well as it can be."""
    left, result = [c for c in chosen if c not in first], list(first)
    while left:
        best = max(left, key=lambda c: distance[c, result].min())
        result.append(best)
        left.remove(best)
    return result


def make(tries: int, seed: int, step: int) -> np.ndarray:
    """The colour table (64, 3), background left out."""
    rng = np.random.default_rng(seed)
    rgb = np.concatenate([[BACKGROUND, PAPER], candidates(step)])
    normal, worst = distances(rgb, ("normal",)), distances(rgb, ("normal", *MACHADO))
    print(f"{len(rgb)} candidates")
    chroma = np.hypot(*lab(linear(rgb)).T[1:])
    chroma[:2] = np.inf  # background and paper stay in the game
    vivid = np.where((chroma >= FIRST_CHROMA)[None], worst, -1)
    table = [0, 1]  # background and paper keep their distance, too
    for size, enough in STAGES.items():
        first = len(table) == 2
        distance = vivid if first else normal
        chosen = stage(distance, table, size + 2, enough, tries, rng)
        if first:  # begin with the most vivid, not with the one farthest from paper
            inner = [c for c in chosen if c > 1]
            chosen = [0, 1, *ordered(worst, inner, [max(inner, key=lambda c: chroma[c])])]
        table = chosen if first else ordered(normal, chosen, table)
        print(f"{size}: {(worst if first else normal)[np.ix_(table, table)].min():.2f}")
    return rgb[table[2:]]


def main() -> None:
    """Print the table as Python source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--step", type=int, default=12)
    arguments = parser.parse_args()
    table = make(arguments.tries, arguments.seed, arguments.step)
    print("".join(f"    {tuple(int(v) for v in color)},\n" for color in table))


if __name__ == "__main__":
    main()
