from __future__ import annotations

import time

import pytest

from wattward.configs import ConfigError
from wattward.experiments.benchmark import training_speed
from wattward.experiments.benchmark.training_speed import PARTS, Stopwatch, measure, measure_cartpole


@pytest.mark.parametrize("measured", [measure, measure_cartpole])
@pytest.mark.parametrize("agent", ["ppo", "dqn"])
def test_every_part_of_training_is_counted(measured: type, agent: training_speed.Agent) -> None:
    found = measured(agent, 500, scenario="toy")
    assert found["frames"] >= 500
    assert set(found["parts"]) == set(found["us_per_frame"]) == set(PARTS)
    assert sum(found["parts"].values()) == pytest.approx(1.0)
    assert sum(found["us_per_frame"].values()) == pytest.approx(1e6 / found["frames_per_s"])
    assert found["env_share"] == found["parts"]["env"]
    assert all(found["parts"][part] > 0.0 for part in ("env", "policy", "buffer", "gradient", "other"))
    assert 0.0 <= found["env_cpu_share"] <= 1.0


def test_an_inner_part_is_taken_out_of_the_outer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    watch = Stopwatch()

    def takes(seconds: float) -> None:
        now[0] += seconds

    def outer() -> None:
        takes(2.0)
        watch("buffer", takes, 5.0)
        takes(1.0)

    takes(0.5)
    watch("gradient", outer)
    watch.stop()
    assert {part: watch.wall_s[part] for part in ("gradient", "buffer", "other")} == {
        "gradient": 3.0,
        "buffer": 5.0,
        "other": 0.5,
    }


def test_an_unknown_agent_is_named() -> None:
    with pytest.raises(ConfigError, match=r"agent = 'sac': must be one of ppo, dqn"):
        measure("sac", 10, scenario="toy")  # type: ignore[arg-type]
