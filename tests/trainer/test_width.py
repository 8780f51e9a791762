"""Width and fewer bits: what they do to a decoder under SP, μP and u-μP, as it was measured elsewhere.

    what was measured                                            held by
    loss, gradients and rates of the package                     test_unit_scaling, …_are_those_of_the_package
    scale of linear layers, of what is read out, of logits       test_unit_scaling, …_keep_unit_scale, …_of_the_width
    scale of gradients                                           test_unit_scaling, test_every_gradient_of_…
    decay that does not depend on the rate                       test_optimizers, test_weight_decay_is_independent_…
    one noise scale under every parametrization                  test_noise, test_a_function_has_one_noise_scale_…
    how far a step moves features                                test_a_step_moves_…
    where the best learning rate is, and what another costs      test_the_best_rate_…
    what simulated FP8 loses                                     test_fp8_…

The last three are printed, of real text and more seeds, by `benchmarks.unit_scale` and `benchmarks.transfer`.
"""

import numpy as np
import pytest
import torch

from benchmarks.decoder import a_spec, trained
from benchmarks.transfer import penalty, vertex
from benchmarks.unit_scale import FIRST_RATES, WIDTHS, in_bytes, moves
from unitscale.models.units import Parametrization
from worker.trainer.units.tables import Kind, Table, Weight

MOVES = {"sp": [0.68, 1.03, 1.67, 2.79], "u-mup": [1.71, 1.36, 1.52, 1.43]}
"""By widths of 32, 64, 128 and 256: one seed, other text."""

pytestmark = pytest.mark.timeout(600)  # seconds of a core, which on a busy machine are minutes


@pytest.mark.parametrize("width", [32, 256])
@pytest.mark.parametrize("name", list(Parametrization))
def test_a_token_starts_at_unit_scale_whatever_the_width(name, width):
    kinds = {"embedding": Weight(Kind.EMBEDDING, (500, width))}

    drawn = Table(name, width / 64).draw(kinds, torch.Generator().manual_seed(0))["embedding"]

    assert drawn.std().item() == pytest.approx(1, abs=0.02)


@pytest.fixture(scope="module")
def moved(library):
    """Mean RMS change of the last residual by the first step, of four seeds, at each width."""
    return {
        name: [np.mean(moves(name, width, 4, library, dataset="grammar")) for width in WIDTHS] for name in FIRST_RATES
    }


@pytest.mark.parametrize(("name", "within"), [("sp", 0.25), ("u-mup", 0.5)])
def test_a_step_moves_features_as_far_as_elsewhere(moved, name, within):
    assert moved[name] == pytest.approx(MOVES[name], rel=within)


def test_a_step_moves_features_further_at_each_doubling_of_the_width_under_sp(moved):
    assert np.divide(moved["sp"][1:], moved["sp"][:-1]).min() > 1.4


@pytest.mark.parametrize("name", ["mup", "u-mup"])
def test_a_step_moves_features_alike_at_every_width_under_mup_and_u_mup(moved, name):
    assert moved[name] == pytest.approx([np.mean(moved[name])] * len(WIDTHS), rel=0.25)


def test_a_step_of_sgd_moves_features_further_at_each_width_under_sp_and_alike_under_mup(library):
    """By its own rates: arXiv 2203.03466, table 8."""
    how = {"rate": 0.2, "optimizer": {"name": "sgd"}, "dataset": "grammar"}
    sp, mup = ([np.mean(moves(name, width, 4, library, **how)) for width in WIDTHS] for name in ("sp", "mup"))

    assert sp[-1] > 2 * sp[0]
    assert mup == pytest.approx([np.mean(mup)] * len(WIDTHS), rel=0.25)


@pytest.fixture(scope="module")
def tuned(library):
    """log2 of rates an octave apart, and the validation losses that they lead to at widths of 32 and of 128."""
    grids = {"sp": np.arange(-8.0, -3.5), "u-mup": np.arange(-1.0, 2.5)}

    def losses(name, width):
        specs = [a_spec(name, width, 2.0**rate, 0, steps=60, dataset="grammar") for rate in grids[name]]
        return np.array(trained(specs, library)[0])

    return {name: (rates, losses(name, 32), losses(name, 128)) for name, rates in grids.items()}


def test_the_best_rate_falls_with_the_width_under_sp(tuned):
    rates, narrow, wide = tuned["sp"]

    assert (vertex(rates, wide) - vertex(rates, narrow)) / 2 == pytest.approx(-1, abs=0.25)
    assert penalty(rates, narrow, wide) > 0.08


def test_the_best_rate_stays_where_it_is_under_u_mup(tuned):
    rates, narrow, wide = tuned["u-mup"]

    assert (vertex(rates, wide) - vertex(rates, narrow)) / 2 == pytest.approx(0, abs=0.3)
    assert penalty(rates, narrow, wide) < 0.05


def test_fp8_costs_sp_more_than_u_mup_for_it_loses_gradients(library):
    """At about the best rates of each."""
    sp, umup = (in_bytes(name, rate, 2, library, dataset="grammar") for name, rate in (("sp", 2**-6), ("u-mup", 2.0)))

    assert sp.lost > 0.3
    assert umup.lost < 0.02
    assert sp.more.mean() > 0.05
    assert umup.more.mean() < 0.02
