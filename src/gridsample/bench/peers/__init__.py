# SPDX-License-Identifier: Apache-2.0
"""The table of peers: whom we are timed against. A new one is a file like the others and a row here."""

from __future__ import annotations

from gridsample.bench.peers import interpol, jax, onnxruntime, opencv, openvino, resampler, scipy, skimage, torch
from gridsample.bench.peers.base import Can, Peer

__all__ = ["PEERS", "Can", "Peer"]

_ROWS = (
    torch.PEER,
    opencv.PEER,
    scipy.PEER,
    skimage.PEER,
    jax.PEER,
    resampler.PEER,
    interpol.PEER,
    onnxruntime.PEER,
    openvino.PEER,
)
PEERS: dict[str, Peer] = {peer.name: peer for peer in _ROWS}
