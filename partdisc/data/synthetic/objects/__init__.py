"""How to draw each super-category: `draw(look, class_rng, rng)` gives a `Figure`.

`class_rng` is seeded by the class, so what is drawn from it (build, palette, pattern) is the same for all images of
a class; `rng` is the image's own (pose, tones).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from partdisc.data.synthetic.layers import Figure
from partdisc.data.synthetic.looks import Look
from partdisc.data.synthetic.objects import (
    aeroplane,
    bicycle,
    biped,
    bird,
    boat,
    bottle,
    car,
    fish,
    quadruped,
    reptile,
    snake,
)

DRAWERS: dict[str, Callable[[Look, np.random.Generator, np.random.Generator], Figure]] = {
    "Quadruped": quadruped.draw,
    "Biped": biped.draw,
    "Fish": fish.draw,
    "Bird": bird.draw,
    "Snake": snake.draw,
    "Reptile": reptile.draw,
    "Car": car.draw,
    "Bicycle": bicycle.draw,
    "Boat": boat.draw,
    "Aeroplane": aeroplane.draw,
    "Bottle": bottle.draw,
}
