"""The jobs of an outlook are encoded exactly as the environment shows them."""

from __future__ import annotations

import numpy as np
import pytest

from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.policy.job_rows import JobEncoder


@pytest.mark.parametrize("scenario", ["zhejiang-xinjiang", "toy", "shanghai-grid-event"])
def test_an_outlook_gives_the_rows_and_masks_of_the_environment(scenario: str) -> None:
    env = ClusterEnv(scenario, action="jobs")
    seen, _ = env.reset(options={"episode": 3})
    encode, n_rows = JobEncoder(env.outlook()), 0
    env.action_space.seed(3)
    for _ in range(100):
        places, rows, mask = encode(env.outlook())
        n = min(len(places), len(seen["jobs"]))
        np.testing.assert_allclose(rows[:n], seen["jobs"][:n], atol=2e-5)
        np.testing.assert_array_equal(mask[:n], seen["mask"][:n])
        n_rows += n
        seen, _, ended, _, _ = env.step(env.action_space.sample())
        if ended:
            break
    assert n_rows > 20
