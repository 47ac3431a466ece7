# SPDX-License-Identifier: Apache-2.0
"""PyTorch's own operator database for nn.functional.grid_sample, run against ours: samples, errors, gradients, forward mode.

The entry's samples, its error inputs and the checks that PyTorch makes of them are torch's; only the function is ours.
"""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="torch.testing._internal needs it")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

from torch.autograd import gradcheck, gradgradcheck  # noqa: E402

import gridsample as gs  # noqa: E402

ENTRY = next(entry for entry in op_db if entry.name == "nn.functional.grid_sample")
CPU = "cpu"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def samples(dtype, requires_grad=False):
    torch.manual_seed(0)
    return list(ENTRY.sample_inputs(CPU, dtype, requires_grad=requires_grad))


def ours(sample):
    return gs.grid_sample(sample.input, *sample.args, **sample.kwargs)


@pytest.mark.parametrize("dtype", sorted(ENTRY.supported_dtypes(CPU), key=str), ids=str)
def test_samples_give_torchs_values(dtype):
    seen = samples(dtype)
    assert len(seen) > 10
    for sample in seen:
        theirs = ENTRY.op(sample.input, *sample.args, **sample.kwargs)
        result = ours(sample)
        assert result.dtype == theirs.dtype
        if dtype in (
            torch.float16,
            torch.bfloat16,
        ):  # torch computes positions in the half type; ours are those of float32
            wide = [x.float() for x in (sample.input, sample.args[0])]
            theirs = ENTRY.op(*wide, *sample.args[1:], **sample.kwargs).to(dtype)
        torch.testing.assert_close(result, theirs)


def test_what_torch_refuses_is_refused_as_torch_does():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mistakes = list(ENTRY.error_inputs(CPU)) if ENTRY.error_inputs_func is not None else []
    for mistake in mistakes:
        with pytest.raises(mistake.error_type):
            ours(mistake.sample_input)
    unsupported = {torch.int64, torch.complex64, torch.bool} - set(ENTRY.supported_dtypes(CPU))
    for dtype in unsupported:
        with pytest.raises(NotImplementedError):
            gs.grid_sample(torch.ones(1, 1, 4, 4, dtype=dtype), torch.zeros(1, 2, 2, 2))


def test_gradients_forward_mode_and_second_gradients():
    assert ENTRY.supports_gradgrad
    for sample in samples(torch.float64, requires_grad=True):
        grid, *rest = sample.args

        def function(image, grid, rest=rest, kwargs=sample.kwargs):
            return gs.grid_sample(image, grid, *rest, **kwargs)

        inputs = sample.input, grid
        assert gradcheck(function, inputs, check_forward_ad=True, fast_mode=True, nondet_tol=0.0)
        assert gradgradcheck(function, inputs, fast_mode=True, nondet_tol=0.0, check_fwd_over_rev=True)
