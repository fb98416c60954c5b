from __future__ import annotations

import numpy as np
import pytest

from wattward.configs import load_scenario, load_tariff
from wattward.configs.schema.tariff import Tariff
from wattward.envs.model.params import make_params
from wattward.envs.world.processes.tariff import month_table

SHIPPED = ("zhejiang-xinjiang", "zhejiang-xinjiang-2024", "toy")


@pytest.mark.parametrize("name", [*SHIPPED, "follow-the-sun"])
def test_every_field_has_the_batch_axis_and_is_finite(name: str) -> None:
    one, three = make_params(load_scenario(name)), make_params(load_scenario(name), batch=3)
    for field, (first, many) in zip(one._fields, zip(one, three, strict=True), strict=True):
        assert first.shape[0] == 1 and many.shape[0] == 3, field
        assert many.flags.c_contiguous and np.isfinite(many).all(), field
        np.testing.assert_array_equal(many, np.repeat(first, 3, axis=0), err_msg=field)


def test_shapes_and_units_of_the_main_scenario() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    p = make_params(scenario)
    assert p.n_steps[0] == 672 and p.step_h[0] == 0.25
    np.testing.assert_array_equal(p.fleet_gpus, [[310.0, 310.0]])
    reserved = [region.fleet.reserved_for_interactive_gpus for region in scenario.regions]
    np.testing.assert_allclose(p.rigid_limit_gpus[0], 310.0 - np.array(reserved))
    link = scenario.regions[0].network
    assert p.wan_gb_per_step[0, 0] == pytest.approx(link.wan_gb_per_s * 900)
    monthly = [scenario.tariffs[r.tariff].demand_charge_per_kw_month for r in scenario.regions]
    np.testing.assert_allclose(p.demand_charge_per_kw[0], np.array(monthly) * 7 / 30.4)
    assert p.carbon_price_per_kg[0] == pytest.approx(scenario.contracts.carbon_price_per_tonne / 1000)
    assert p.n_leads.tolist() == [scenario.horizon + 1]


@pytest.mark.parametrize("name", SHIPPED)
def test_unfinished_work_is_no_cheaper_than_any_hour(name: str) -> None:
    scenario = load_scenario(name)
    p = make_params(scenario)
    for r, region in enumerate(scenario.regions):
        dearest = month_table(scenario.tariffs[region.tariff]).max()
        at_its_dearest = dearest * region.fleet.gpu_busy_kw * region.cooling.pue_base
        assert p.terminal_cost_per_gpu_h[0, r] >= at_its_dearest - 1e-12


@pytest.mark.parametrize("name", [*SHIPPED, "follow-the-sun"])
def test_the_reference_is_positive_and_below_the_cost_of_a_full_fleet(name: str) -> None:
    scenario = load_scenario(name)
    p = make_params(scenario)
    assert 0.0 < p.reference_cost_per_step[0] < (p.terminal_cost_per_gpu_h[0] @ p.fleet_gpus[0]) * p.step_h[0]


def test_mean_and_highest_price_of_a_tariff() -> None:
    tariff = load_tariff("toy-east")
    assert tariff.mean_price_per_kwh == pytest.approx((8 * 0.3 + 16 * 1.0) / 24)
    assert tariff.highest_price_per_kwh == 1.0
    real: Tariff = load_tariff("zhejiang-2026")
    assert real.mean_price_per_kwh == pytest.approx(month_table(real).mean())


def test_the_two_main_scenarios_differ_by_their_tariff_alone() -> None:
    new, old = load_scenario("zhejiang-xinjiang"), load_scenario("zhejiang-xinjiang-2024")
    assert (new.regions[0].tariff, old.regions[0].tariff) == ("zhejiang-2026", "zhejiang-2024")
    naming = {"name", "title", "source", "regions", "tariffs"}
    assert new.model_dump(exclude=naming) == old.model_dump(exclude=naming)
    assert new.regions[0].model_dump(exclude={"tariff"}) == old.regions[0].model_dump(exclude={"tariff"})
    assert new.regions[1] == old.regions[1]
