# SPDX-License-Identifier: Apache-2.0
"""
A report, as a notebook shows it
================================

``gs.why`` takes what ``grid_sample`` takes and says what is wrong with it. As the last line of a notebook's cell a
report shows itself, as here; ``report.save("report.html")`` writes the same as a page of its own.
"""

import io

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import gridsample as gs

# %%
# A photograph is to be turned, and comes out as one flat colour: the positions are in pixels, but [-1, 1] is read.

photo = data.chelsea()[::3, ::3].transpose(2, 0, 1)[None].astype(np.float32) / 255
height, width = photo.shape[2:]
turn = gs.maps.Affine.from_parts(rotation_deg=20, input_size=(height, width))
in_pixels = turn.coords((height, width)).astype(np.float32)

gs.why(photo, in_pixels)

# %%
# With the picture wanted
# -----------------------
# A shift to the left is as good as one to the right: nothing in the arrays says which is meant. The picture wanted
# does.

theta = np.array([[[1, 0, 0.15], [0, 1, 0]]], np.float32)  # meant to move the picture to the right
right = gs.maps.Affine.from_parts(translation_px=(0.075 * width, 0), input_size=(height, width))
wanted = gs.warp(photo[0], right, layout="CHW")
gs.why(photo, gs.affine_grid(theta, photo.shape), expected=wanted)

# %%
# One output pixel
# ----------------
# What made it, tap by tap:

report = gs.why(photo[:, :1], gs.affine_grid(theta, photo.shape))
print(report.pixel(40, 60))

# %%
# Its pictures, one by one
# ------------------------
# ``report.picture(kind)`` is a drawing as PNG. The *ruler* shows both ends of x pixel by pixel: here a lattice of
# ``linspace(-1, 1, n)``, which is one of ``align_corners=True``, read with ``False``.

small = photo[..., ::6, ::6]
lattice = np.stack(np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in small.shape[:1:-1])), -1)[None]
report = gs.why(small, lattice)
assert report.first == "align_corners"
figure, places = plt.subplots(2, 1, figsize=(11, 8.5), layout="constrained")
for axes, kind in zip(places, ("ruler", "arrows"), strict=True):
    axes.imshow(plt.imread(io.BytesIO(report.picture(kind))))
    axes.set_axis_off()
plt.show()
