# SPDX-License-Identifier: Apache-2.0
"""Maps that are a matrix go to the engine's loops as one: no coordinates are computed, and the values are theirs."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gridsample as gs  # noqa: E402
from gridsample.maps.base import Map  # noqa: E402

nn = gs.nn
torch.manual_seed(0)
IMAGES = torch.rand(3, 2, 24, 30)
SMOOTH = torch.nn.functional.avg_pool2d(IMAGES, 5, 1, 2)
TURN = gs.maps.Affine.from_parts(rotation_deg=[10, -20, 30], scale=1.3, input_size=(24, 30))
VIEW = gs.maps.Homography([[1.1, 0.1, -2], [0, 0.9, 1], [0.002, -0.003, 1]])
BOXES = gs.maps.Crop([[1, 2, 20, 15], [3, 0, 30, 24], [0, 5, 9, 11]], (12, 13), angle_deg=[0, 20, 90])
AWAY = gs.maps.Affine([[3.0, 0.4, 1], [-0.3, 2.5, 2]])  # zooms out: several samples for each pixel
SIX = [nn.Flip(), nn.Rotate(25), nn.Scale((0.8, 1.2)), nn.Shear(0.2), nn.Translate(0.1), nn.Perspective(0.2)]


def transformer(head):
    torch.manual_seed(1)
    found = nn.SpatialTransformer(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1440, 8)), head=head)
    with torch.no_grad():
        found.answer.weight.normal_(0, 0.05)
    return lambda: found(SMOOTH)


def seeded(**options):
    return nn.Augment(SIX)(SMOOTH, generator=torch.Generator().manual_seed(0), **options)


CALLS = {
    "warp": lambda: gs.warp(SMOOTH, TURN),
    "warp of a homography": lambda: gs.warp(SMOOTH, VIEW, size=(20, 40)),
    "warp with a fill per channel": lambda: gs.warp(SMOOTH, TURN, fill=(0.2, 0.8), layout="NCHW"),
    "warp of a NumPy picture": lambda: torch.from_numpy(gs.warp(SMOOTH[0].permute(1, 2, 0).numpy(), VIEW)),
    "crops of one image": lambda: gs.sample(SMOOTH[:1], BOXES),
    "Warp": lambda: nn.Warp()(SMOOTH, TURN),
    "supersampled": lambda: nn.supersampled(SMOOTH, AWAY, (10, 11)),
    "affine transformer": transformer("affine"),
    "similarity transformer": transformer("similarity"),
    "homography transformer": transformer("homography"),
    "Augment": seeded,
    "Augment with a fill per image": lambda: seeded(fill=torch.tensor([0.1, 0.5, 0.9])),
    "Augment's labels": lambda: seeded(labels=torch.ones(3, 24, 30, dtype=torch.uint8)).labels.float(),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_are_those_of_stored_coordinates(name, monkeypatch):
    call = CALLS[name]
    with monkeypatch.context() as patch:
        patch.setattr(Map, "coords", lambda *_: pytest.fail("coordinates were computed"))
        values = call()
    with monkeypatch.context() as patch:
        for kind in (gs.maps.Affine, gs.maps.Homography):
            patch.setattr(kind, "made", Map.made)
        patch.setattr(BOXES, "made", lambda size: None)
        stored = call()
    assert values.shape == stored.shape
    off = (values - stored).abs() > 2e-5
    assert off.float().mean() < 0.002  # points on the rim may fall either way


def test_gradients_of_a_transformer_are_those_of_stored_coordinates(monkeypatch):
    torch.manual_seed(2)
    module = nn.SpatialTransformer(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1440, 8))).double()
    with torch.no_grad():
        module.answer.weight.normal_(0, 0.05)

    def gradients():
        loss = module(SMOOTH.double()).square().sum()
        return torch.autograd.grad(loss, list(module.parameters()))

    found = gradients()
    monkeypatch.setattr(gs.maps.Affine, "made", Map.made)
    for got, wanted in zip(found, gradients(), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-10)


def test_maps_that_the_engine_does_not_know_are_evaluated_once_for_all(monkeypatch):
    corners = [[0, 0], [29, 0], [0, 23], [29, 23], [12, 9]]
    spline, times = gs.maps.ThinPlateSpline(corners, np.add(corners, [[1, 0], [0, 2], [0, 0], [1, 1], [-2, 3]])), []
    coords = gs.maps.ThinPlateSpline.coords
    monkeypatch.setattr(gs.maps.ThinPlateSpline, "coords", lambda *a: times.append(a) or coords(*a))
    gs.warp(SMOOTH, spline, fill=(0.2, 0.8), layout="NCHW")
    assert len(times) == 1
