"""The compiled step against plain Python: one environment, lists and loops, written from docs/design.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.envs.action import Mode, offers_of_modes
from wattward.envs.simulator import Simulator
from wattward.envs.testing import random_params, random_world
from wattward.envs.types import Exogenous, Flows, Params

EPS = 1e-9
Add = Callable[[str, int, float], None]


@dataclass
class Job:
    number: int
    region: int
    left: float
    expected: float
    running: bool = False
    paused: bool = False
    arrives_at: int | None = None
    gpus: float = 0.0


@dataclass
class Reference:
    """Replays an episode of environment 0; `step(modes)` returns flows by name, each a list over regions."""

    p: Params
    x: Exogenous
    t: int = 0
    jobs: dict[int, Job] = field(default_factory=dict)
    out_gb: list[float] = field(default_factory=list)
    in_gb: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.regions = range(self.p.fleet_gpus.shape[1])
        self.out_gb, self.in_gb, self.peak = ([0.0 for _ in self.regions] for _ in range(3))
        self.h = float(self.p.step_h[0])
        self._join()

    def divisible(self, j: Job) -> bool:
        return bool(self.p.class_divisible[0, self.x.job_class[0, j.number]])

    def preemptible(self, j: Job) -> bool:
        return bool(self.p.class_preemptible[0, self.x.job_class[0, j.number]])

    def deadline(self, j: Job) -> int:
        return int(self.x.job_deadline_step[0, j.number])

    def wanted(self, j: Job) -> float:
        return float(self.x.job_gpus[0, j.number])

    def due(self, j: Job) -> bool:
        return (self.deadline(j) - self.t) * self.h - j.expected / self.wanted(j) < self.h - EPS

    def pue(self, r: int) -> float:
        warm = max(0.0, self.x.air_c[0, self.t, r] - self.p.pue_free_c[0, r])
        return float(self.p.pue_base[0, r] + self.p.pue_slope_per_c[0, r] * warm)

    def green_kw(self, r: int) -> float:
        return float(self.x.sun_kw[0, self.t, r] + self.x.wind_kw[0, self.t, r] + self.x.hydro_kw[0, self.t, r])

    def _join(self) -> None:
        for n in range(int(self.x.n_jobs[0])):
            if self.x.job_arrival_step[0, n] == self.t:
                estimate = float(self.x.job_estimate_gpu_h[0, n])
                self.jobs[n] = Job(n, int(self.x.job_origin[0, n]), float(self.x.job_work_gpu_h[0, n]), estimate)

    def _in_order(self) -> list[Job]:
        return sorted(self.jobs.values(), key=lambda j: (self.deadline(j), j.number))

    def step(self, modes: list[int]) -> dict[str, list[float]]:
        flows: dict[str, list[float]] = {}

        def add(name: str, r: int, amount: float) -> None:
            flows.setdefault(name, [0.0 for _ in self.regions])[r] += amount

        present = [j for j in self._in_order() if j.arrives_at is None or j.arrives_at <= self.t]
        for j in present:
            if self.x.job_arrival_step[0, j.number] == self.t:
                add("arrived_gpu_h", j.region, j.left)
            if j.arrives_at == self.t:
                add("moved_in_gpu_h", j.region, j.left)
            j.arrives_at = None
            j.gpus = j.gpus if j.running and not self.preemptible(j) else 0.0
            add("locked_gpus", j.region, j.gpus)
        gangs = [sum(j.gpus for j in present if j.region == r) for r in self.regions]
        free = []
        for r in self.regions:
            room = max(0.0, self.p.fleet_gpus[0, r] - gangs[r])
            demand = self.x.interactive_gpus[0, self.t, r]
            add("interactive_gpus", r, min(demand, room))
            add("dropped_gpus", r, demand - min(demand, room))
            free.append(room - min(demand, room))

        def take(j: Job, r: int, room: float, obey_limit: bool) -> float:
            if room <= EPS:
                return 0.0
            if self.divisible(j):
                return min(self.wanted(j), room)
            if (
                obey_limit
                and not self.preemptible(j)
                and gangs[r] + self.wanted(j) > self.p.gang_limit_gpus[0, r] + EPS
            ):
                return 0.0
            return self.wanted(j) if self.wanted(j) <= room + EPS else 0.0

        def give(j: Job, r: int, amount: float) -> None:
            j.gpus = amount
            gangs[r] += 0.0 if self.preemptible(j) else amount

        for j in present:
            if j.gpus == 0.0 and self.due(j):
                amount = take(j, j.region, free[j.region], obey_limit=False)
                give(j, j.region, amount)
                free[j.region] -= amount
                add("due_gpus", j.region, amount)
        offer = []
        for r in self.regions:
            cap = max(0.0, free[r])
            more = self.p.gpu_busy_kw[0, r] - self.p.gpu_idle_kw[0, r]
            if modes[r] == Mode.SOAK and more > 0:
                used = flows["interactive_gpus"][r] + sum(j.gpus for j in present if j.region == r)
                spare_kw = self.green_kw(r) - self.pue(r) * (
                    self.p.gpu_idle_kw[0, r] * self.p.fleet_gpus[0, r] + more * used
                )
                cap = min(cap, max(0.0, spare_kw) / (self.pue(r) * more))
            offer.append(cap)
        own = [0.0 if modes[r] == Mode.HOLD else offer[r] for r in self.regions]
        running_gangs = [j for j in present if j.running and not self.divisible(j)]
        others = [j for j in present if j not in running_gangs]
        for j in running_gangs + others:
            if j.gpus == 0.0:
                amount = take(j, j.region, own[j.region], obey_limit=True)
                give(j, j.region, amount)
                own[j.region] -= amount
                offer[j.region] -= amount
        pullers = [r for r in self.regions if modes[r] in (Mode.SOAK, Mode.PULL) and offer[r] > EPS]
        price = [
            0.0 if modes[r] == Mode.SOAK else self.x.price_yuan_per_kwh[0, self.t, r] * self.pue(r)
            for r in self.regions
        ]
        pullers.sort(key=lambda r: price[r])
        for j in present:
            if j.gpus > 0.0:
                continue
            for r in pullers:
                amount = take(j, r, offer[r], obey_limit=True)
                links_open = (
                    self.out_gb[j.region] < self.p.wan_gb_per_step[0, j.region]
                    and self.in_gb[r] < self.p.wan_gb_per_step[0, r]
                )
                if r != j.region and amount > 0.0 and links_open:
                    offer[r] -= amount
                    gangs[r] += 0.0 if self.preemptible(j) else amount
                    self._move(j, r, amount, add)
                    break
        for j in self._in_order():
            self._work(j, add)
        self.jobs = {n: j for n, j in self.jobs.items() if j.left > 0.0}
        self._bill(flows, add)
        self.t += 1
        if self.t == self.p.n_steps[0]:
            for j in self.jobs.values():
                late = self.p.late_yuan_per_gpu_h_per_h[0] * self.p.settlement_late_h[0]
                price_late = late if self.deadline(j) <= self.t else 0.0
                add("settlement_yuan", j.region, j.left * (self.p.settlement_yuan_per_gpu_h[0, j.region] + price_late))
        self._join()
        return flows

    def _move(self, j: Job, r: int, amount: float, add: Add) -> None:
        source, gb = j.region, float(self.x.job_data_gb[0, j.number])
        self.out_gb[source] += gb
        self.in_gb[r] += gb
        add("moved_gb", source, gb)
        add("moved_out_gpu_h", source, j.left)
        add("wan_kw", source, gb * self.p.wan_kwh_per_gb[0, source] / self.h)
        add("wan_yuan", source, gb * self.p.wan_yuan_per_gb[0, source])
        j.paused = j.paused or (j.running and not self.divisible(j))
        j.running = False
        j.region = r
        steps = max(
            self.out_gb[source] / self.p.wan_gb_per_step[0, source], self.in_gb[r] / self.p.wan_gb_per_step[0, r]
        )
        if steps <= 1.0 + EPS:
            j.gpus = amount
            add("moved_in_gpu_h", r, j.left)
        else:
            j.arrives_at = self.t + ceil(steps - EPS)

    def _work(self, j: Job, add: Add) -> None:
        if j.arrives_at is None:
            if j.gpus > 0.0:
                if j.paused:
                    restart = float(self.p.class_restart_h[0, self.x.job_class[0, j.number]]) * self.wanted(j)
                    j.left += restart
                    j.expected += restart
                    add("restart_gpu_h", j.region, restart)
                    j.paused = False
                done = j.left if j.left <= j.gpus * self.h + EPS else j.gpus * self.h
                j.left -= done
                j.expected = max(0.05 * float(self.x.job_estimate_gpu_h[0, j.number]), j.expected - done)
                add("held_gpus", j.region, j.gpus)
                add("busy_gpus", j.region, done / self.h)
                add("done_gpu_h", j.region, done)
            elif j.running and not self.divisible(j):
                j.paused = True
            j.running = j.gpus > 0.0
        if j.left <= 0.0:
            return
        add("waiting_gpu_h" if j.arrives_at is None else "transit_gpu_h", j.region, j.left)
        if self.t + 1 == self.deadline(j):
            add("late_gpu_h", j.region, j.left)
        elif self.t >= self.deadline(j):
            add("late_yuan", j.region, j.left * self.h * self.p.late_yuan_per_gpu_h_per_h[0])

    def _bill(self, flows: dict[str, list[float]], add: Add) -> None:
        zero = [0.0 for _ in self.regions]
        for r in self.regions:
            work = flows["interactive_gpus"][r] + flows.get("busy_gpus", zero)[r]
            idle, busy = self.p.gpu_idle_kw[0, r], self.p.gpu_busy_kw[0, r]
            it_kw = idle * self.p.fleet_gpus[0, r] + (busy - idle) * work
            load = it_kw * self.pue(r) + flows.get("wan_kw", zero)[r]
            grid = max(0.0, load - self.green_kw(r))
            carbon = grid * self.h * self.x.carbon_kg_per_kwh[0, self.t, r]
            add("it_kw", r, it_kw)
            add("cooling_kw", r, it_kw * (self.pue(r) - 1.0))
            add("grid_kw", r, grid)
            add("curtailed_kw", r, max(0.0, self.green_kw(r) - load))
            add("energy_yuan", r, grid * self.h * self.x.price_yuan_per_kwh[0, self.t, r])
            add("carbon_kg", r, carbon)
            add("carbon_yuan", r, carbon * self.p.carbon_yuan_per_kg[0])
            add("demand_yuan", r, max(0.0, grid - self.peak[r]) * self.p.demand_yuan_per_kw[0, r])
            add("drop_yuan", r, flows["dropped_gpus"][r] * self.h * self.p.drop_yuan_per_gpu_h[0])
            for name, plant in (("sun_kw", self.x.sun_kw), ("wind_kw", self.x.wind_kw), ("hydro_kw", self.x.hydro_kw)):
                add(name, r, float(plant[0, self.t, r]))
            self.peak[r] = max(self.peak[r], grid)
            self.out_gb[r] = max(0.0, self.out_gb[r] - self.p.wan_gb_per_step[0, r])
            self.in_gb[r] = max(0.0, self.in_gb[r] - self.p.wan_gb_per_step[0, r])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_regions=st.integers(1, 4), n_jobs=st.integers(0, 80))
def test_kernel_equals_plain_python(seed: int, n_regions: int, n_jobs: int) -> None:
    rng = np.random.default_rng(seed)
    params = random_params(rng, n_regions, n_steps=40)
    world = random_world(rng, params, n_jobs)
    simulator, reference = Simulator(params, world.sun_kw.shape[1]), Reference(params, world)
    simulator.load(0, world)
    for _ in range(40):
        modes = rng.integers(0, len(Mode), (1, n_regions))
        got, expected = simulator.step(offers_of_modes(modes)), reference.step(modes[0].tolist())
        for name in Flows._fields:
            wanted = expected.get(name, [0.0] * n_regions)
            np.testing.assert_allclose(getattr(got, name)[0], wanted, rtol=1e-9, atol=1e-9, err_msg=name)
        present = simulator.state.active[0, : simulator.state.n_active[0]]
        assert present.tolist() == [job.number for job in reference._in_order()]
    assert reference.t == simulator.state.step[0]
