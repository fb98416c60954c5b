"""The two stores of a site: chilled water in the cooling, a battery in the power."""

from __future__ import annotations

from wattward.envs.kernels.compiling import inlined
from wattward.envs.model.layout import Row


@inlined
def chill(site: Row, reg: Row, flow: Row, cooling_kw: float, step_h: float) -> float:
    """Charges or discharges the tank as ordered; returns the power that cooling then takes.

    It cannot cool more than what the GPUs give off, nor spare more than cooling takes.
    """
    kept_kwh = reg.chilled_kwh * (1.0 - site.tank_loss_per_h * step_h)
    out_kw = min(max(0.0, -reg.tank_order) * site.tank_discharge_kw, kept_kwh / step_h)
    out_kw = min(out_kw, min(flow.it_kw, cooling_kw * site.tank_cop))
    in_kw = min(max(0.0, reg.tank_order) * site.tank_charge_kw, (site.tank_kwh - kept_kwh) / step_h)
    flow.tank_in_kw, flow.tank_out_kw = in_kw, out_kw
    reg.chilled_kwh = min(site.tank_kwh, max(0.0, kept_kwh + (in_kw - out_kw) * step_h))
    return max(0.0, cooling_kw - out_kw / site.tank_cop) + in_kw / site.tank_charge_cop


@inlined
def charge(site: Row, reg: Row, load_kw: float, own_kw: float, step_h: float) -> float:
    """Power into the battery: as ordered, and always what the plants on site have left over."""
    kept_kwh = reg.stored_kwh * (1.0 - site.battery_loss_per_h * step_h)
    wanted_kw = max(max(0.0, reg.battery_order) * site.battery_charge_kw, own_kw - load_kw)
    room_kw = (site.battery_kwh - kept_kwh) / (site.battery_charge_efficiency * step_h)
    return max(0.0, min(min(wanted_kw, site.battery_charge_kw), room_kw))


@inlined
def discharge(site: Row, reg: Row, flow: Row, missing_kw: float, step_h: float) -> float:
    """Power out of the battery, as ordered, up to what is missing; the battery then holds what is left."""
    kept_kwh = reg.stored_kwh * (1.0 - site.battery_loss_per_h * step_h)
    given_kw = min(max(0.0, -reg.battery_order) * site.battery_discharge_kw, missing_kw)
    given_kw = min(given_kw, kept_kwh * site.battery_discharge_efficiency / step_h)
    change_kwh = flow.charge_kw * site.battery_charge_efficiency - given_kw / site.battery_discharge_efficiency
    reg.stored_kwh = min(site.battery_kwh, max(0.0, kept_kwh + change_kwh * step_h))
    flow.discharge_kw = given_kw
    return given_kw
