"""What counts as one answer, for tables of wires, metered runs and the accuracy of variants alike."""

from __future__ import annotations

import pytest
import torch

from joulecut_runtime.wires.answers import answers

PIXELS = torch.tensor([[[[0.1, 0.9], [0.7, 0.2]], [[0.4, 0.3], [0.8, 0.6]]]])
"""One picture of two classes, 2 x 2."""


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (torch.tensor([[0.1, 0.9, 0.0]]), [1]),
        (torch.tensor([[[0.1, 0.9], [0.7, 0.2]]]), [1, 0]),
        (PIXELS, [1, 0, 1, 1]),
        (PIXELS.unsqueeze(2), [1, 0, 1, 1]),
        (PIXELS[:, :1], [1, 0]),
        (PIXELS > 0.75, [0, 0, 1, 0]),
        (torch.tensor(3.0), [0]),
    ],
    ids=["classes", "of tokens", "of pixels", "of voxels", "one channel", "yes or no", "a number"],
)
def test_answers(output: torch.Tensor, expected: list[int]) -> None:
    """Along axis 1 as torch has it where there are pixels, else along the last."""
    assert answers(output).tolist() == expected
