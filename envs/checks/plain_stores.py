"""A reference model of a site's stores in plain Python, following docs/sites.md; kernels are tested against it."""

from __future__ import annotations

from dataclasses import dataclass, field

from wattward.envs.model.types import BY_GRID_EVENTS, COOLING, POWER, Params


@dataclass
class PlainStore:
    """One store; powers are on the store's own side."""

    numbers: dict[str, float]
    kwh: float
    order: float = 0.0

    def leak(self, h: float) -> None:
        """Applies the losses of a step of `h` hours."""
        self.kwh *= 1.0 - self.numbers["loss_per_h"] * h

    def put(self, wanted_kw: float, h: float) -> float:
        """Charges with the wanted power as far as it fits; returns the charging power [kW]."""
        room_kw = (self.numbers["capacity_kwh"] - self.kwh) / self.numbers["charge_efficiency"] / h
        kw = max(0.0, min(wanted_kw, self.numbers["charge_kw"], room_kw))
        self.kwh += kw * self.numbers["charge_efficiency"] * h
        return kw

    def take(self, wanted_kw: float, h: float) -> float:
        """Discharges the wanted power as far as order and reserve allow; returns the discharging power [kW]."""
        above_kwh = max(0.0, self.kwh - self.numbers["reserve_kwh"])
        kw = min(-self.order * self.numbers["discharge_kw"], above_kwh * self.numbers["discharge_efficiency"] / h)
        kw = max(0.0, min(kw, wanted_kw))
        self.kwh -= kw / self.numbers["discharge_efficiency"] * h
        return kw


@dataclass
class PlainStores:
    """The stores of region `r` of environment 0; rules order them.

    Attributes:
        flows: The flows of the last step, by the names of `Flows`; methods add to them.
    """

    p: Params
    r: int
    flows: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sets the stores to their energy at the start of an episode."""
        fields = {name for name in Params._fields if name.startswith("store_")}
        count = int((self.p.store_capacity_kwh[0, self.r] > 0.0).sum())
        rows = [
            {name.removeprefix("store_"): float(getattr(self.p, name)[0, self.r, s]) for name in fields}
            for s in range(count)
        ]
        self.stores = [PlainStore(row, row["start_kwh"]) for row in rows]
        self.h = float(self.p.step_h[0])

    def begin_step(self, rule_order: float, cut_kw: float) -> None:
        """Applies losses and sets orders, by the price rule or by grid events."""
        self.flows = dict.fromkeys(("cold_in_kw", "cold_out_kw", "charge_kw", "discharge_kw", "wear_cost"), 0.0)
        self.cut_kw = cut_kw
        for store in self.stores:
            store.order = rule_order
            store.leak(self.h)
            if store.numbers["entry"] == BY_GRID_EVENTS:
                store.order = -1.0 if cut_kw > 0.0 else float(rule_order >= 0.0)

    def chill(self, it_kw: float, cooling_kw: float) -> float:
        """Operates cooling stores; returns the chillers' power for the remaining heat and for charging stores [kW]."""
        heat_kw, filling_kw = it_kw, 0.0
        for store in self._coupled(COOLING):
            cold = store.take(min(heat_kw, cooling_kw * store.numbers["cop"]), self.h)
            warm = store.put(store.order * store.numbers["charge_kw"], self.h)
            heat_kw -= cold
            cooling_kw -= cold / store.numbers["cop"]
            filling_kw += warm / store.numbers["charge_cop"]
            self.flows["cold_in_kw"] += warm
            self._count_out("cold_out_kw", store, cold)
        return cooling_kw + filling_kw

    def charge(self, load_kw: float, own_kw: float) -> float:
        """Charges power stores as ordered and with surplus of own plants; returns the load with charging [kW]."""
        for store in sorted(self._coupled(POWER), key=lambda store: store.order <= 0.0):
            charge = store.put(max(store.order * store.numbers["charge_kw"], own_kw - load_kw), self.h)
            load_kw += charge
            self.flows["charge_kw"] += charge
        return load_kw

    def discharge(self, missing_kw: float) -> float:
        """Discharges power stores; returns the power that is still missing [kW]."""
        for store in self._coupled(POWER):
            wanted_kw = missing_kw
            if store.numbers["entry"] == BY_GRID_EVENTS:
                wanted_kw -= max(0.0, float(self.p.event_baseline_kw[0, self.r]) - self.cut_kw)
            given = store.take(wanted_kw, self.h)
            missing_kw -= given
            self._count_out("discharge_kw", store, given)
        return missing_kw

    def _coupled(self, coupling: int) -> list[PlainStore]:
        return [store for store in self.stores if store.numbers["coupling"] == coupling]

    def _count_out(self, name: str, store: PlainStore, kw: float) -> None:
        self.flows[name] += kw
        self.flows["wear_cost"] += kw * self.h * store.numbers["wear_cost_per_kwh"]
