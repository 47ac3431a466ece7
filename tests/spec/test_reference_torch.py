# SPDX-License-Identifier: Apache-2.0
"""The oracle against torch in float64: values, both gradients, every mode, padding and alignment, 2D and 3D.

The points include what goes wrong first: centres, edges, ties, kinks, one-pixel axes and far outside. NaN is left out:
torch's own backward crashes on it.
"""

import numpy as np
import pytest

from gridsample.spec import reference
from gridsample.spec.dialects import lookup

torch = pytest.importorskip("torch")

TOLERANCE = 1e-12
SHAPES = [(7, 8), (1, 5), (3, 4, 5), (2, 1, 3)]


def cases():
    for shape in SHAPES:
        for mode in ("nearest", "bilinear", "bicubic"):
            for padding in ("zeros", "border", "reflection"):
                for align in (False, True):
                    if mode != "bicubic" or len(shape) == 2:
                        name = f"{'x'.join(map(str, shape))}-{mode}-{padding}-{align}"
                        yield pytest.param(shape, mode, padding, align, id=name)


def rules(mode, padding, align):
    kernel, boundary = lookup("torch", "kernel", mode), lookup("torch", "boundary", padding, align)
    return {
        "kernel": kernel.ours,
        "ties": kernel.ties,
        "boundary": boundary.ours,
        "fold": "tap" if mode == "bicubic" else boundary.fold,
        "frame": lookup("torch", "frame", "normalized", align).ours,
        "nonfinite": "minus_one",
    }


def points(shape, align, batch):
    """Coordinates (batch, points, 1.., D): quarter pixels around the image on each axis, then random ones."""
    rng = np.random.default_rng(len(shape))
    columns = []
    for n in reversed(shape):
        x = np.arange(-2.5 * n - 1, 3.5 * n + 1, 0.25)
        lattice = (2 * x + 1) / n - 1 if not align else 2 * x / max(n - 1, 1) - 1
        column = np.concatenate([lattice, [-1.0, 1.0, 0.0, -1e4, 1e4]])
        columns.append(rng.permuted(np.resize(column, (batch, 360)), axis=1))
    lattice = np.stack(columns, axis=-1)
    return np.concatenate([lattice, rng.uniform(-2.5, 2.5, (batch, 140, len(shape)))], axis=1)


def both(shape, mode, padding, align):
    rng = np.random.default_rng(0)
    image, coords = rng.normal(size=(2, 3, *shape)), points(shape, align, 2)
    flat = (len(coords), *[1] * (len(shape) - 1), coords.shape[1], len(shape))
    tensors = [torch.tensor(image, requires_grad=True), torch.tensor(coords.reshape(flat), requires_grad=True)]
    out = torch.nn.functional.grid_sample(*tensors, mode=mode, padding_mode=padding, align_corners=align)
    return image, coords.reshape(flat), tensors, out


@pytest.mark.filterwarnings("ignore:Since version")
@pytest.mark.parametrize(("shape", "mode", "padding", "align"), list(cases()))
def test_values_and_gradients_are_torchs(shape, mode, padding, align):
    image, coords, (image_t, coords_t), out = both(shape, mode, padding, align)
    ours = reference.pull(image, coords, **rules(mode, padding, align))
    np.testing.assert_allclose(ours, out.detach().numpy(), rtol=0, atol=TOLERANCE)

    grad = np.random.default_rng(1).normal(size=ours.shape)
    grad_image, grad_coords = torch.autograd.grad(out, (image_t, coords_t), torch.tensor(grad))
    pushed = reference.push(grad, coords, shape, **rules(mode, padding, align))
    np.testing.assert_allclose(pushed, grad_image.numpy(), rtol=0, atol=100 * TOLERANCE)

    jacobian = reference.pull_grad(image, coords, **rules(mode, padding, align))
    ours = np.einsum("nc...,nc...d->n...d", grad, jacobian)
    np.testing.assert_allclose(ours, grad_coords.numpy(), rtol=0, atol=100 * TOLERANCE)


@pytest.mark.parametrize("frame", ["edges", "corners"])
def test_positions_in_float32_round_as_torchs(frame):
    """Ties of float32 coordinates fall on the same pixel when the oracle repeats the float32 roundings."""
    shape, align = (6, 7), frame == "corners"
    image = np.arange(42.0).reshape(1, 1, *shape)
    coords = points(shape, align, 1).astype(np.float32)[:, None]
    tensors = torch.tensor(image, dtype=torch.float32), torch.tensor(coords)
    for padding in ("zeros", "border", "reflection"):
        theirs = torch.nn.functional.grid_sample(*tensors, mode="nearest", padding_mode=padding, align_corners=align)
        ours = reference.pull(image, coords, **rules("nearest", padding, align), precision=np.float32)
        assert np.array_equal(ours, theirs.numpy())
