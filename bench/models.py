# SPDX-License-Identifier: Apache-2.0
"""Model families of `transformers` that sample grids, small and with random weights: one row each.

A row gives a model and the inputs of one forward call, for images of a given side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers as t

Row = Callable[[int], tuple[torch.nn.Module, dict[str, Any]]]
HIDDEN = 64


def _images(side: int, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, side, side)


def _resnet(**options: Any) -> Any:
    small = {"embedding_size": 16, "hidden_sizes": [16, 32, 64, 96], "depths": [1, 1, 1, 1], "layer_type": "basic"}
    return t.ResNetConfig(**small, out_features=["stage2", "stage3", "stage4"], **options)


def _rt_resnet() -> Any:
    small = {"embedding_size": 16, "hidden_sizes": [16, 32, 64, 96], "depths": [1, 1, 1, 1], "layer_type": "basic"}
    return t.RTDetrResNetConfig(**small, out_features=["stage2", "stage3", "stage4"])


def _swin() -> Any:
    small = {"embed_dim": 24, "depths": [1, 1, 1, 1], "num_heads": [2, 2, 4, 4], "window_size": 4}
    return t.SwinConfig(**small, out_features=["stage1", "stage2", "stage3", "stage4"])


_DETR = {"d_model": HIDDEN, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128}


def deformable_detr(side: int) -> Any:
    config = t.DeformableDetrConfig(
        **_DETR,
        encoder_attention_heads=8,
        num_queries=100,
        use_timm_backbone=False,
        backbone_config=_resnet(),
        decoder_attention_heads=8,
    )
    return t.DeformableDetrModel(config), {"pixel_values": _images(side)}


def _rt(config: Any, model: Any, side: int, **more: Any) -> Any:
    small = {
        "d_model": HIDDEN,
        "encoder_hidden_dim": HIDDEN,
        "encoder_in_channels": [32, 64, 96],
        "decoder_in_channels": [HIDDEN] * 3,
        "encoder_ffn_dim": 128,
        "decoder_ffn_dim": 128,
        "decoder_layers": 3,
        "num_queries": 100,
        "num_denoising": 0,
        "anchor_image_size": None,
    }
    return model(config(**(small | more))), {"pixel_values": _images(side)}


def rt_detr(side: int) -> Any:
    return _rt(t.RTDetrConfig, t.RTDetrModel, side, backbone_config=_rt_resnet())


def rt_detr_v2(side: int) -> Any:
    return _rt(t.RTDetrV2Config, t.RTDetrV2Model, side, backbone_config=_rt_resnet())


def _hgnet() -> Any:
    return t.HGNetV2Config(
        stem_channels=[3, 16, 16],
        stage_in_channels=[16, 32, 48, 64],
        stage_mid_channels=[16, 16, 16, 16],
        stage_out_channels=[32, 48, 64, 96],
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[1, 1, 1, 1],
        hidden_sizes=[32, 48, 64, 96],
        out_features=["stage2", "stage3", "stage4"],
    )


def d_fine(side: int) -> Any:
    return _rt(t.DFineConfig, t.DFineModel, side, backbone_config=_hgnet(), encoder_in_channels=[48, 64, 96])


def deimv2(side: int) -> Any:
    return _rt(t.Deimv2Config, t.Deimv2Model, side, backbone_config=_hgnet(), encoder_in_channels=[48, 64, 96])


def _text() -> dict[str, torch.Tensor]:
    ids = torch.tensor([[101, 1996, 4937, 1012, 1996, 3899, 1012, 102]])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _grounding(config: Any, model: Any, side: int) -> Any:
    bert = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    made = config(
        **_DETR,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        num_queries=60,
        backbone_config=t.SwinConfig(
            embed_dim=24,
            depths=[1, 1, 1, 1],
            num_heads=[2, 2, 4, 4],
            window_size=4,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=t.BertConfig(**bert),
        max_text_len=16,
    )
    return model(made), {"pixel_values": _images(side), **_text()}


def grounding_dino(side: int) -> Any:
    return _grounding(t.GroundingDinoConfig, t.GroundingDinoModel, side)


def mm_grounding_dino(side: int) -> Any:
    return _grounding(t.MMGroundingDinoConfig, t.MMGroundingDinoModel, side)


def mask2former(side: int) -> Any:
    config = t.Mask2FormerConfig(
        backbone_config=_swin(),
        hidden_dim=HIDDEN,
        feature_size=HIDDEN,
        mask_feature_size=HIDDEN,
        encoder_feedforward_dim=128,
        dim_feedforward=128,
        encoder_layers=2,
        decoder_layers=2,
        num_queries=20,
        train_num_points=2000,
        num_labels=5,
    )
    masks = [(torch.rand(3, side, side) > 0.5).float()]
    labels = {"mask_labels": masks, "class_labels": [torch.tensor([0, 1, 2])]}
    return t.Mask2FormerForUniversalSegmentation(config), {"pixel_values": _images(side), **labels}


def oneformer(side: int) -> Any:
    config = t.OneFormerConfig(
        backbone_config=_swin(),
        hidden_dim=HIDDEN,
        conv_dim=HIDDEN,
        mask_dim=HIDDEN,
        encoder_feedforward_dim=128,
        dim_feedforward=128,
        encoder_layers=2,
        decoder_layers=2,
        num_queries=20,
        text_encoder_width=HIDDEN,
        text_encoder_num_layers=1,
        is_training=False,
        task_seq_len=77,
    )
    return t.OneFormerModel(config), {"pixel_values": _images(side), "task_inputs": torch.randint(0, 99, (1, 77))}


def lw_detr(side: int) -> Any:
    backbone = t.LwDetrViTConfig(
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=side,
        pretrain_image_size=side,
        window_block_indices=[0, 2],
        out_indices=[1, 2, 3],
        out_features=None,
        num_windows=4,
    )
    config = t.LwDetrConfig(
        backbone_config=backbone,
        d_model=HIDDEN,
        decoder_ffn_dim=128,
        decoder_layers=2,
        num_queries=60,
        group_detr=1,
        projector_scale_factors=[2.0, 0.5],
        num_feature_levels=2,
        decoder_self_attention_heads=4,
        decoder_cross_attention_heads=4,
    )
    return t.LwDetrModel(config), {"pixel_values": _images(side)}


def superpoint(side: int) -> Any:
    return t.SuperPointForKeypointDetection(t.SuperPointConfig()), {"pixel_values": _images(side)}


def rf_detr(side: int) -> Any:
    backbone = t.RfDetrDinov2Config(
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=side,
        patch_size=16,
        out_indices=[1, 2, 3],
        num_windows=2,
    )
    config = t.RfDetrConfig(
        backbone_config=backbone,
        d_model=HIDDEN,
        decoder_ffn_dim=128,
        decoder_layers=2,
        num_queries=60,
        group_detr=1,
        projector_scale_factors=[1.0],
        decoder_self_attention_heads=4,
        decoder_cross_attention_heads=4,
    )
    return t.RfDetrModel(config), {"pixel_values": _images(side)}


FAMILIES: dict[str, Row] = {
    row.__name__: row
    for row in (
        deformable_detr,
        rt_detr,
        rt_detr_v2,
        d_fine,
        deimv2,
        grounding_dino,
        mm_grounding_dino,
        mask2former,
        oneformer,
        lw_detr,
        rf_detr,
        superpoint,
    )
}


def build(family: str, side: int, seed: int = 0) -> tuple[torch.nn.Module, dict[str, Any]]:
    """The model, in evaluation mode (no dropout), and its inputs."""
    torch.manual_seed(seed)
    model, inputs = FAMILIES[family](side)
    return model.eval(), inputs


def loss_of(outputs: Any) -> torch.Tensor:
    """A number that every floating point output takes part in."""
    tensors: list[torch.Tensor] = []

    def collect(x: Any) -> None:
        if isinstance(x, torch.Tensor) and x.is_floating_point() and x.requires_grad:
            tensors.append(x)
        elif isinstance(x, dict):
            [collect(v) for v in x.values()]
        elif isinstance(x, (list, tuple)):
            [collect(v) for v in x]

    collect(outputs)
    return torch.stack([_weighed(x.double().flatten()) for x in tensors]).sum()


def _weighed(x: torch.Tensor) -> torch.Tensor:
    """Weights that are all different: squares of unit vectors, say, would have no gradient but rounding."""
    return (x * torch.arange(len(x)).sin()).sum() / len(x) ** 0.5
