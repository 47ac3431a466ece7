# SPDX-License-Identifier: Apache-2.0
"""
What a coordinate means
=======================

A position is a number; which pixel it is, says the *frame*. There are four, and torch's ``align_corners`` is the choice
between two of them. Most wrong pictures come from a grid made in one frame and read in another.
"""

import matplotlib.pyplot as plt
import numpy as np

import gridsample as gs
from gridsample.spec.frames import FRAMES

# %%
# One axis of four pixels. The centre of a pixel is the dot; the table ``FRAMES`` says what each frame calls it.

n = 4
figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
for i in range(n):
    axes.add_patch(plt.Rectangle((i - 0.5, 0), 1, 0.8, fill=False))
    axes.plot(i, 0.4, "o", color="tab:blue")
for row, (name, frame) in enumerate(FRAMES.items(), 1):
    offset, scale, shift = frame.numbers(n)
    axes.axhline(-0.6 * row, color="0.85", zorder=0)
    for x in (-0.5, *range(n), n - 0.5):
        g = (x - shift) / scale - offset
        edge = x in (-0.5, n - 0.5)
        axes.text(x, -0.6 * row, f"{g:.4g}", ha="center", va="bottom", color="tab:red" if edge else "tab:blue")
    axes.text(-0.95, -0.6 * row, name, ha="right", va="bottom", weight="bold")
axes.text(-0.95, 0.4, "pixels", ha="right", va="center", weight="bold")
axes.set(xlim=(-1.8, n - 0.3), ylim=(-2.6, 0.9), title="blue: centres of pixels; red: outer edges of the image")
axes.set_axis_off()
plt.show()

# %%
# The same point in all four, read from the same image:

image = np.array([[10.0, 20.0, 30.0, 40.0]])  # (C, W): one channel, no batch
for name, g in (("pixel", 1.5), ("unit", 0.5), ("edges", 0.0), ("corners", 0.0)):
    value = gs.sample(image, np.array([[g]]), frame=name)
    print(f"{name:8} {g:4} -> {value[0, 0]}")
    assert value == 25

# %%
# Half a pixel
# ------------
# ``align_corners=False`` is the frame *edges*, ``True`` is *corners*. They agree in the middle and differ by half a
# pixel at the rim. A lattice of ``linspace(-1, 1, n)`` is one of corners:

n = 16
lattice = np.linspace(-1, 1, n)
figure, axes = plt.subplots(figsize=(8, 2.8), layout="constrained")
for name in ("edges", "corners"):
    offset, scale, shift = FRAMES[name].numbers(n)
    axes.plot(
        (lattice + offset) * scale + shift - np.arange(n), "o-", label=f"read with align_corners={name == 'corners'}"
    )
axes.set(xlabel="output pixel", ylabel="pixels off", title="linspace(-1, 1, 16) as the identity")
axes.legend()
plt.show()

# %%
# ``gs.why`` recognises this from the lattice alone:

picture = np.random.default_rng(0).random((1, 3, n, n))
grid = np.stack(np.meshgrid(lattice, lattice), -1)[None]
assert gs.why(picture, grid, align_corners=False).first == "align_corners"
assert gs.why(picture, grid, align_corners=True).ok

# %%
# Which to take
# -------------
# * *pixel* where positions are pixels anyway: it needs no size, and whole numbers are pixels exactly.
# * *edges* (``align_corners=False``) for positions that shall hold at every resolution: an image and the same image
#   made smaller by averaging have the same edges, not the same corner pixels.
# * *corners* (``align_corners=True``) where a model was trained with it, or a lattice of values has its first and last
#   value on the rim.
#
# Resizing to half shows it: with *edges* each output pixel is the mean of the two it covers, with *corners* the first
# and the last pixel are kept, and those between are skipped.

signal = np.array([[0.0, 2.0, 4.0, 8.0]])
for frame in ("edges", "corners"):
    offset, scale, shift = FRAMES[frame].numbers(2)
    half = (np.arange(2) - shift) / scale - offset  # where the two output pixels lie
    print(f"{frame:8}", gs.sample(signal, half[:, None], frame=frame)[0])

# %%
# Order
# -----
# x comes first, as in torch: the first component belongs to the *last* axis. ``order="ij"`` has them in the order of
# the axes, as SciPy and JAX do.

ramp = np.arange(12.0).reshape(1, 3, 4)
at = np.array([[2.0, 1.0]])
assert gs.sample(ramp, at) == ramp[0, 1, 2]  # x=2, y=1
assert gs.sample(ramp, at, order="ij") == ramp[0, 2, 1]
