from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from partdisc.errors import ConfigError, MissingDependencyError
from partdisc.features import create_backbone, list_backbones, registry
from partdisc.features.registry import DEFAULT_BACKBONE, hash_weights


def test_the_embedded_weights_are_the_default_and_normalise_as_they_were_trained():
    backbone = create_backbone()
    assert (backbone.name, backbone.weights) == (DEFAULT_BACKBONE, "embedded")
    x = torch.tensor([127, 255], dtype=torch.uint8).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    torch.testing.assert_close(backbone.normalize(x)[0, 0, 0], torch.tensor([0.0, 1.0]))


def test_other_weights_normalise_by_their_own_configuration():
    backbone = create_backbone("resnet18", weights="random")
    assert backbone.describe()["mean"] == [0.485, 0.456, 0.406]


def test_random_weights_repeat_by_seed_and_leave_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    hashes = [create_backbone("resnet18", weights="random", seed=seed).weights_hash for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_weights_come_from_a_local_file(tmp_path, suffix):
    source = create_backbone("resnet18", weights="random", seed=3)
    path = tmp_path / f"w.{suffix}"
    state = source.model.state_dict()
    save_file(state, path) if suffix == "safetensors" else torch.save({"state_dict": state}, path)
    found = create_backbone("resnet18", weights=path)
    assert found.weights_hash == source.weights_hash
    assert found.weights == path.name


def test_dinov2_names_take_a_local_file(tmp_path):
    name = "vit_small_patch14_dinov2.lvd142m"
    source = create_backbone(name, weights="random", seed=3)
    save_file(source.model.state_dict(), tmp_path / "w.safetensors")
    assert create_backbone(name, weights=tmp_path / "w.safetensors").weights_hash == source.weights_hash


def test_torchvision_weights_come_from_a_local_file(tmp_path):
    import torchvision

    with torch.random.fork_rng(devices=[]):
        model = torchvision.models.resnet50()
    torch.save(model.state_dict(), tmp_path / "w.pth")
    found = create_backbone("torchvision/resnet50", weights=tmp_path / "w.pth")
    assert torch.equal(found.model.conv1.weight, model.conv1.weight)


def test_pickles_are_not_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    torch.save({"state_dict": Evil()}, tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=r"Cannot load the weights .* no file of tensors alone\. Give"):
        create_backbone("resnet18", weights=tmp_path / "w.pth")
    assert not (tmp_path / "owned").exists()


def test_weights_of_another_network_are_told(tmp_path):
    save_file(create_backbone("resnet18", weights="random").model.state_dict(), tmp_path / "w.safetensors")
    for name in ("resnet34", "torchvision/resnet50"):
        with pytest.raises(ConfigError, match="Cannot load the weights in .*w.safetensors into"):
            create_backbone(name, weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("name", "weights", "words"),
    [
        ("resnet5000", "random", "Expected a timm model"),
        ("vit_small_patch14_dinov2.nonsense", "random", "Similar: .*dinov2"),
        ("torchvision/alexnet", "random", "torchvision/vgg19"),
        ("resnet18", None, "weights auto, random or a file, but got None"),
        ("resnet18", "nowhere.pth", "no file 'nowhere.pth'"),
        ("torchvision/resnet50", "nowhere.pth", "no file 'nowhere.pth'"),
    ],
)
def test_unknown_names_and_files_are_told(name, weights, words):
    with pytest.raises(ConfigError, match=words):
        create_backbone(name, weights=weights)


@pytest.mark.parametrize("name", ["resnet18", "torchvision/resnet50", "vit_small_patch16_dinov3.lvd1689m"])
def test_a_hub_out_of_reach_names_the_backbones_that_work_offline(name, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", _refuse)
    monkeypatch.setattr("torchvision._internally_replaced_utils.load_state_dict_from_url", _refuse)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", _refuse)
    with pytest.raises(ConfigError, match=f"{DEFAULT_BACKBONE}.*--weights FILE"):
        create_backbone(name)
    assert not constants.HF_HUB_OFFLINE


def _refuse(*args, **keywords):
    raise ConnectionRefusedError("refused")


def test_a_missing_package_of_weights_tells_the_pip_line(monkeypatch):
    monkeypatch.setitem(registry.EMBEDDED, "tf_efficientnet_lite3", ("efficientnet_lite3_pytorch_model", "X"))
    with pytest.raises(MissingDependencyError, match="pip install efficientnet-lite3-pytorch-model"):
        create_backbone("tf_efficientnet_lite3")


def test_backbones_are_listed_by_pattern():
    assert "vit_small_patch14_dinov2.lvd142m" in list_backbones("*dinov2*")
    assert "torchvision/vgg19" in list_backbones("torchvision/*")
    assert DEFAULT_BACKBONE in list_backbones(offline=True)


def test_the_hash_sees_every_weight():
    model = create_backbone("resnet18", weights="random").model
    before = hash_weights(model)
    with torch.no_grad():
        model.layer4[1].bn2.running_var[3] += 1e-6
    assert hash_weights(model) != before


@pytest.mark.real
def test_the_embedded_network_classifies_photographs(shared_data):
    """>= 85 % top-1: proves that weights, order and normalisation are right. The folder names are the labels."""
    from timm.data import ImageNetInfo

    from partdisc.data import decode_image

    backbone = create_backbone()
    synsets = ImageNetInfo().label_names()
    right = total = 0
    for path in sorted((shared_data / "imagenet_sample").rglob("*.JPEG")):
        h, w = decode_image(path).shape[:2]
        scale = 256 / min(h, w)
        image = decode_image(path, size=(round(h * scale), round(w * scale)))
        top, left = (image.shape[0] - 224) // 2, (image.shape[1] - 224) // 2
        crop = torch.from_numpy(image[top : top + 224, left : left + 224].copy()).permute(2, 0, 1)[None]
        with torch.inference_mode():
            found = int(backbone.model(backbone.normalize(crop)).argmax())
        right += synsets[found] == path.parent.name
        total += 1
    assert total == 109
    assert right / total >= 0.85, f"{right} of {total}"


def test_layers_and_seeds_of_the_wrong_kind_are_told():
    with pytest.raises(ConfigError, match="names or indices of layers, but got 2.5"):
        create_backbone("resnet18", weights="random", layers=2.5)
    with pytest.raises(ConfigError, match="seed to be a whole number, but got '1'"):
        create_backbone("resnet18", weights="random", seed="1")
