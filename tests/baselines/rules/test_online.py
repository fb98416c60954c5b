"""Online algorithms: their thresholds against the equations of the publications, and what they tell jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wattward.baselines.rules.online import carbon_clipper, lacs, pause_resume
from wattward.baselines.rules.online.bounds import Bounds, bounds, falling_root
from wattward.baselines.rules.online.carbon_clipper import Options, choose, threshold_ratio
from wattward.envs.model.types import RUNNING
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook

TUNING, TRAINING = 1, 2
ONE = {"longitude_deg": (120.0,)}
OutlookOf = Callable[..., Outlook]
JobOf = Callable[..., Any]
StepsOf = Callable[..., list[list[int]]]
RunIn = Callable[[str, Outlook], list[int]]
OrdersOf = Callable[[str, Outlook], Orders]


def column(*prices: float) -> np.ndarray:
    return np.array(prices)[:, None]


def of(*values: float) -> np.ndarray:
    return np.array(values)


# what they share


def test_a_falling_function_has_one_root() -> None:
    roots = falling_root(lambda x: of(2.0, 9.0) - x**2, of(0.0, 0.0), of(5.0, 5.0))
    assert roots == pytest.approx([2**0.5, 3.0], abs=1e-6)


def test_bounds_are_those_of_the_forecast_and_a_pause_costs_the_restart(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """Prices from .2 to .6; a restart of a quarter of an hourly step at the mean price .4 costs .1 for two switches."""
    outlook = outlook_of([job_of(0), job_of(0, job_class=TRAINING)], column(0.4, 0.6, 0.2), **ONE)
    at = bounds(outlook, np.arange(2))
    assert at.highest.tolist() == [0.6, 0.6] and at.lowest.tolist() == [0.2, 0.2]
    assert at.switch == pytest.approx([0.0, 0.05])
    two = outlook_of([job_of(0)], np.array([[0.4, 0.9], [0.6, 0.1]]))
    assert (bounds(two, np.arange(1)).highest[0], bounds(two, np.arange(1), everywhere=True).highest[0]) == (0.6, 0.9)


def test_free_power_leaves_a_positive_lowest_price(outlook_of: OutlookOf, job_of: JobOf) -> None:
    at = bounds(outlook_of([job_of(0)], column(0.5, -0.2), **ONE), np.arange(1))
    assert at.lowest[0] == pytest.approx(0.005) and at.highest[0] == 0.5


# pause and resume


def known(high: float, low: float, switch: float, steps: float) -> pause_resume._Known:
    at, units = Bounds(of(high), of(low), of(switch)), of(steps)
    return pause_resume._Known(*at, units, pause_resume.competitive_ratio(at, units))


def test_one_step_without_switching_starts_at_the_geometric_mean() -> None:
    """With k = 1 and beta = 0, (U - L) / (U (1 - 1 / a)) = 1 + 1 / a gives a = sqrt(U / L), so U / a = sqrt(U L)."""
    at = known(0.9, 0.1, 0.0, 1.0)
    assert at.ratio[0] == pytest.approx(3.0, abs=1e-6)
    assert pause_resume.resume_below(at, of(0.0))[0] == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize(("switch", "steps"), [(0.0, 1.0), (0.0, 8.0), (0.05, 1.0), (0.05, 8.0), (0.2, 24.0)])
def test_every_worst_case_costs_the_ratio_times_the_optimum(switch: float, steps: float) -> None:
    """Prices stay just above the next threshold after i steps were accepted, then U: the adversary of the proof."""
    high, low = 1.0, 0.1
    at = known(high, low, switch, steps)
    done = np.arange(steps + 1.0)
    resume = np.array([pause_resume.resume_below(at, of(i))[0] for i in done])
    assert resume[-1] == pytest.approx(low, abs=1e-5), "after the last step, the threshold is the lowest price"
    assert (np.diff(resume) < 0).all()
    go_on = resume + 2 * switch
    for i in range(int(steps) + 1):
        n_pairs = 2 if 0 < i < steps else 1
        accepted = (resume[0] if i else 0.0) + go_on[1:i].sum()
        algorithm = accepted + (steps - i) * high + 2 * switch * n_pairs
        optimum = steps * resume[i] + 2 * switch
        assert algorithm <= at.ratio[0] * optimum + 1e-4


def test_a_job_that_cannot_pause_starts_below_the_geometric_mean(steps_of: StepsOf, job_of: JobOf) -> None:
    """U = .9 and L = .1: it takes .3, although .1 comes later, and goes on at .9."""
    price = column(0.9, 0.31, 0.3, 0.9, 0.1, 0.1)
    job = [job_of(0, hours=2.0, due_h=20.0, job_class=TUNING)]
    assert steps_of("PauseResume", job, price, 6, **ONE) == [[2, 3]]


def test_a_running_job_goes_on_at_a_price_at_which_it_would_not_resume(outlook_of: OutlookOf, job_of: JobOf) -> None:
    from wattward.baselines import make

    policy, waiting = make("PauseResume"), job_of(0, hours=3.0, job_class=TRAINING)
    first = outlook_of([waiting], column(0.9, 0.5, 0.1), **ONE)
    policy.reset(first, np.random.default_rng(0))
    assert policy.act(first).run_in.tolist() == [STAY]
    at = known(0.9, 0.1, bounds(first, np.arange(1)).switch[0], 3.0)
    between = float(pause_resume.resume_below(at, of(0.0))[0]) + float(at.switch[0])
    assert policy.act(outlook_of([waiting], (between,), step=1, **ONE)).run_in.tolist() == [STAY]
    runs = job_of(0, hours=3.0, job_class=TRAINING, status=RUNNING)
    assert policy.act(outlook_of([runs], (between,), step=1, **ONE)).run_in.tolist() == [0]


def test_the_last_steps_before_the_deadline_run_at_any_price(steps_of: StepsOf, job_of: JobOf) -> None:
    for name in ("PauseResume", "LACS"):
        assert steps_of(name, [job_of(0, hours=2.0, due_h=4.0)], column(0.9, 0.9, 0.9, 0.9, 0.1), 5, **ONE) == [[2, 3]]


# LACS


def ramping(high: float, low: float, switch: float) -> lacs._Known:
    at = Bounds(of(high), of(low), of(switch))
    return lacs._Known(*at, of(1.0), lacs.competitive_ratio(at))


@pytest.mark.parametrize("switch", [0.0, 0.1])
def test_the_threshold_falls_from_u_over_alpha_plus_beta_to_l_plus_beta(switch: float) -> None:
    """phi(w) = U - beta + (U / alpha - U + 2 beta) exp(w / alpha)."""
    at = ramping(1.0, 0.1, switch)

    def phi(done: float) -> float:
        ratio = float(at.ratio[0])
        return 1.0 - switch + (1.0 / ratio - 1.0 + 2 * switch) * np.exp(done / ratio)

    assert phi(1.0) == pytest.approx(0.1 + switch, abs=1e-5)
    for share in (0.2, 0.5, 0.9):
        price = phi(share) - switch
        assert lacs.ramp(at, of(price), of(0.0), of(0.0), of(1.0))[0] == pytest.approx(share, abs=1e-4)
        assert lacs.ramp(at, of(price), of(0.15), of(0.0), of(1.0))[0] == pytest.approx(share - 0.15, abs=1e-4)
    assert lacs.ramp(at, of(0.1), of(0.0), of(0.0), of(1.0))[0] == pytest.approx(1.0, abs=1e-4)
    assert lacs.ramp(at, of(0.1), of(0.0), of(0.0), of(0.3)).tolist() == [0.3]
    assert lacs.ramp(at, of(1.0), of(0.0), of(0.0), of(1.0)).tolist() == [0.0]


def test_switching_keeps_the_share_of_the_step_before() -> None:
    """At a price between the two thresholds, what was done before is done again."""
    at = ramping(1.0, 0.1, 0.1)
    free = float(lacs.ramp(at, of(0.3), of(0.0), of(0.0), of(1.0))[0])
    assert lacs.ramp(at, of(0.3), of(0.0), of(free + 0.05), of(1.0))[0] == pytest.approx(free + 0.05)


def test_uncertain_jobs_run_at_higher_prices() -> None:
    """A longer likely length makes what is done a smaller share, so the threshold is higher."""
    at = lacs._Known(*(np.repeat(x, 2) for x in ramping(1.0, 0.1, 0.0)))
    price, done_h, longest = of(0.25, 0.25), of(5.0, 5.0), of(10.0, 15.0)
    shares = lacs.ramp(at, price, done_h / longest, of(0.0, 0.0), 1.0 / longest) * longest
    assert shares[1] > shares[0]


def test_malleable_jobs_scale_and_rigid_jobs_run_or_wait(
    outlook_of: OutlookOf, job_of: JobOf, orders_of: OrdersOf
) -> None:
    jobs = [job_of(0, hours=1.0, due_h=20.0), job_of(0, hours=1.0, due_h=21.0, job_class=TUNING)]
    seen = set()
    for now in np.linspace(0.1, 0.9, 33):
        orders = orders_of("LACS", outlook_of(jobs, column(now, 0.9, 0.1, 0.5), **ONE))
        assert orders.limit_gpus is not None
        scaled, rigid = orders.limit_gpus.tolist()
        assert 0.0 <= scaled <= 10.0 and rigid in (0.0, 10.0)
        assert (rigid > 0) == (scaled >= 5.0 - 1e-6)
        seen.add(round(scaled))
    assert {0, 10} < seen, "from nothing at a high price to all GPUs at a low one, and something between"


# CarbonClipper


def job(**values: float) -> carbon_clipper._Job:
    start = {"highest": 1.0, "lowest": 0.1, "switch": 0.0, "diameter": 0.0, "work_gpu_h": 10.0, "robust_done": 0.0}
    start |= {"done": 0.0, "cost": 0.0, "advice_done": 0.0, "advice_cost": 0.0, "rate": 0.0, "place": 0.0} | values
    high, low, switch, diameter = (of(start[name]) for name in ("highest", "lowest", "switch", "diameter"))
    ratio = threshold_ratio(high, low, switch, diameter, carbon_clipper.EPSILON)
    return carbon_clipper._Job(ratio=ratio, **{name: of(value) for name, value in start.items()})


def waits_or_runs(*rates: float, share: float = 0.5, move: float = 0.0) -> Options:
    """To wait, or to run in one of the regions, of which all but the first cost a move."""
    moves = [0.0, 0.0, *[move] * (len(rates) - 1)]
    zero = [0.0] * len(moves)
    return Options(*(of(*row)[None] for row in ([0.0, *[share] * len(rates)], [0.0, *rates], moves, zero)))


def test_the_ratio_follows_the_trust_in_advice() -> None:
    """1 + epsilon = 1 trusts the advice: eta = U / L. Without any, eta is the ratio alpha of one-way trading."""
    high, low, none = of(1.0), of(0.1), of(0.0)
    assert threshold_ratio(high, low, none, none, 0.0)[0] == pytest.approx(10.0, rel=1e-4)
    alone = float(threshold_ratio(high, low, none, none, 100.0)[0])
    assert (1.0 - 1.0 / alone) * np.exp(1.0 / alone) == pytest.approx(0.9, abs=1e-5)
    between = [float(threshold_ratio(high, low, none, none, epsilon)[0]) for epsilon in (0.5, 1.0, 2.0)]
    assert 10.0 > between[0] > between[1] > between[2] >= alone


def test_the_threshold_decides_among_safe_options() -> None:
    """Advice waits. psi falls from U / eta, so half of the job is worth running at .1, and not at .9."""
    at = job()
    assert 0.1 < 1.0 / float(at.ratio[0]) < 0.9
    assert choose(at, waits_or_runs(0.9), np.array([0]))[0].tolist() == [0]
    assert choose(at, waits_or_runs(0.1), np.array([0]))[0].tolist() == [1]
    assert choose(at, waits_or_runs(0.9, 0.1, move=0.05), np.array([0]))[0].tolist() == [2]
    assert choose(at, waits_or_runs(0.1, 0.08, move=0.05), np.array([0]))[0].tolist() == [1]


def test_options_that_may_cost_too_much_give_way_to_the_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Advice runs half of the job now at .5, so it may cost .25 + .05 in all; with epsilon 2, .9.

    If the job waits, the half that it is behind may cost U: 1 x .1 + .5 x .9 = .55. With epsilon .5 that is too much.
    """
    at, options, runs = job(advice_done=0.5, advice_cost=0.25), waits_or_runs(0.5), np.array([1])
    assert choose(at, options, runs)[1].tolist() == [0], "the threshold alone would wait"
    assert choose(at, options, runs)[0].tolist() == [0]
    monkeypatch.setattr(carbon_clipper, "EPSILON", 0.5)
    assert choose(at, options, runs)[0].tolist() == [1]


def test_advice_is_the_cheapest_place_and_time(outlook_of: OutlookOf, job_of: JobOf) -> None:
    """10 GPU-h at .2 in step 2 of the second region and a move for 1, against .5 in the first: 3 against 5."""
    price = np.array([[0.5, 0.9], [0.5, 0.9], [0.6, 0.2], [0.6, 0.9]])
    outlook = outlook_of([job_of(0, due_h=4.0)], price)
    rate = outlook.price_forecast_per_kwh
    plan = carbon_clipper.advice(outlook, np.arange(1), rate, np.zeros((1, 2), np.int64))
    assert plan.place.tolist() == [1] and np.flatnonzero(plan.runs[0]).tolist() == [2]
    late = carbon_clipper.advice(outlook, np.arange(1), rate, np.array([[0, 3]]))
    assert late.place.tolist() == [0] and np.flatnonzero(late.runs[0]).tolist() == [0]


def test_carbon_clipper_runs_at_the_lowest_price_and_before_the_deadline(
    outlook_of: OutlookOf, job_of: JobOf, run_in: RunIn
) -> None:
    low_now = np.array([[0.9, 0.1], [0.9, 0.9]])
    assert run_in("CarbonClipper", outlook_of([job_of(0, gpus=10.0, hours=3.0)], low_now)) == [1]
    assert run_in("CarbonClipper", outlook_of([job_of(0, hours=2.0, due_h=2.0)], low_now)) == [0]
