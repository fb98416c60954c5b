"""Token economics by hand, and energy of a token against the table that its fits come from."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattward.configs import load_fit, load_serving, load_tokens
from wattward.configs.schema.tokens import ServingFit, Tokens
from wattward.envs.accounting.economics import ALL_TOKENS, EVERYTHING, Row, peak_hours, token_economics
from wattward.envs.accounting.hourly import N_PLANTS, N_SUPPLIES, Hourly
from wattward.envs.accounting.serving import energy_j_per_tok, power_w, throughput_tok_per_s
from wattward.envs.accounting.supplies import SUPPLIES
from wattward.envs.policy.outlook import EPOCH

FITS = load_serving("mlenergy-h100").fits
PRICES = Tokens.model_validate(
    {
        "name": "mine",
        "title": "Mine",
        "source": "made up",
        "tokens_per_gpu_h": {"interactive": 1e6},
        "cost_per_mtok": {"peak": 8.0, "off_peak": 4.0},
        "peak_hours": [[9, 12]],
        "holidays": [date(2026, 3, 4)],
    }
)


def hours_from(year: int, month: int, day: int, hour: int, count: int) -> np.ndarray:
    first = int((datetime(year, month, day, hour) - datetime(EPOCH.year, EPOCH.month, EPOCH.day)).total_seconds())
    return np.arange(count) + first // 3600


def two_hours() -> Hourly:
    """08:00 and 09:00 of a Monday in one region: requests on 2 GPU-h and then 3, training on 1, idle GPUs besides."""
    kwh = np.zeros((2, 1, 4, N_SUPPLIES))
    kwh[:, 0, :, SUPPLIES.index("grid")] = [[1.0, 0.5, 0.0, 0.5], [1.5, 0.5, 0.0, 0.0]]
    plants = np.zeros((2, 1, N_PLANTS))
    return Hourly(
        hour=hours_from(2026, 3, 2, 8, 2),
        utc_offset_minutes=480,
        regions=("here",),
        consumers=("interactive", "training", "storage", "overhead"),
        kwh=kwh,
        gpu_h=np.array([[[2.0, 1.0, 0.0, 0.0]], [[3.0, 1.0, 0.0, 0.0]]]),
        carbon_g=kwh.sum(axis=3) * 500.0,
        electricity_cost=kwh.sum(axis=3) * 0.6,
        delivered_kwh=plants,
        curtailed_kwh=plants,
        sold_kwh=plants,
        tokens=None,
    )


def row_of(rows: list[Row], region: str, consumer: str) -> Row:
    (found,) = (row for row in rows if (row["region"], row["consumer"]) == (region, consumer))
    return found


def test_tokens_cost_and_earn_what_a_hand_finds() -> None:
    rows = token_economics(two_hours(), PRICES)
    mine = row_of(rows, "here", "interactive")
    assert {name: value for name, value in mine.items() if name not in ("region", "consumer")} == pytest.approx(
        {
            "mtok": 5.0,
            "kwh": 2.5,
            "electricity_cost": 1.5,
            "carbon_g": 1250.0,
            "kwh_per_mtok": 0.5,
            "cost_per_mtok": 0.3,
            "carbon_g_per_mtok": 250.0,
            "peak_revenue": 24.0,
            "off_peak_revenue": 8.0,
            "revenue": 32.0,
            "revenue_per_kwh": 12.8,
        }
    )
    everything = row_of(rows, "all regions", EVERYTHING)
    assert (everything["kwh"], everything["kwh_per_mtok"]) == (pytest.approx(4.0), pytest.approx(0.8))
    assert row_of(rows, "all regions", ALL_TOKENS)["kwh"] == pytest.approx(2.5)


def test_tokens_of_the_ledger_itself_go_before_those_of_the_prices() -> None:
    hourly = two_hours()
    made = token_economics(hourly._replace(tokens=hourly.gpu_h * [0.0, 3e6, 0.0, 0.0]), PRICES)
    assert row_of(made, "here", "training")["mtok"] == pytest.approx(6.0)


def test_without_tokens_quotients_are_absent() -> None:
    hourly = two_hours()
    rows = token_economics(hourly._replace(tokens=np.zeros_like(hourly.gpu_h)), PRICES)
    assert [row["consumer"] for row in rows] == [ALL_TOKENS, EVERYTHING] * 2
    assert row_of(rows, "here", EVERYTHING)["kwh_per_mtok"] is None
    assert row_of(rows, "here", ALL_TOKENS)["revenue_per_kwh"] is None


def test_peak_hours_leave_out_weekends_and_holidays() -> None:
    monday_to_sunday = hours_from(2026, 3, 2, 0, 7 * 24)
    peak = peak_hours(PRICES, monday_to_sunday).reshape(7, 24)
    assert peak.sum(axis=1).tolist() == [3, 3, 0, 3, 3, 0, 0]
    assert np.flatnonzero(peak[0]).tolist() == [9, 10, 11]


@pytest.mark.parametrize("name", ["deepseek-flash", "deepseek-v4-pro"])
def test_shipped_prices_halve_off_peak_and_know_national_day(name: str) -> None:
    tokens = load_tokens(name)
    assert tokens.cost_per_mtok.peak == 2.0 * tokens.cost_per_mtok.off_peak
    assert peak_hours(tokens, hours_from(2026, 10, 7, 0, 48)).sum() == 7


def requests_at(fit: ServingFit, share: float) -> float:
    """Concurrent requests that give a share of the best measured throughput."""
    tok_per_s = share * fit.best_tok_per_s_per_gpu
    return fit.half_batch * tok_per_s / (fit.most_tok_per_s_per_gpu - tok_per_s)


@pytest.mark.parametrize("name", FITS)
def test_at_the_best_throughput_a_fit_gives_the_power_it_was_made_for(name: str) -> None:
    fit = FITS[name]
    assert throughput_tok_per_s(fit, requests_at(fit, 1.0)) == pytest.approx(fit.best_tok_per_s_per_gpu)
    assert power_w(fit, np.array(fit.best_tok_per_s_per_gpu)) == pytest.approx(fit.power_high_w_per_gpu)
    assert power_w(fit, np.array(0.0)) == pytest.approx(fit.power_low_w_per_gpu)


def test_the_fits_are_the_tables_and_meet_its_energy_per_token(data_dir: Path) -> None:
    table = pd.read_csv(data_dir / "traces" / "mlenergy_h100_fits_derived.csv")
    assert len(table) == len(FITS)
    for row, fit in zip(table.itertuples(), FITS.values(), strict=True):
        assert (row.model, row.gpus, row.Tmax_tok_s_gpu, row.b_half) == (
            fit.model,
            fit.gpus,
            fit.most_tok_per_s_per_gpu,
            fit.half_batch,
        )
        assert (row.P0_W, row.P1_W, row.k, row.T_best) == (
            fit.power_low_w_per_gpu,
            fit.power_high_w_per_gpu,
            fit.power_exponent,
            fit.best_tok_per_s_per_gpu,
        )
        assert energy_j_per_tok(fit, requests_at(fit, 1.0)) == pytest.approx(row.J_best, rel=0.05)


@given(name=st.sampled_from(list(FITS)), load=st.floats(0.01, 0.5))
def test_a_fuller_gpu_needs_less_energy_for_a_token(name: str, load: float) -> None:
    fit = FITS[name]
    light, full = energy_j_per_tok(fit, [requests_at(fit, load), requests_at(fit, 2 * load)])
    assert 0.0 < full < light


def test_energy_of_a_token_by_hand() -> None:
    """98.8 requests at once make 3984.5 tokens/s of at most 7969, at 443 + 195 (3984.5/5760)^1.47 = 556.5 W."""
    fit = load_fit("qwen3-14b-x1")
    assert energy_j_per_tok(fit, np.array(98.8)) == pytest.approx(556.5 / 3984.5, rel=1e-3)


def test_a_load_of_no_requests_is_refused() -> None:
    fit = load_fit("qwen3-14b-x1")
    with pytest.raises(ValueError, match="must be above 0"):
        energy_j_per_tok(fit, np.array([1.0, 0.0]))
