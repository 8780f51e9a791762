"""Laws that are known are found again, and what is not known is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from app.analysis.scaling_laws.fits import fitted
from app.analysis.scaling_laws.forms import FORMS, GREATEST_EXPONENT
from app.analysis.scaling_laws.law import law
from app.analysis.scaling_laws.minimum import DELTA, gradient, huber, objective

PUBLISHED = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
"""Source: arXiv:2404.10102."""
KAPLAN = {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103}
"""Source: arXiv:2001.08361, table 2."""
BUDGET = 5.76e23


def chinchilla(n, d):
    return PUBLISHED["E"] + PUBLISHED["A"] / n ** PUBLISHED["alpha"] + PUBLISHED["B"] / d ** PUBLISHED["beta"]


def kaplan(n, d):
    k = KAPLAN["alpha_N"] / KAPLAN["alpha_D"]
    return ((KAPLAN["N_c"] / n) ** k + KAPLAN["D_c"] / d) ** KAPLAN["alpha_D"]


KNOWN = {"chinchilla": (chinchilla, PUBLISHED), "kaplan": (kaplan, KAPLAN)}


def points(of=chinchilla, sizes=20, lengths=12, noise=0.0, seed=0):
    """Every size on every number of tokens."""
    n = np.repeat(np.geomspace(5e7, 1e10, sizes), lengths)
    d = np.tile(np.geomspace(1e9, 1e12, lengths), sizes)
    losses = of(n, d) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(n)))
    return np.stack([n, d, losses], axis=1).tolist()


def answer(rows, form="chinchilla", bootstrap=0, seed=0, at=(), flops=()):
    asked = {"form": form, "points": rows, "bootstrap": bootstrap, "seed": seed, "at": at, "flops": flops}
    return law(asked)


def codes(found):
    return [doubt["code"] for doubt in found["warnings"]]


@pytest.mark.parametrize("form", FORMS)
def test_without_noise_the_law_itself_is_found(form):
    of, numbers = KNOWN[form]

    found = answer(points(of), form)

    assert found["fit"] == pytest.approx(numbers, rel=1e-5)
    assert found["spread"] < 1e-7
    assert found["warnings"] == []


@pytest.mark.parametrize("form", FORMS)
def test_intervals_hold_the_truth_as_often_as_they_say(form):
    of, numbers = KNOWN[form]
    held = dict.fromkeys(numbers, 0)

    for seed in range(40):
        found = answer(points(of, 10, 8, noise=0.01, seed=seed), form, bootstrap=200, seed=seed)
        for name, truth in numbers.items():
            held[name] += found["intervals"][name]["low"] <= truth <= found["intervals"][name]["high"]

    assert min(held.values()) >= 34, held
    assert min(held.values()) < 40, held


def test_the_best_sizes_of_a_budget_are_predicted_within_their_intervals():
    truth = answer(points(), flops=[BUDGET])["predictions"]["flops"][0]

    [found] = answer(points(noise=0.01, seed=1), bootstrap=200, flops=[BUDGET])["predictions"]["flops"]

    for name in ("parameters", "tokens", "loss"):
        assert found[f"{name}_interval"]["low"] <= truth[name] <= found[f"{name}_interval"]["high"]
    assert truth["parameters"] == pytest.approx(7.3e10, rel=0.05)


@pytest.mark.parametrize("form", FORMS)
def test_no_other_size_makes_more_of_a_budget(form):
    of, _ = KNOWN[form]
    [best] = answer(points(of), form, flops=[BUDGET])["predictions"]["flops"]
    sizes = best["parameters"] * np.geomspace(0.1, 10, 2001)

    losses = of(sizes, BUDGET / 6 / sizes)

    assert best["parameters"] * best["tokens"] * 6 == pytest.approx(BUDGET)
    assert best["loss"] == pytest.approx(losses.min(), rel=1e-6)
    assert abs(int(losses.argmin()) - 1000) <= 1


def test_a_loss_is_predicted_with_the_interval_of_the_law():
    [found] = answer(points(noise=0.01, seed=1), bootstrap=200, at=[(2e10, 2e12)])["predictions"]["at"]

    assert found["interval"]["low"] <= chinchilla(2e10, 2e12) <= found["interval"]["high"]
    assert found["interval"]["high"] - found["interval"]["low"] < 0.05


LAWS = {
    "chinchilla": [(-1, 2), (-1, 2), (-1, 0.5), (0.05, 2), (0.05, 2)],
    "kaplan": [(-1, 2), (-1, 2), (0.02, 1), (0.02, 1)],
}


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_gradients_are_those_of_finite_differences(form, data):
    kind = FORMS[form]
    one = np.array([data.draw(st.floats(*bounds)) for bounds in LAWS[form]])
    known = fitted(kind, points(noise=0.05, sizes=4, lengths=4), 0, 0).points
    step = 1e-6 * np.eye(len(one))

    difference = (objective(kind, one + step, known) - objective(kind, one - step, known)) / 2e-6

    assert gradient(kind, one[None], known)[0] == pytest.approx(difference, rel=1e-4, abs=1e-7)


def test_huber_is_a_square_within_delta_and_a_line_beyond():
    assert huber(np.array([DELTA / 2, -DELTA])) == pytest.approx([DELTA**2 / 8, DELTA**2 / 2])
    assert huber(np.array([1.0])) == pytest.approx([DELTA * (1 - DELTA / 2)])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("noise", [0.003, 0.01, 0.1])
def test_no_start_leads_lbfgs_to_a_lower_sum(form, noise):
    kind, (of, _) = FORMS[form], KNOWN[form]
    fit = fitted(kind, points(of, sizes=6, lengths=5, noise=noise), 0, 0)
    low, high = kind.box(fit.points.y)

    def scaled(x):
        return 1e3 * objective(kind, x[None], fit.points)[0], 1e3 * gradient(kind, x[None], fit.points)[0]

    found = [
        minimize(
            scaled,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(low, high, strict=True)),
            options={"ftol": 1e-14},
        ).fun
        for start in kind.starts(fit.points.y)[::7]
    ]

    assert objective(kind, fit.law, fit.points)[0] * 1e3 <= min(found) * (1 + 1e-6)
    assert objective(kind, fit.law, fit.points)[0] * 1e3 == pytest.approx(min(found), rel=1e-3)


@settings(max_examples=25)
@given(of_n=st.floats(1e-3, 1e3), of_d=st.floats(1e-3, 1e3), of_loss=st.floats(0.2, 5), seed=st.integers(0, 9))
def test_other_units_change_the_factors_alone(of_n, of_d, of_loss, seed):
    rows = points(sizes=6, lengths=5, noise=0.01, seed=seed)
    found = answer(rows)["fit"]

    other = answer([(n * of_n, d * of_d, loss * of_loss) for n, d, loss in rows])["fit"]

    assert other["alpha"] == pytest.approx(found["alpha"], rel=1e-4)
    assert other["beta"] == pytest.approx(found["beta"], rel=1e-4)
    assert other["E"] == pytest.approx(found["E"] * of_loss, rel=1e-4)
    assert other["A"] == pytest.approx(found["A"] * of_loss * of_n ** found["alpha"], rel=1e-2)
    assert other["B"] == pytest.approx(found["B"] * of_loss * of_d ** found["beta"], rel=1e-2)


@settings(max_examples=10)
@given(order=st.permutations(range(30)))
def test_the_order_of_points_does_not_matter(order):
    rows = points(sizes=6, lengths=5, noise=0.01)

    found, other = answer(rows), answer([rows[place] for place in order])

    assert other["fit"] == pytest.approx(found["fit"], rel=1e-4)
    assert other["residuals"] == pytest.approx([found["residuals"][place] for place in order], abs=1e-5)


def test_the_same_seed_gives_the_same_intervals():
    rows = points(sizes=5, lengths=4, noise=0.01)

    first, again, other = (answer(rows, bootstrap=50, seed=seed)["intervals"] for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_points_far_off_are_named_and_hardly_move_the_law():
    rows = points(noise=0.01)
    rows[17][2] *= 1.5
    rows[101][2] *= 0.7

    found = answer(rows, bootstrap=200)

    [doubt] = [doubt for doubt in found["warnings"] if doubt["code"] == "far_off_points"]
    assert doubt["points"] == [17, 101]
    assert found["fit"]["E"] == pytest.approx(answer(points(noise=0.01))["fit"]["E"], abs=0.02)


@pytest.mark.parametrize("sizes", [4, 20])
def test_noise_alone_is_seldom_called_far_off(sizes):
    found = [answer(points(sizes=sizes, lengths=sizes, noise=0.02, seed=seed)) for seed in range(12)]

    assert sum("far_off_points" in codes(each) for each in found) <= 2


def test_the_spread_is_that_of_the_noise_however_few_the_points():
    spreads = [answer(points(sizes=4, lengths=4, noise=0.02, seed=seed))["spread"] for seed in range(40)]

    assert np.median(spreads) == pytest.approx(0.02, rel=0.3)


def test_few_points_and_few_sizes_are_said():
    assert codes(answer(points(sizes=3, lengths=3, noise=0.001))) == [
        "too_few_points",
        "too_few_sizes",
        "too_few_sizes",
    ]


def test_sizes_that_lie_close_are_said():
    rows = [(n, d, chinchilla(n, d)) for n in np.geomspace(1e8, 4e8, 5) for d in np.geomspace(1e9, 1e11, 5)]

    [doubt] = [doubt for doubt in answer(rows)["warnings"] if doubt["code"] == "narrow_range"]

    assert doubt["detail"].startswith("The model sizes lie within a factor of 4;")


def test_sizes_that_rise_together_are_said():
    together = [(n, 20 * n, chinchilla(n, 20 * n)) for n in np.geomspace(1e7, 1e10, 20)]

    assert "entangled_sizes" in codes(answer(together))
    assert "entangled_sizes" not in codes(answer(points()))


@pytest.mark.parametrize(
    ("of", "form", "term"),
    [
        (lambda n, d: 1 + 2000 / d**0.36 + 0 * n, "chinchilla", "A"),
        (lambda n, d: 1 + 400 / n**0.34 + 0 * d, "chinchilla", "B"),
        (lambda n, d: 40 / n**0.2 + 60 / d**0.2, "chinchilla", "E"),
        (lambda n, d: (1e13 / d) ** 0.1 + 0 * n, "kaplan", "N_c"),
        (lambda n, d: (1e13 / n) ** 0.1 + 0 * d, "kaplan", "D_c"),
    ],
)
def test_a_term_that_points_do_not_show_is_said(of, form, term):
    found = answer(points(of), form)

    assert [doubt["detail"].split(" is ")[0] for doubt in found["warnings"] if doubt["code"] == "unseen_term"] == [
        f"The term of {term}"
    ]


def test_an_exponent_at_its_bound_is_said():
    found = answer(points(lambda n, d: 1 + (1e8 / n) ** 5 + 2000 / d**0.36))

    assert found["fit"]["alpha"] == GREATEST_EXPONENT
    assert [doubt["detail"].split(" is ")[0] for doubt in found["warnings"] if doubt["code"] == "at_a_bound"] == [
        "alpha"
    ]


def test_an_exponent_that_may_be_almost_anything_is_said():
    loose = answer(points(sizes=4, lengths=4, noise=0.1), bootstrap=200)

    assert "loose_exponents" in codes(loose)
    assert "loose_exponents" not in codes(answer(points(noise=0.01), bootstrap=200))


def test_refits_that_end_at_a_bound_make_intervals_unsure():
    found = answer(points(sizes=4, lengths=4, noise=0.3), bootstrap=200)

    assert "unsure_intervals" in codes(found)


def test_what_lies_far_beyond_the_points_is_said():
    rows = points()

    near = answer(rows, at=[(9e10, 9e12)], flops=[1e22])
    far = answer(rows, at=[(9e10, 9e12), (1e12, 1e12)], flops=[1e22, 1e28, 1e29])

    assert codes(near) == []
    assert [doubt["detail"].partition(":")[0] for doubt in far["warnings"]] == [
        "predictions.at 1",
        "predictions.flops 1, 2",
    ]


@settings(max_examples=15)
@given(
    rows=st.lists(
        st.tuples(st.floats(1, 1e18), st.floats(1, 1e18), st.floats(1e-9, 1e6)), min_size=6, max_size=12, unique=True
    ),
    form=st.sampled_from(sorted(FORMS)),
)
def test_any_points_give_an_answer(rows, form):
    found = answer([list(row) for row in rows], form, bootstrap=50, at=[(1, 1e18)], flops=[1, 1e40])

    assert np.isfinite(found["residuals"]).all()
    assert len(found["residuals"]) == len(rows)
