# SPDX-License-Identifier: Apache-2.0
"""Plain coremltools in a process that never imports gridsample: what a conversion is without our lowerings.

python tests/export/plain_coreml.py FOLDER    # writes native, by_hand and dynamic.mlpackage there

native is `F.grid_sample` itself; by_hand is how it is usually written out where coremltools refuses it: positions,
round, gather from the flattened image; dynamic is the same for images of any size, with every float left in float32,
so that nothing but its indices is narrowed.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import coremltools as ct
import torch
from torch import nn

PIXELS = 4096


class Native(nn.Module):
    def forward(self, image, grid):
        return nn.functional.grid_sample(image, grid, "nearest", "border", align_corners=False)


class ByHand(nn.Module):
    def forward(self, image, grid):
        n, c, h, w = image.shape
        i = (((grid[..., 0] + 1) * w - 1) / 2).clamp(min=0).round().to(torch.int32)
        j = (((grid[..., 1] + 1) * h - 1) / 2).clamp(min=0).round().to(torch.int32)
        read = image.reshape(n * c, h * w).index_select(1, (j * w + i).reshape(-1))
        return read.reshape(n, c, *grid.shape[1:3])


def convert(model, image, grid, path, dynamic=None, **options):
    program = torch.export.export(model.eval(), (image, grid), dynamic_shapes=dynamic).run_decompositions({})
    settings = {"minimum_deployment_target": ct.target.iOS17, "skip_model_load": True} | options
    ct.convert(program, **settings).save(str(path))


def main(folder: Path) -> None:
    row, grid = torch.rand(1, 1, 1, PIXELS), torch.rand(1, 1, 60, 2)
    convert(Native(), row, grid, folder / "native.mlpackage")
    convert(ByHand(), row, grid, folder / "by_hand.mlpackage")
    sizes = {2: torch.export.Dim("h", min=2, max=512), 3: torch.export.Dim("w", min=2, max=2 * PIXELS)}
    floats = ct.transform.FP16ComputePrecision(op_selector=lambda op: False)
    image = torch.rand(1, 1, 40, 50)
    convert(ByHand(), image, grid, folder / "dynamic.mlpackage", (sizes, None), compute_precision=floats)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
    assert not [name for name in sys.modules if name.partition(".")[0] == "gridsample"]
