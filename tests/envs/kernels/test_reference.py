"""The compiled step against plain Python: one environment, lists and loops, written from docs/design.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.envs.checks.balances import random_params, random_world
from wattward.envs.checks.plain_stores import PlainStores
from wattward.envs.decisions.action import Mode
from wattward.envs.decisions.jobs import write_orders
from wattward.envs.decisions.modes import offers_of_modes
from wattward.envs.model.types import Exogenous, Flows, Params
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.simulator.simulator import Simulator

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
class Told:
    """An order for a job: None waits."""

    region: int | None
    limit: float = np.inf
    rank: float = 0.0


@dataclass
class Reference:
    """Replays an episode of environment 0; `step` and `obey` return flows by name, each a list over regions."""

    p: Params
    x: Exogenous
    t: int = 0
    jobs: dict[int, Job] = field(default_factory=dict)
    out_gb: list[float] = field(default_factory=list)
    in_gb: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)
    awake: list[float] = field(default_factory=list)
    stores: list[PlainStores] = field(default_factory=list)
    load_kwh: list[float] = field(default_factory=list)
    green_kwh: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.regions = range(self.p.fleet_gpus.shape[1])
        self.out_gb, self.in_gb, self.peak = ([0.0 for _ in self.regions] for _ in range(3))
        self.load_kwh, self.green_kwh = ([0.0 for _ in self.regions] for _ in range(2))
        self.stores = [PlainStores(self.p, r) for r in self.regions]
        self.awake = [float(self.p.fleet_gpus[0, r]) for r in self.regions]
        self.h = float(self.p.step_h[0])
        self._join()

    def malleable(self, j: Job) -> bool:
        return bool(self.p.class_malleable[0, self.x.job_class[0, j.number]])

    def preemptible(self, j: Job) -> bool:
        return bool(self.p.class_preemptible[0, self.x.job_class[0, j.number]])

    def deadline(self, j: Job) -> int:
        return int(self.x.job_deadline_step[0, j.number])

    def wanted(self, j: Job) -> float:
        return float(self.x.job_gpus[0, j.number])

    def due(self, j: Job) -> bool:
        return (self.deadline(j) - self.t) * self.h - j.expected / self.wanted(j) < self.h - EPS

    def number(self, name: str, r: int) -> float:
        """A parameter of the region, or what the world is there now."""
        if name in Exogenous._fields and name != "fleet_gpus":
            return float(getattr(self.x, name)[0, self.t, r])
        return float(getattr(self.p, name)[0, r])

    def in_order(self, r: int) -> float:
        return float(self.x.fleet_gpus[0, self.t, r])

    def link_gb(self, r: int) -> float:
        return self.number("wan_gb_per_step", r) * self.number("wan_share", r)

    def serving(self, r: int) -> float:
        served, shared = self.flows["interactive_gpus"][r], self.number("serving_gpus", r)
        if served >= shared:
            return served
        return float(shared * (served / shared) ** self.number("serving_exponent", r))

    def it_kw(self, r: int, at_work: float) -> float:
        idle, busy = self.number("gpu_idle_kw", r), self.number("gpu_busy_kw", r)
        asleep = self.flows["asleep_gpus"][r]
        return idle * (self.in_order(r) - asleep) + self.number("gpu_sleep_kw", r) * asleep + (busy - idle) * at_work

    def cooling_kw(self, r: int, it_kw: float) -> float:
        full_kw = self.number("gpu_busy_kw", r) * self.number("fleet_gpus", r)
        fixed = self.number("cooling_fixed_share", r)
        return (self.pue(r) - 1.0) * ((1.0 - fixed) * it_kw + fixed * full_kw)

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
        present, free = self._begin_step()
        self._run_due(present, free)
        offer = [self._cap(modes[r], r, free[r], present) for r in self.regions]
        self._offer_own(modes, present, offer)
        self._offer_others(modes, present, offer)
        return self._end_step(lambda r: self._could_use(r, modes))

    def obey(self, told: dict[int, Told], *, run_due: bool, ranked: bool) -> dict[str, list[float]]:
        """A step by orders for jobs, by their numbers."""
        present, free = self._begin_step()
        if run_due:
            self._run_due(present, free)
        jobs = [j for j in present if j.gpus == 0.0 and told[j.number].region is not None]
        asked = [
            sum(self._limited(j, told[j.number]) for j in jobs if told[j.number].region == r) for r in self.regions
        ]
        if any(asked[r] > free[r] + EPS for r in self.regions):
            jobs.sort(key=lambda j: told[j.number].rank if ranked else self._default_rank(j, told[j.number]))
        here, elsewhere = self._by_place(jobs, told)
        for j in here:
            self._run_here(j, told[j.number], free)
        for j in elsewhere:
            self._send(j, told[j.number], free)
        return self._end_step(lambda r: self.flows.get("due_gpus", [0.0 for _ in self.regions])[r] + asked[r])

    def _by_place(self, jobs: list[Job], told: dict[int, Told]) -> tuple[list[Job], list[Job]]:
        """The jobs that are told to run where they are, and the others."""
        here = [j for j in jobs if told[j.number].region == j.region]
        return here, [j for j in jobs if told[j.number].region != j.region]

    def _run_here(self, j: Job, told: Told, free: list[float]) -> None:
        amount = self._take(j, j.region, free[j.region], obey_limit=True, limit=told.limit)
        self._give(j, j.region, amount)
        free[j.region] -= amount

    def _limited(self, j: Job, told: Told) -> float:
        return min(self.wanted(j), told.limit) if self.malleable(j) else self.wanted(j)

    def _default_rank(self, j: Job, told: Told) -> float:
        if j.running and not self.malleable(j) and told.region == j.region:
            return -np.inf
        return (self.deadline(j) - self.t) * self.h - j.expected / self.wanted(j)

    def _send(self, j: Job, told: Told, free: list[float]) -> None:
        source, r, gb = j.region, told.region or 0, float(self.x.job_data_gb[0, j.number])
        if not self._links_open(source, r):
            return
        steps = max((self.out_gb[source] + gb) / self.link_gb(source), (self.in_gb[r] + gb) / self.link_gb(r))
        amount = self._take(j, r, free[r], obey_limit=True, limit=told.limit) if steps <= 1.0 + EPS else 0.0
        if steps > 1.0 + EPS or amount > 0.0:
            free[r] -= amount
            self.rigid_jobs[r] += 0.0 if self.preemptible(j) else amount
            self._move(j, r, amount, self.add)

    def _begin_step(self) -> tuple[list[Job], list[float]]:
        self.flows: dict[str, list[float]] = {}
        present = [j for j in self._in_order() if j.arrives_at is None or j.arrives_at <= self.t]
        self._arrive_and_lock(present)
        return present, self._serve()

    def _end_step(self, could_use: Callable[[int], float]) -> dict[str, list[float]]:
        for j in self._in_order():
            self._work(j, self.add)
        self.jobs = {n: j for n, j in self.jobs.items() if j.left > 0.0}
        for name in ("interactive_gpus", "held_gpus", "busy_gpus", "wanted_gpus", "wan_kw"):
            self.flows.setdefault(name, [0.0 for _ in self.regions])
        for r in self.regions:
            self._wake(r, could_use(r))
            self._power(r)
        self.t += 1
        self._settle()
        self._join()
        return self.flows

    def add(self, name: str, r: int, amount: float) -> None:
        self.flows.setdefault(name, [0.0 for _ in self.regions])[r] += amount

    def _arrive_and_lock(self, present: list[Job]) -> None:
        for j in present:
            if self.x.job_arrival_step[0, j.number] == self.t:
                self.add("arrived_gpu_h", j.region, j.left)
            if j.arrives_at == self.t:
                self.add("moved_in_gpu_h", j.region, j.left)
            j.arrives_at = None
            j.gpus = j.gpus if j.running and not self.preemptible(j) else 0.0
            locked = self.flows.get("locked_gpus", [0.0 for _ in self.regions])[j.region]
            if j.gpus > 0.0 and locked + j.gpus > self.in_order(j.region) + EPS:
                j.gpus, j.running, j.paused = 0.0, False, True
            self.add("locked_gpus", j.region, j.gpus)
        self.rigid_jobs = [sum(j.gpus for j in present if j.region == r) for r in self.regions]

    def _serve(self) -> list[float]:
        free = []
        for r in self.regions:
            awake = min(self.awake[r], self.in_order(r))
            self.add("asleep_gpus", r, self.in_order(r) - awake)
            room = max(0.0, awake - self.rigid_jobs[r])
            demand = self.x.interactive_gpus[0, self.t, r]
            self.add("interactive_gpus", r, min(demand, room))
            self.add("dropped_gpus", r, demand - min(demand, room))
            free.append(room - min(demand, room))
        return free

    def _take(self, j: Job, r: int, room: float, obey_limit: bool, limit: float = np.inf) -> float:
        wanted = min(self.wanted(j), limit) if self.malleable(j) else self.wanted(j)
        if room <= EPS or wanted <= EPS:
            return 0.0
        if self.malleable(j):
            return min(wanted, room)
        over_limit = self.rigid_jobs[r] + wanted > self.p.rigid_limit_gpus[0, r] + EPS
        if obey_limit and not self.preemptible(j) and over_limit:
            return 0.0
        return wanted if wanted <= room + EPS else 0.0

    def _give(self, j: Job, r: int, amount: float) -> None:
        j.gpus = amount
        self.rigid_jobs[r] += 0.0 if self.preemptible(j) else amount

    def _run_due(self, present: list[Job], free: list[float]) -> None:
        for j in present:
            if j.gpus == 0.0 and self.due(j):
                amount = self._take(j, j.region, free[j.region], obey_limit=False)
                self._give(j, j.region, amount)
                free[j.region] -= amount
                self.add("due_gpus", j.region, amount)

    def _cap(self, mode: int, r: int, free: float, present: list[Job]) -> float:
        cap, more = max(0.0, free), self.p.gpu_busy_kw[0, r] - self.p.gpu_idle_kw[0, r]
        if mode != Mode.SOAK or more <= 0:
            return cap
        it_kw = self.it_kw(r, self.serving(r) + sum(j.gpus for j in present if j.region == r))
        spare_kw = self.green_kw(r) - it_kw - self.cooling_kw(r, it_kw)
        a_gpu_kw = more + self.cooling_kw(r, more) - self.cooling_kw(r, 0.0)
        return min(cap, max(0.0, spare_kw) / a_gpu_kw)

    def _offer_own(self, modes: list[int], present: list[Job], offer: list[float]) -> None:
        own = [0.0 if modes[r] == Mode.HOLD else offer[r] for r in self.regions]
        running_rigid = [j for j in present if j.running and not self.malleable(j)]
        for j in running_rigid + [j for j in present if j not in running_rigid]:
            if j.gpus == 0.0:
                amount = self._take(j, j.region, own[j.region], obey_limit=True)
                self._give(j, j.region, amount)
                own[j.region] -= amount
                offer[j.region] -= amount

    def _offer_others(self, modes: list[int], present: list[Job], offer: list[float]) -> None:
        per_kw = [1.0 + self.cooling_kw(r, 1.0) - self.cooling_kw(r, 0.0) for r in self.regions]
        price = [0.0 if modes[r] == Mode.SOAK else self.number("price_per_kwh", r) * per_kw[r] for r in self.regions]
        pullers = [r for r in self.regions if modes[r] in (Mode.SOAK, Mode.PULL) and offer[r] > EPS]
        pullers.sort(key=lambda r: price[r])
        for j in present:
            if j.gpus > 0.0:
                continue
            for r in pullers:
                amount = self._take(j, r, offer[r], obey_limit=True)
                if r != j.region and amount > 0.0 and self._links_open(j.region, r):
                    offer[r] -= amount
                    self.rigid_jobs[r] += 0.0 if self.preemptible(j) else amount
                    self._move(j, r, amount, self.add)
                    break

    def _links_open(self, source: int, r: int) -> bool:
        return self.out_gb[source] < self.link_gb(source) and self.in_gb[r] < self.link_gb(r)

    def _settle(self) -> None:
        if self.t < self.p.n_steps[0]:
            return
        late = self.p.late_cost_per_gpu_h_per_h[0] * self.p.terminal_late_h[0]
        for j in self.jobs.values():
            price = self.p.terminal_cost_per_gpu_h[0, j.region] + (late if self.deadline(j) <= self.t else 0.0)
            self.add("terminal_cost", j.region, j.left * price)
        for r in self.regions:
            missing = max(0.0, self.number("green_share_min", r) * self.load_kwh[r] - self.green_kwh[r])
            self.add("shortfall_cost", r, missing * self.number("shortfall_price_per_kwh", r))

    def _move(self, j: Job, r: int, amount: float, add: Add) -> None:
        source, gb = j.region, float(self.x.job_data_gb[0, j.number])
        self.out_gb[source] += gb
        self.in_gb[r] += gb
        add("moved_gb", source, gb)
        add("moved_out_gpu_h", source, j.left)
        add("wan_kw", source, gb * self.p.wan_kwh_per_gb[0, source] / self.h)
        add("wan_cost", source, gb * self.p.wan_cost_per_gb[0, source])
        j.paused = j.paused or (j.running and not self.malleable(j))
        j.running = False
        j.region = r
        steps = max(self.out_gb[source] / self.link_gb(source), self.in_gb[r] / self.link_gb(r))
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
            elif j.running and not self.malleable(j):
                j.paused = True
            j.running = j.gpus > 0.0
        if j.left <= 0.0:
            return
        add("waiting_gpu_h" if j.arrives_at is None else "transit_gpu_h", j.region, j.left)
        if j.arrives_at is None:
            need = j.expected / self.h if self.malleable(j) else self.wanted(j)
            add("wanted_gpus", j.region, min(self.wanted(j), need))
        if self.t + 1 == self.deadline(j):
            add("late_gpu_h", j.region, j.left)
        elif self.t >= self.deadline(j):
            add("late_cost", j.region, j.left * self.h * self.p.late_cost_per_gpu_h_per_h[0])

    def _could_use(self, r: int, modes: list[int]) -> float:
        wanted = self.flows["wanted_gpus"]
        if modes[r] in (Mode.SOAK, Mode.PULL):
            return sum(wanted)
        return wanted[r] if modes[r] == Mode.RUN else 0.0

    def _wake(self, r: int, could_use: float) -> None:
        work = max(self.flows["held_gpus"][r], could_use)
        wanted = self.flows["interactive_gpus"][r] + work + self.number("headroom_gpus", r)
        wanted = min(wanted, self.number("fleet_gpus", r))
        self.add("woken_gpus", r, max(0.0, wanted - self.awake[r]))
        self.awake[r] = wanted

    def _power(self, r: int) -> None:
        it_kw = self.it_kw(r, self.serving(r) + self.flows["busy_gpus"][r])
        it_kw += self.flows["woken_gpus"][r] * self.number("wake_kwh", r) / self.h
        self.stores[r].begin_step(self.number("store_order", r), self.number("cut_kw", r))
        cooling_kw = self.stores[r].chill(it_kw, self.cooling_kw(r, it_kw))
        self.add("it_kw", r, it_kw)
        self.add("cooling_kw", r, cooling_kw)
        self._supply(r, it_kw + cooling_kw + self.flows["wan_kw"][r], it_kw * self.number("recovered_share", r))
        self.out_gb[r] = max(0.0, self.out_gb[r] - self.link_gb(r))
        self.in_gb[r] = max(0.0, self.in_gb[r] - self.link_gb(r))

    def _supply(self, r: int, load: float, recovered: float) -> None:
        own = self.green_kw(r) + recovered
        load = self.stores[r].charge(load, own)
        used = min(own, load)
        direct = min(self.number("direct_kw", r), load - used)
        contract = min(self.number("contract_kw", r), load - used - direct)
        grid = self.stores[r].discharge(load - used - direct - contract)
        sold = min(own - used, self.number("feed_in_kw", r))
        unused = own - used - sold + self.number("direct_kw", r) - direct
        amounts = {"recovered_kw": recovered, "sold_kw": sold}
        amounts |= {"direct_kw": self.number("direct_kw", r), "direct_used_kw": direct, "contract_kw": contract}
        amounts |= {name: self.number(name, r) for name in ("sun_kw", "wind_kw", "hydro_kw")}
        for name, amount in (amounts | {"curtailed_kw": unused, "grid_kw": grid} | self.stores[r].flows).items():
            self.add(name, r, amount)
        self.load_kwh[r] += load * self.h
        self.green_kwh[r] += (used + direct + contract) * self.h
        take = self.number("contract_take_share", r) * self.number("contract_kw", r)
        self._bill(r, grid, max(contract, take))

    def _bill(self, r: int, grid: float, contract_paid: float) -> None:
        kwh, flows, n = grid * self.h, self.flows, self.number
        asked, met = n("cut_kw", r), min(n("cut_kw", r), max(0.0, n("event_baseline_kw", r) - grid))
        event = (asked - met) * n("event_penalty_per_kwh", r) - met * n("event_pay_per_kwh", r)
        direct_cost_per_h = flows["direct_used_kw"][r] * n("direct_price_per_kwh", r)
        for name, amount in {
            "energy_cost": kwh * n("price_per_kwh", r),
            "carbon_kg": kwh * n("carbon_kg_per_kwh", r),
            "carbon_cost": kwh * n("carbon_kg_per_kwh", r) * self.p.carbon_price_per_kg[0],
            "demand_cost": max(0.0, grid - self.peak[r]) * n("demand_charge_per_kw", r),
            "drop_cost": flows["dropped_gpus"][r] * self.h * self.p.drop_cost_per_gpu_h[0],
            "supply_cost": (direct_cost_per_h + contract_paid * n("contract_price_per_kwh", r)) * self.h,
            "sales_cost": -flows["sold_kw"][r] * self.h * n("feed_in_price_per_kwh", r),
            "event_cost": event * self.h,
            "asked_cut_kw": asked,
            "cut_kw": met,
        }.items():
            self.add(name, r, amount)
        self.peak[r] = max(self.peak[r], grid)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_regions=st.integers(1, 4), n_jobs=st.integers(0, 80), extended=st.booleans())
def test_kernel_equals_plain_python(seed: int, n_regions: int, n_jobs: int, *, extended: bool) -> None:
    rng = np.random.default_rng(seed)
    params = random_params(rng, n_regions, n_steps=40, extended=extended)
    world = random_world(rng, params, n_jobs, extended=extended)
    simulator, reference = Simulator(params), Reference(params, world)
    simulator.load(0, world)
    for _ in range(40):
        modes = rng.integers(0, len(Mode), (1, n_regions))
        got, expected = simulator.step(offers_of_modes(modes)), reference.step(modes[0].tolist())
        assert_same(simulator, got, reference, expected)
    assert reference.t == simulator.state.step[0]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_regions=st.integers(1, 4), n_jobs=st.integers(0, 80), extended=st.booleans())
def test_orders_equal_plain_python(seed: int, n_regions: int, n_jobs: int, *, extended: bool) -> None:
    rng = np.random.default_rng(seed)
    params = random_params(rng, n_regions, n_steps=40, extended=extended)
    world = random_world(rng, params, n_jobs, extended=extended)
    simulator, reference = Simulator(params), Reference(params, world)
    simulator.load(0, world)
    for _ in range(40):
        orders = random_orders(rng, simulator)
        given_to = zip(reference._in_order(), range(len(orders.run_in)), strict=True)
        told = {
            j.number: Told(
                None if orders.run_in[i] == STAY else int(orders.run_in[i]),
                np.inf if orders.limit_gpus is None else float(orders.limit_gpus[i]),
                0.0 if orders.rank is None else float(orders.rank[i]),
            )
            for j, i in given_to
        }
        expected = reference.obey(told, run_due=orders.run_due, ranked=orders.rank is not None)
        simulator.advance(source=write_orders(orders, simulator.fleet))
        assert_same(simulator, simulator.flows, reference, expected)


def random_orders(rng: np.random.Generator, simulator: Simulator) -> Orders:
    """Random orders for all jobs present, with or without limits, ranks and the net for due jobs."""
    n_jobs = int(simulator.state.n_active[0])
    return Orders(
        rng.integers(STAY, simulator.n_regions, n_jobs),
        limit_gpus=rng.uniform(-1.0, 30.0, n_jobs) if rng.random() < 0.5 else None,
        rank=rng.integers(0, 4, n_jobs) if rng.random() < 0.5 else None,
        run_due=bool(rng.random() < 0.5),
    )


def assert_same(simulator: Simulator, got: Flows, reference: Reference, expected: dict[str, list[float]]) -> None:
    for name in Flows._fields:
        wanted = expected.get(name, [0.0] * simulator.n_regions)
        np.testing.assert_allclose(getattr(got, name)[0], wanted, rtol=1e-9, atol=1e-9, err_msg=name)
    for r, stores in enumerate(reference.stores):
        held = [store.kwh for store in stores.stores]
        np.testing.assert_allclose(simulator.state.stored_kwh[0, r, : len(held)], held, rtol=1e-9, atol=1e-9)
    present = simulator.state.job_number[0, : simulator.state.n_active[0]]
    assert present.tolist() == [job.number for job in reference._in_order()]
