from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from partdisc.errors import ArtifactError
from partdisc.store.model import read_model, write_model

TENSORS = {"basis": torch.arange(6.0).view(2, 3), "rule": torch.tensor(1)}


def test_a_model_reads_back_from_its_folder_or_its_run(tmp_path):
    write_model(tmp_path / "model", {"method": "dff"}, TENSORS)
    for folder in (tmp_path, tmp_path / "model"):
        config, tensors = read_model(folder)
        assert config["method"] == "dff"
        assert config["tensors"]["basis"] == "float32 [2, 3]"
        torch.testing.assert_close(tensors["basis"], TENSORS["basis"])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            {"basis": torch.zeros(3, 3), "rule": torch.tensor(1)},
            r"float32 \[2, 3\], but it is float32 \[3, 3\]",
        ),
        ({"basis": torch.zeros(2, 3)}, "'rule'.*absent"),
        ({**TENSORS, "more": torch.zeros(1)}, "'more'"),
        ({**TENSORS, "basis": torch.zeros(2, 3, dtype=torch.float16)}, "float16"),
    ],
)
def test_tensors_that_differ_from_the_config_are_named(tmp_path, found, words):
    write_model(tmp_path, {"method": "dff"}, TENSORS)
    save_file(found, tmp_path / "weights.safetensors")
    with pytest.raises(ArtifactError, match=words):
        read_model(tmp_path)


def test_a_missing_model_is_told(tmp_path):
    with pytest.raises(ArtifactError, match=r"config\.json"):
        read_model(tmp_path)
    write_model(tmp_path, {"method": "dff"}, TENSORS)
    (tmp_path / "weights.safetensors").write_bytes(b"no")
    with pytest.raises(ArtifactError, match="Cannot read the weights"):
        read_model(tmp_path)
