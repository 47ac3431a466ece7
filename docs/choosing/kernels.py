# SPDX-License-Identifier: Apache-2.0
"""
Choosing a kernel
=================

The kernel says how much each pixel near a point counts. In short: *linear* unless something speaks against it;
*cubic* or *catmull_rom* for pictures that are enlarged or turned; a *B-spline* where an image is sampled again and
again, or smooth derivatives are wanted; *nearest* for labels. Where the output is smaller than the input, the kernel
is the lesser question: add ``antialias=True``.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage import data

import gridsample as gs
from gridsample.spec.kernels import KERNELS

# %%
# Each of them
# ------------
# What one bright pixel becomes when it is enlarged, along one axis: the weight it has at each distance. For B-splines
# this is after the prefilter, which makes them go through the pixels.

impulse = np.zeros((1, 25))
impulse[0, 12] = 1
distance = np.linspace(-4, 4, 641)
figure, places = plt.subplots(-(-len(KERNELS) // 4), 4, figsize=(11, 8), layout="constrained", sharex=True, sharey=True)
for axes, name in zip(places.flat, KERNELS, strict=False):
    axes.axhline(0, color="0.8", linewidth=0.8)
    axes.plot(distance, gs.sample(impulse, distance[:, None] + 12, kernel=name)[0])
    axes.set_title(f"{name}: {KERNELS[name].taps} tap{'s' * (KERNELS[name].taps > 1)}", fontsize=10)
for axes in list(places.flat)[len(KERNELS) :]:
    axes.set_axis_off()
plt.show()

# %%
# An eye of Chelsea the cat, ten times as large. The pixels are those of *nearest*.

photo = data.chelsea()[104:128, 184:216]
larger = gs.maps.Affine.from_matrix(np.eye(2, 3), frame="edges", input_size=(24, 32), output_size=(240, 320))
figure, places = plt.subplots(-(-len(KERNELS) // 3), 3, figsize=(11, 14.5), layout="constrained")
for axes, name in zip(places.flat, KERNELS, strict=False):
    axes.imshow(gs.warp(photo, larger, kernel=name, boundary="clamp"))
    axes.set_title(name)
for axes in places.flat:
    axes.set_axis_off()
plt.show()

# %%
# Numbers
# -------
# Three things to choose by. *Through pixels*: how far the value at a pixel's centre is from the pixel. *Overshoot*:
# how far values go beyond those of a step from 0 to 1; what is bounded, such as a mask or a density, wants 0. *Twelve
# turns*: what twelve turns by 30° leave of a photograph, in grey levels (root mean square in the middle, of 255): how
# much is lost each time.

step = np.repeat([[0.0, 1.0]], 20, axis=1)
between = np.linspace(15, 24, 901)[:, None]
cat = data.chelsea()[90:186, 160:256].astype(np.float32).mean(-1)[None, None]
turn = gs.maps.Affine.from_parts(rotation_deg=30, input_size=(96, 96))
middle = np.s_[..., 30:66, 30:66]

print(f"{'kernel':12} {'taps':>4} {'through pixels':>15} {'overshoot':>10} {'twelve turns':>13}")
for name, kernel in KERNELS.items():
    at = np.arange(5.0, 20.0)
    values = np.random.default_rng(0).random((1, 25))
    missed = np.abs(gs.sample(values, at[:, None], kernel=name)[0] - values[0, 5:20]).max()
    over = gs.sample(step, between, kernel=name).max() - 1
    turned = cat
    for _ in range(12):
        turned = gs.sample(turned, turn, kernel=name, boundary="mirror")
    lost = np.sqrt(np.mean((turned - cat)[middle] ** 2))
    print(f"{name:12} {kernel.taps:4} {missed:15.1e} {max(over, 0):10.1%} {lost:13.1f}")

# %%
# Kernels of 1, 2 and 4 taps run in the compiled engine, longer ones in array operations, more slowly.
#
# Names elsewhere: torch's and OpenCV's bicubic is *cubic* (a = -3/4); Pillow's, and that of many programs, is
# *catmull_rom* (a = -1/2); any other is ``kernel="cubic(-0.6)"``. SciPy's orders 2 to 5 are B-splines.
#
# Smaller pictures
# ----------------
# No kernel here looks further than its taps. Where the output is smaller than what it shows, pixels between them are
# never read: fine patterns become false coarse ones. ``antialias=True`` takes the mean over what an output pixel
# covers.

n = 288
y, x = np.mgrid[:n, :n] - (n - 1) / 2
rings = (0.5 + 0.5 * np.cos(np.pi * (x**2 + y**2) / n))[None, None].astype(np.float32)  # finer and finer outwards
smaller = gs.maps.Affine.from_matrix(np.eye(2, 3), frame="edges", input_size=(n, n), output_size=(72, 72))
figure, places = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
places[0].imshow(rings[0, 0], cmap="gray", vmin=0, vmax=1)
places[0].set_title(f"{n} x {n}")
for axes, (name, antialias) in zip(places[1:], (("linear", False), ("cubic", False), ("linear", True)), strict=True):
    axes.imshow(gs.sample(rings, smaller, kernel=name, antialias=antialias)[0, 0], cmap="gray", vmin=0, vmax=1)
    axes.set_title(f"72 x 72, {name}{', antialias=True' * antialias}")
for axes in places:
    axes.set_axis_off()
plt.show()

# %%
# Labels
# ------
# Between label 1 and label 5 linear interpolation finds 3, which is another label. *nearest* takes one of the two; or
# sample one image per label linearly and take the greatest, which moves borders by fractions of a pixel.

labels = np.array([[1.0, 1.0, 5.0, 5.0]])
at = np.array([[1.4], [1.5], [1.6]])
assert gs.sample(labels, at, kernel="linear")[0].tolist() != [1, 5, 5]
assert gs.sample(labels, at, kernel="nearest")[0].tolist() == [1, 5, 5]  # at 1.5: the even pixel, 2, as torch does
assert gs.sample(labels, np.array([[0.5]]), kernel="nearest", ties="up") == labels[0, 1]

# %%
# Derivatives
# -----------
# The derivative by the coordinates, which registration and spatial transformers learn by, jumps at every pixel with
# *linear*, is continuous with *cubic* and smooth with B-splines; *nearest* has none at all.

wave = np.sin(np.arange(12.0))[None]
at = np.linspace(3, 8, 501)
figure, places = plt.subplots(1, 4, figsize=(12, 2.6), layout="constrained", sharey=True)
for axes, name in zip(places, ("linear", "catmull_rom", "bspline3", "bspline5"), strict=True):
    axes.plot(at, np.cos(at), color="0.75", label="true")
    axes.plot(at, gs.sample_grad(wave, at[:, None], kernel=name)[0, :, 0])
    axes.set_title(name)
places[0].set_ylabel("derivative of a sine")
plt.show()
