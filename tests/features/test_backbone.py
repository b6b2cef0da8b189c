from __future__ import annotations

import pytest
import torch

from partdisc.errors import ConfigError
from partdisc.features import create_backbone
from partdisc.features.backbone import Backbone

DINOV2 = "vit_small_patch14_dinov2.lvd142m"


def images(h, w, count=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, h, w), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def lite():
    return create_backbone(weights="random")


@pytest.fixture(scope="module")
def dino():
    return create_backbone(DINOV2, weights="random")


def test_a_backbone_shows_its_name_and_layers_in_one_line(lite):
    assert repr(lite) == (
        "Backbone('tf_efficientnet_lite0', layers=['blocks.4', 'blocks.6'], channels=432, stride=16)"
    )


@pytest.mark.parametrize(("h", "w"), [(224, 224), (196, 308)])
def test_vit_features_equal_timms(dino, h, w):
    x = images(h, w)
    with torch.inference_mode():
        expected = dino.model.forward_intermediates(dino.normalize(x), indices=[11], intermediates_only=True)[
            0
        ]
        found = dino(x)
    assert found.shape == (1, 384, h // 14, w // 14)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_vit_norm_and_several_layers_equal_timms():
    backbone = create_backbone(DINOV2, weights="random", layers="5,-1", norm=True)
    x = images(70, 84)
    with torch.inference_mode():
        expected = backbone.model.forward_intermediates(
            backbone.normalize(x), indices=[5, 11], norm=True, intermediates_only=True
        )
        torch.testing.assert_close(backbone(x), torch.cat(expected, dim=1), atol=1e-6, rtol=0)


def test_sizes_the_patch_does_not_divide_are_padded_by_mirroring(dino):
    x = images(30, 43)
    padded = torch.nn.functional.pad(x.float(), (0, 13, 0, 12), mode="reflect")
    with torch.inference_mode():
        torch.testing.assert_close(dino(x), dino(padded)[:, :, :3, :4])
    assert dino.grid(30, 43) == (3, 4)


def test_cnn_features_equal_timms_joined_at_the_finest_grid(lite):
    x = images(64, 96, 2)
    with torch.inference_mode():
        fine, coarse = lite.model.forward_intermediates(
            lite.normalize(x), indices=[3, 4], intermediates_only=True
        )
        coarse = torch.nn.functional.interpolate(
            coarse, fine.shape[-2:], mode="bilinear", align_corners=False
        )
        torch.testing.assert_close(lite(x), torch.cat([fine, coarse], 1))


def test_cells_wholly_in_the_padding_are_cut_off(lite):
    assert lite.padded_size(33, 64) == (64, 64)
    assert lite(images(33, 64)).shape[-2:] == (3, 4)


def test_what_lies_beside_an_image_in_a_batch_does_not_change_it(lite):
    x = images(64, 64, 3)
    with torch.inference_mode():
        torch.testing.assert_close(lite(x)[1:2], lite(x[1:2]), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("layers", "names", "channels", "stride"),
    [
        (None, ["blocks.4", "blocks.6"], 432, 16),
        ("stride8", ["blocks.2"], 40, 8),
        ("0,blocks.6", ["blocks.0", "blocks.6"], 336, 2),
        (-1, ["blocks.6"], 320, 32),
        ("bn2", ["bn2"], 1280, 32),
        (["stride16", "bn2"], ["blocks.4", "bn2"], 1392, 16),
    ],
)
def test_layers_by_index_name_stride_and_module(layers, names, channels, stride):
    backbone = create_backbone(weights="random", layers=layers)
    assert [layer.name for layer in backbone.layers] == names
    assert (backbone.num_channels, backbone.stride) == (channels, stride)
    assert backbone(images(64, 64)).shape == (1, channels, 64 // stride, 64 // stride)


def test_tapped_modules_give_what_the_module_gave():
    backbone = create_backbone(weights="random", layers="bn2")
    x = images(64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(backbone(x), backbone.model.forward_features(backbone.normalize(x)))


def test_tokens_of_a_tapped_vit_module_become_a_map():
    backbone = create_backbone(DINOV2, weights="random", layers="blocks.11.attn.qkv")
    assert backbone(images(28, 42)).shape == (1, 3 * 384, 2, 3)


@pytest.mark.parametrize("source", ["torchvision/vgg19", "vgg19"])
def test_vgg_relus_are_those_of_the_paper(source):
    backbone = create_backbone(source, weights="random", layers="relu5_2,relu5_4")
    x = images(32, 48)
    with torch.inference_mode():
        y = backbone.normalize(x)
        taps = []
        for index, module in enumerate(backbone.model.features):
            y = module(y)
            if index in (31, 35):  # conv5_2 + ReLU, conv5_4 + ReLU in the numbering of VGG-19
                taps.append(y.clone())
        torch.testing.assert_close(backbone(x), torch.cat(taps, 1))
    assert backbone(x).min() >= 0


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("9", r"within -5\.\.4, got 9"),
        ("blocks.99", "no layer 'blocks.99'.*blocks.0.*stride32"),
        ("stride7", "stride7"),
        ("relu5_4", "no layer"),
        ("4,-1", "different layers"),
        ([], "at least one layer"),
        ("classifier", "no part in its features"),
    ],
)
def test_layers_that_do_not_exist_are_told(layers, words):
    with pytest.raises(ConfigError, match=words):
        create_backbone(weights="random", layers=layers)


def test_networks_of_one_input_size_pad_to_it_and_refuse_more():
    backbone = create_backbone("mixer_s32_224", weights="random")
    assert backbone.padded_size(100, 200) == (224, 224)
    assert backbone(images(100, 200)).shape[-2:] == (4, 7)
    with pytest.raises(ConfigError, match="--image-size 224"):
        backbone.padded_size(225, 10)


@pytest.mark.parametrize(
    "name", ["resnet18", "swin_tiny_patch4_window7_224", "convnext_atto", "deit_tiny_patch16_224"]
)
def test_families_of_timm_give_maps_of_any_size(name):
    backbone = create_backbone(name, weights="random")
    h, w = 97, 64
    found = backbone(images(h, w))
    assert found.shape == (1, backbone.num_channels, *backbone.grid(h, w))
    assert found.isfinite().all()


def test_images_are_not_changed_and_wrong_shapes_refused(lite):
    x = images(32, 32)
    before = x.clone()
    lite(x)
    assert torch.equal(x, before)
    with pytest.raises(ConfigError, match=r"\(B, 3, H, W\)"):
        lite(x[0])


def test_layers_join_at_the_finest_grid():
    joined = Backbone.join([torch.ones(1, 2, 2, 3), torch.zeros(1, 1, 4, 6)])
    assert joined.shape == (1, 3, 4, 6)
