"""Kernels: products are exact to the last digits of fp32, and multiplied alike by every attempt."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import pytest
import torch
from torch.nn import functional

from worker.trainer.assembly.assemble import assemble
from worker.trainer.engine import kernels
from worker.trainer.engine.weights import Weights
from worker.trainer.layers.attention import angles, attention, heads, mask, paired, rotated, turns
from worker.trainer.layers.causal import LARGE, SMALL, causal
from worker.trainer.layers.norm import normed
from worker.trainer.units.gates import gated

LINE = {"dataset": "linear", "budget": {"steps": 20}}
TEXT = {"task": "text-generation", "dataset": "grammar", "budget": {"steps": 20}}
LANES, BATCH, TOKENS, HEADS, SIZE = 2, 3, 16, 2, 8


@pytest.fixture(autouse=True)
def _default_kernel():
    yield
    kernels.settle(kernels.DEFAULT)


@pytest.mark.parametrize("shape", [(2048, 128, 384), (2048, 384, 1536), (720, 264, 136)])
def test_the_kernel_of_large_products_is_as_exact_as_fp32(shape):
    rows, fan_in, fan_out = shape
    x, w = torch.randn(rows, fan_in), torch.randn(fan_out, fan_in)
    exact = x.double() @ w.double().T

    kernels.settle(kernels.best())

    assert ((x @ w.T - exact).norm() / exact.norm()).item() < kernels.WORST


def test_only_large_products_leave_the_default_kernel(a_lane, library):
    assemble([a_lane(TEXT).spec], "cpu", library)
    of_text = kernels.current()
    assemble([a_lane(LINE).spec], "cpu", library)

    assert of_text == kernels.best()
    assert kernels.current() == kernels.DEFAULT


def test_an_attempt_multiplies_as_the_one_before_it(train):
    stopped = train(TEXT, wish=lambda message: "pause" if message.say == "started" else None)[0]
    state = torch.load(f"{stopped.lane.folder}/{stopped.saved.folder}/state.pt", weights_only=True)

    assert state["facts"]["kernels"]["products"] == kernels.best()
    assert kernels.again(kernels.DEFAULT) == kernels.DEFAULT
    assert kernels.again(kernels.best()) == kernels.best()


def test_a_kernel_that_is_exact_elsewhere_only_is_not_taken_again():
    assert kernels.again("that of another processor") == kernels.DEFAULT


def test_weights_do_not_change_before_they_have_been_read():
    weights, seen, gate = Weights({"weight": (8, 8)}, 1, side=8, device="cpu"), [], Event()

    def read():
        gate.wait()
        seen.append("read")

    def change():
        weights.take((torch.ones(1, 8, 8),))
        seen.append("changed")

    with ThreadPoolExecutor(1) as pool:
        weights.lend(pool.submit(read))
        changing = Thread(target=change)
        changing.start()
        gate.set()
        changing.join()

    assert seen == ["read", "changed"]


def assert_same_function(mine, plain, *inputs):
    """Values and gradients of two functions agree."""
    found = []
    for function in (mine, plain):
        leaves = [tensor.clone().requires_grad_() for tensor in inputs]
        outputs = function(*leaves)
        parts = outputs if isinstance(outputs, tuple) else (outputs,)
        loss = sum((part * torch.linspace(-1, 1, part.numel()).view(part.shape)).sum() for part in parts)
        found.append([*parts, *torch.autograd.grad(loss, leaves)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)


def test_normed_is_the_root_mean_square_norm():
    assert_same_function(normed, lambda x: functional.rms_norm(x, (32,), eps=1e-5), torch.randn(2, 6, 32) * 3)


@pytest.mark.parametrize("inner", [None, torch.tensor([1.5, 0.3]).view(2, 1, 1)])
@pytest.mark.parametrize("outer", [None, torch.tensor([0.7, 2.0]).view(2, 1, 1)])
def test_gated_is_swiglu(inner, outer):
    def plain(both):
        gate, up = both.chunk(2, -1)
        return functional.silu(gate * (1 if inner is None else inner)) * up * (1 if outer is None else outer)

    assert_same_function(lambda both: gated(both, inner, outer), plain, torch.randn(2, 5, 32))


def test_attention_looks_back_only():
    hidden, shape = mask(TOKENS, TOKENS, torch.zeros(())), (4, TOKENS, SIZE)

    def plain(query, key, value):
        return functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=1.0)

    assert_same_function(lambda *qkv: attention(*qkv, hidden), plain, *(torch.randn(shape) for _ in range(3)))


@pytest.mark.parametrize("before", [0, 40])
@pytest.mark.parametrize("count", [2 * SMALL, 3 * SMALL + 8, 2 * LARGE, 3 * LARGE + 16, 100])
def test_causal_attention_by_blocks_is_causal_attention(count, before):
    hidden = mask(count, seen := before + count, torch.zeros(()))
    tensors = [torch.randn(3, tokens, SIZE).div_(8) for tokens in (count, seen, seen)]

    assert_same_function(lambda *qkv: causal(*qkv, hidden), lambda *qkv: attention(*qkv, hidden), *tensors)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("count", [2 * SMALL, 3 * SMALL + 8, 2 * LARGE])
def test_heads_attend_by_blocks_as_they_do_alone(count, dtype):
    hidden = mask(count, count, torch.zeros((), dtype=dtype))
    tensors = [torch.randn(6, count, SIZE).to(dtype) for _ in range(3)]

    together, alone = attended(tensors, hidden), attended([each[4:] for each in tensors], hidden)

    assert all(torch.equal(all_of[4:], two) for all_of, two in zip(together, alone, strict=True))


def attended(tensors, hidden):
    """What comes out, and the gradients of queries, keys and values."""
    leaves = [each.clone().requires_grad_() for each in tensors]
    mixed = causal(*leaves, hidden)
    return mixed, *torch.autograd.grad((mixed * mixed).sum(), leaves)


@pytest.mark.parametrize("count", [TOKENS, 5])
@pytest.mark.parametrize("scale", [0.25, torch.tensor([0.5, 3.0]).view(2, 1, 1)])
def test_heads_are_turned_by_their_positions(count, scale):
    angle, width = angles(0, TOKENS, SIZE, "cpu"), HEADS * SIZE
    shape = (LANES, BATCH, TOKENS, 3, HEADS, SIZE)

    def mine(x, weight):
        qkv = torch.bmm(x, paired(weight, SIZE).mT).view(shape)
        query, key, value = heads(qkv, turns(angle[:, -count:], scale), turns(angle), count)
        return torch.bmm(query, key.mT), value

    def plain(x, weight):
        query, key, value = torch.bmm(x, weight.mT).view(shape).permute(3, 0, 1, 4, 2, 5).unbind()
        by = scale if isinstance(scale, float) else scale[:, None, None]
        query, key = rotated(query[..., -count:, :] * by, angle[:, -count:]), rotated(key, angle)
        return torch.bmm(query.flatten(0, 2), key.flatten(0, 2).mT), value.flatten(0, 2)

    assert_same_function(mine, plain, torch.randn(LANES, BATCH * TOKENS, width), torch.randn(LANES, 3 * width, width))


def test_a_kernel_is_lent_for_a_while():
    before = kernels.current()

    with kernels.multiplying_by(kernels.ONEDNN):
        assert kernels.current() == kernels.ONEDNN != before

    assert kernels.current() == before
