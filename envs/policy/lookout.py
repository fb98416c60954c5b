"""Extracts from an episode what a policy may see. A lookout holds the world; the outlooks that it makes do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.entries import ENTRIES
from wattward.envs.model.layout import STATE_OF_REGION
from wattward.envs.policy.copies import Past, Present, Queue, Truth, immutable, read_only
from wattward.envs.policy.outlook import Outlook
from wattward.envs.world.signals import forecast_tables

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Exogenous, Floats, Params, State

KNOWN_AHEAD = ("price_per_kwh", "contract_kw", "store_order")
"""Series of a world that are known exactly up to the forecast horizon."""
FORESEEN = ("sun_kw", "wind_kw", "interactive_gpus", "carbon_kg_per_kwh")
"""Series of a world that are forecast, in the order of SUN, WIND, INTERACTIVE, CARBON."""
JOB_FACTS = ("class", "deadline_step", "gpus", "data_gb")
"""What owners declare about their jobs; these are the last fields of `Queue`."""
SEEN_NOW = {
    "air_c": "air_c",
    "hydro_kw": "hydro_kw",
    "gpus_in_order": "fleet_gpus",
    "wan_share": "wan_share",
    "announced_cut_kw": "announced_cut_kw",
    "announced_in_h": "announced_in_h",
}
"""The series of a world from which each field of `Present` is taken."""


class Lookout:
    """Makes the outlooks of one episode of one environment (B = 1).

    What does not depend on the step is computed once per episode, so that an outlook only takes a few copies.
    """

    def __init__(self, scenario: Scenario, params: Params, world: Exogenous) -> None:
        """Prepares the outlooks of an episode.

        Args:
            scenario: The scenario that is played.
            params: Parameters that cannot be written (B = 1), see `immutable`; outlooks share them.
            world: The episode's world (B = 1).
        """
        self._scenario, self._params, self._world = scenario, params, world
        self._tables, self._n_leads = forecast_tables(scenario), int(params.n_leads[0])
        self._jobs = tuple(getattr(world, f"job_{name}")[0] for name in JOB_FACTS)
        self._known = np.stack([getattr(world, name)[0] for name in KNOWN_AHEAD])
        self._present = np.stack([getattr(world, SEEN_NOW[name])[0] for name in Present._fields], axis=1)
        self._foreseen = np.stack([getattr(world, name)[0] for name in FORESEEN])
        self._truths = np.ascontiguousarray(self._foreseen.transpose(0, 2, 1))
        self._day_steps = round(24 / float(params.step_h[0]))
        events = scenario.grid_events
        self._event_steps = 0 if events is None else max(1, round(events.hours / float(params.step_h[0]))) + 1
        self._truth: Exogenous | None = None

    def outlook(self, state: State, observation: NDArray[np.float32]) -> Outlook:
        """Returns what a policy may know now.

        Args:
            state: The simulator's state (B = 1).
            observation: What an agent sees now; the outlook keeps it, so it must be a copy.
        """
        return self._made(state, observation, self.forecasts(int(state.step[0])), state.job_expected_gpu_h)

    def perfect(self, state: State, observation: NDArray[np.float32]) -> Outlook:
        """Returns a perfect outlook, with exact forecasts and the owners' true work; for diagnostics.

        The arguments are as for `outlook`.
        """
        if self._truth is None:
            self._truth = immutable(self._world)
        ahead = slice(int(state.step[0]), int(state.step[0]) + self._n_leads)
        present = slice(0, int(state.n_active[0]))
        left_gpu_h, estimate_gpu_h = (
            read_only(work[0, present].copy()) for work in (state.job_left_gpu_h, state.job_expected_gpu_h)
        )
        truth = Truth(self._truth, left_gpu_h, estimate_gpu_h)
        return self._made(state, observation, self._foreseen[:, ahead].copy(), state.job_left_gpu_h, truth)

    def _made(
        self,
        state: State,
        observation: NDArray[np.float32],
        forecasts: Floats,
        left_gpu_h: Floats,
        truth: Truth | None = None,
    ) -> Outlook:
        step = int(state.step[0])
        return Outlook(
            scenario=self._scenario,
            params=self._params,
            observation=observation,
            step=step,
            start_minute=int(self._world.start_minute[0]),
            known=self._known[:, step : step + self._n_leads].copy(),
            forecasts=forecasts,
            present=self._present[step].copy(),
            past=self._past(step),
            queue=self._queue(state, left_gpu_h),
            site_state={name: getattr(state, name)[0].copy() for name in STATE_OF_REGION},
            stored_kwh=state.stored_kwh[0].copy(),
            truth=truth,
        )

    def forecasts(self, step: int) -> Floats:
        """The forecasts of all quantities in a step, shape (4, L, R); the truth in a world without signals."""
        if not self._world.signals.slow.size:
            return self._foreseen[:, step : step + self._n_leads].copy()
        made = np.empty((len(FORESEEN), self._n_leads, self._foreseen.shape[2]))
        ENTRIES.issue_forecasts(self._world.signals, self._tables, self._truths, step, made)
        return made

    def _past(self, step: int) -> Past:
        cut, direct = self._world.cut_kw[0], self._world.direct_kw[0]
        return Past(
            cut_kw=cut[max(0, step + 1 - self._event_steps) : step + 1].copy(),
            direct_kw=direct[max(0, step + 1 - self._day_steps) : step + 1].copy(),
        )

    def _queue(self, state: State, left_gpu_h: Floats) -> Queue:
        n = int(state.n_active[0])
        number = state.job_number[0, :n].astype(np.int64)
        return Queue(
            number,
            state.job_region[0, :n].astype(np.int64),
            state.job_status[0, :n].copy(),
            state.job_alloc_gpus[0, :n].copy(),
            state.job_paused[0, :n].copy(),
            state.job_ready_step[0, :n].copy(),
            left_gpu_h[0, :n].copy(),
            *[fact.take(number) for fact in self._jobs],
        )
