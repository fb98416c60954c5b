from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from wattward.envs.model.layout import HIGH, LOW, N_CLOCK
from wattward.envs.policy.region_views import n_regions_of, observation_size, region_views, view_size, view_space

NUMBERS = st.floats(LOW, HIGH, width=32)


@given(st.data(), st.integers(1, 6), st.integers(1, 4))
def test_a_view_is_clock_own_mean_and_largest(data: st.DataObject, n_regions: int, width: int) -> None:
    size = N_CLOCK + n_regions * width
    observation = data.draw(arrays.arrays(np.float32, size, elements=NUMBERS))
    views, blocks = region_views(observation, n_regions), observation[N_CLOCK:].reshape(n_regions, width)
    assert views.shape == (n_regions, view_size(n_regions, size)) and views.dtype == np.float32
    for r, view in enumerate(views):
        assert view in view_space(n_regions, size)
        others = np.delete(blocks, r, axis=0) if n_regions > 1 else np.zeros((1, width), np.float32)
        clock, own, mean, largest = np.split(view, [N_CLOCK, N_CLOCK + width, N_CLOCK + 2 * width])
        np.testing.assert_array_equal(clock, observation[:N_CLOCK])
        np.testing.assert_array_equal(own, blocks[r])
        np.testing.assert_allclose(mean, others.mean(axis=0, dtype=np.float64), rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(largest, others.max(axis=0))


@pytest.mark.parametrize("n_regions", [1, 2, 8])
def test_views_of_a_batch_are_views_of_each(n_regions: int) -> None:
    observations = np.random.default_rng(0).normal(size=(3, 5, N_CLOCK + 7 * n_regions)).astype(np.float32)
    views = region_views(observations, n_regions)
    for place in np.ndindex(3, 5):
        np.testing.assert_array_equal(views[place], region_views(observations[place], n_regions))


@pytest.mark.parametrize("n_regions", [1, 2, 8])
def test_sizes_go_both_ways(n_regions: int) -> None:
    size = N_CLOCK + 57 * n_regions
    seen = view_size(n_regions, size)
    assert observation_size(n_regions, seen) == size and n_regions_of(size, seen) == n_regions


def test_regions_alike_see_alike() -> None:
    order = np.array([2, 0, 1])
    observation = np.random.default_rng(0).normal(size=N_CLOCK + 12).astype(np.float32)
    blocks = observation[N_CLOCK:].reshape(3, 4)
    moved = np.concatenate([observation[:N_CLOCK], blocks[order].ravel()])
    np.testing.assert_allclose(region_views(moved, 3), region_views(observation, 3)[order], rtol=1e-6)
