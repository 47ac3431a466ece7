# SPDX-License-Identifier: Apache-2.0
"""
Choosing a boundary
===================

The boundary says what a tap outside the image reads. In short: *clamp* for pictures that should simply go on, with
``outside=0`` where what lies beyond should be black but the rim not darkened; *wrap* for what is periodic; *mirror* or
*reflect* where no edge should be seen; *zero* for densities and masks, and because torch does it.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import gridsample as gs
from gridsample.spec.boundaries import BOUNDARIES

# %%
# Each of them
# ------------
# Four pixels, and what is read up to four beyond either end. The values are sampled, the letters are the table's.

signal = np.array([[1.0, 2.0, 3.0, 4.0]])
at = np.arange(-4.0, 8.0)[:, None]
for name, rule in BOUNDARIES.items():
    read = gs.sample(signal, at, boundary=name, fill=9 if name == "constant" else 0)[0]
    print(f"{name:12} {rule.picture:38} {' '.join(f'{v:g}' for v in read)}")

# %%
# A photograph in the middle of a canvas three times as large. Rules with a sign continue it as its negative.

photo = data.chelsea()[::2, ::2].astype(np.float32) / 255
height, width = photo.shape[:2]
apart = gs.maps.Affine([[1, 0, -width], [0, 1, -height]], size=(3 * height, 3 * width))
rows = -(-len(BOUNDARIES) // 2)
figure, places = plt.subplots(rows, 2, figsize=(11, 3.75 * rows), layout="constrained")
for axes, (name, rule) in zip(places.flat, BOUNDARIES.items(), strict=False):
    grey = 0.5 if rule.sign < 0 else 0.0
    shown = gs.warp(photo - grey, apart, boundary=name, fill=0.6 if name == "constant" else 0.0) + grey
    axes.imshow(np.clip(shown, 0, 1))
    axes.add_patch(plt.Rectangle((width - 0.5, height - 0.5), width, height, fill=False, color="w", linewidth=1))
    axes.set_title(f"{name}\n{rule.picture}", fontsize=10, family="monospace")
    axes.set_axis_off()
plt.show()

# %%
# The rim
# -------
# With *zero* a tap outside counts as black, so pixels fade over the last half of a pixel. ``outside=0`` makes black
# what has its centre outside, and lets the taps read on: a sharp edge.

small = np.ones((1, 1, 4, 4), np.float32)
small[..., 1::2, ::2] = small[..., ::2, 1::2] = 0.6
larger = gs.maps.Affine.from_matrix(
    np.eye(2, 3) * [1.4, 1.4, 1], frame="edges", input_size=(4, 4), output_size=(140, 140)
)
figure, places = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
for axes, options in zip(
    places, ({"boundary": "zero"}, {"boundary": "clamp"}, {"boundary": "clamp", "outside": 0.0}), strict=True
):
    axes.imshow(gs.sample(small, larger, **options)[0, 0], cmap="gray", vmin=0, vmax=1)
    axes.set_title(", ".join(f"{key}={value!r}" for key, value in options.items()))
    axes.set_axis_off()
plt.show()

# %%
# One rule per axis
# -----------------
# A panorama wraps around, but ends above and below. Rules go in memory order: rows first.

panorama = np.arange(6.0).reshape(1, 2, 3)
assert gs.sample(panorama, np.array([[-1.0, 0.0]]), boundary=["clamp", "wrap"]) == panorama[0, 0, 2]
assert gs.sample(panorama, np.array([[0.0, -1.0]]), boundary=["clamp", "wrap"]) == panorama[0, 0, 0]

# %%
# torch's names
# -------------
# torch's ``"zeros"`` is *zero*, its ``"border"`` is *clamp*, its ``"reflection"`` is *reflect* with
# ``align_corners=False`` and *mirror* with ``True``. ``gs.grid_sample`` takes either set of names.

grid = np.array([[[[1.7, 0.0]]]])
row = np.arange(5.0).reshape(1, 1, 1, 5)
for corners, ours in ((False, "reflect"), (True, "mirror")):
    theirs = gs.grid_sample(row, grid, padding_mode="reflection", align_corners=corners)
    frame = "corners" if corners else "edges"
    assert theirs == gs.sample(row, grid, boundary=ours, frame=frame, fold="coordinate")

# %%
# Gradients
# ---------
# Beyond the edge *zero* and *clamp* are constant: a point that has wandered out has no gradient and never comes back.
# With *mirror* or *wrap* there is always one.

points = np.array([[-3.3], [1.4], [8.2]])
for name in ("zero", "clamp", "mirror", "wrap"):
    slope = gs.sample_grad(np.array([[1.0, 3.0, 2.0, 5.0]]), points, boundary=name)[0, :, 0]
    print(f"{name:7} slopes at -3.3, 1.4 and 8.2: {' '.join(f'{v:g}' for v in slope)}")
