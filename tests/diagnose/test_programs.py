# SPDX-License-Identifier: Apache-2.0
"""Programs as people publish them, written anew: the right ones are left alone, the wrong ones found.

Local correlation (optical flow), deformable attention, triplanes, registration of volumes, radiance fields, stereo,
spatial transformers, panoramas, regions of interest.
"""

from __future__ import annotations

import math

import pytest

import gridsample as gs

torch = pytest.importorskip("torch")
F = torch.nn.functional
H, W = 30, 40


def random(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def mesh(*lines):
    return torch.stack(torch.meshgrid(*lines, indexing="ij")[::-1], dim=-1)


def correlation():
    """A window around every pixel; its rows and columns are in an order of their own."""
    centre = (mesh(torch.arange(H).float(), torch.arange(W).float()) + 2 * normal(1, H, W, 2)).reshape(H * W, 1, 1, 2)
    window = mesh(torch.linspace(-4, 4, 9), torch.linspace(-4, 4, 9)).flip(-1)
    grid = 2 * (centre + window) / torch.tensor([W - 1, H - 1]) - 1
    return F.grid_sample(normal(H * W, 1, H, W), grid, align_corners=True)


def attention():
    places = random(16, 100, 1, 2) + 0.05 * normal(16, 100, 4, 2)
    return F.grid_sample(normal(16, 8, 25, 34), 2 * places - 1, align_corners=False)


def triplane():
    return F.grid_sample(normal(6, 8, 64, 64), 1.8 * random(6, 1, 3000, 2) - 0.9, align_corners=False)


def registration():
    size = (20, 24, 28)
    flow = F.interpolate(2 * normal(1, 3, 3, 3, 3), size, mode="trilinear", align_corners=True)
    places = mesh(*(torch.arange(n).float() for n in size)) + flow.permute(0, 2, 3, 4, 1).flip(-1)
    return F.grid_sample(random(1, 1, *size), 2 * (places / (torch.tensor(size[::-1]) - 1) - 0.5), align_corners=True)


def radiance():
    return F.grid_sample(normal(1, 1, 32, 32, 32), 2 * random(1, 1, 1, 5000, 3) - 1, align_corners=True)


def stereo(align_corners=True):
    disparity = F.interpolate(0.1 * random(1, 1, 4, 4), (H, W), mode="bilinear")[0, 0]
    grid = mesh(torch.linspace(-1, 1, H), torch.linspace(-1, 1, W))
    grid[..., 0] -= disparity
    return F.grid_sample(random(1, 3, H, W), grid[None], padding_mode="border", align_corners=align_corners)


def transformer():
    theta = (torch.eye(2, 3)[None] + 0.15 * normal(8, 2, 3)).requires_grad_()
    grid = F.affine_grid(theta, (8, 1, 28, 28), align_corners=False)
    return F.grid_sample(random(8, 1, 28, 28), grid, align_corners=False)


def panorama():
    place = mesh(torch.arange(90) - 44.5, torch.arange(120) - 59.5)
    x, y = place[..., 0], place[..., 1]
    longitude = torch.remainder(torch.atan2(x, torch.tensor(60.0)) + 2.5 + math.pi, 2 * math.pi) - math.pi
    latitude = torch.atan2(y, torch.sqrt(x**2 + 3600))
    grid = torch.stack([longitude / math.pi, latitude / (math.pi / 2)], -1)[None]
    return F.grid_sample(random(1, 3, 100, 200), grid, align_corners=False)


def regions():
    low, high = torch.tensor([[0.1, 0.1], [0.2, 0.3], [0, 0]]), torch.tensor([[0.4, 0.5], [0.9, 0.8], [1, 1]])
    theta = torch.zeros(3, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = (high - low).T
    theta[..., 2] = low + high - 1
    grid = F.affine_grid(theta, (3, 8, 7, 7), align_corners=False)
    return F.grid_sample(random(3, 8, 50, 50), grid, align_corners=False)


def enlarging():
    grid = F.affine_grid(torch.eye(2, 3)[None], (1, 2, 40, 48), align_corners=False)
    return F.grid_sample(normal(1, 2, 10, 12), grid, mode="bicubic", padding_mode="border", align_corners=False)


@pytest.mark.parametrize(
    "program",
    [
        *(correlation, attention, triplane, registration, radiance, stereo),
        *(transformer, panorama, regions, enlarging),
    ],
)
def test_right_programs_are_left_alone(program):
    seen = gs.why(program)
    assert seen.raised is None
    assert len(seen) == 1
    assert seen.ok, str(seen)
    torch.testing.assert_close(seen.result, program(), rtol=0, atol=0)


def test_a_disparity_on_the_other_lattice():
    seen = gs.why(stereo, align_corners=False)
    assert seen.sites[0].report.first == "align_corners"
    assert "True" in seen.sites[0].report.findings[0].fix


def test_a_transformer_that_has_wandered_off():
    theta = torch.tensor([[[1.0, 0.0, 2.6], [0.0, 1.0, 0.0]]]).requires_grad_()
    seen = gs.why(lambda: F.grid_sample(IMAGE, F.affine_grid(theta, IMAGE.shape, False), align_corners=False))
    assert not seen.ok
    assert {"gradients", "outside"} <= {finding.name for finding in seen.sites[0].report}


def test_an_elastic_field_that_folds():
    field = F.avg_pool2d(normal(1, 2, 68, 84), 9, 1, 4)[:, :, 2:66, 2:82].permute(0, 2, 3, 1)
    grid = F.affine_grid(torch.eye(2, 3)[None], (1, 1, 64, 80), align_corners=False)
    bent = grid + 12 * field * torch.tensor([2 / 80, 2 / 64])
    seen = gs.why(lambda: F.grid_sample(random(1, 1, 64, 80), bent, align_corners=False))
    assert seen.sites[0].report.first == "folds"


IMAGE = random(1, 1, 28, 28)
