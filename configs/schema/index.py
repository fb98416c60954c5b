"""The parameters of the index rule, in one table: what each means, its range, and its value before tuning."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from wattward.configs.schema.base import Config


def _between(least: float, most: float, meaning: str) -> Any:  # noqa: ANN401 - pydantic's FieldInfo
    return Field(ge=least, le=most, description=meaning)


class IndexParameters(Config):
    """The parameters of `TunedIndex`; docs/tuned-index.md says how the rule uses them.

    Prices are shares of the mean cost of a GPU-hour on grid power over the coming two days. The limits are the range in
    which `wattward tune` searches.
    """

    level: Annotated[float, _between(-0.5, 1.0, "price at which work runs, beside the terms below")] = 0.0
    clearing: Annotated[float, _between(-0.5, 2.0, "weight of the clearing price until the job's deadline")] = 0.8
    clearing_long: Annotated[float, _between(-0.5, 2.0, "weight of the clearing price of two days")] = 0.1
    backlog: Annotated[float, _between(-0.5, 0.5, "rise with the logarithm of the hours of work that wait")] = 0.0
    urgent: Annotated[float, _between(-1.0, 1.0, "the same for work that can wait less than six hours")] = 0.03
    end: Annotated[float, _between(-0.5, 1.5, "rise over the last day of the episode")] = 0.0
    rigid: Annotated[float, _between(-0.3, 0.3, "rise for jobs that cannot be stopped")] = 0.0
    fill: Annotated[float, _between(0.3, 1.3, "share of the free GPU-hours that work can fill")] = 0.85
    arrivals: Annotated[float, _between(0.0, 2.0, "weight of the work expected to arrive")] = 1.0
    arrival_lag_h: Annotated[float, _between(1.0, 48.0, "hours that such work can wait")] = 12.0
    room_price: Annotated[float, _between(0.0, 1.0, "how far later hours cost the clearing price instead of power")] = (
        0.3
    )
    worth: Annotated[float, _between(0.0, 1.0, "how far later hours cost what the fluid plan says they are worth")] = (
        0.5
    )
    surplus: Annotated[float, _between(0.0, 1.5, "weight of forecast power that is cheaper than the grid's")] = 0.8
    margin: Annotated[float, _between(0.0, 1.0, "share by which a job is taken to run longer than estimated")] = 0.25
    early_h: Annotated[float, _between(0.0, 3.0, "hours before its deadline at which a job should be done")] = 0.25
    tolerance: Annotated[float, _between(-0.2, 0.4, "saving for which a job does not wait")] = 0.0
    wait_per_h: Annotated[float, _between(0.0, 0.03, "cost of waiting for an hour")] = 0.003
    late: Annotated[float, _between(0.0, 5.0, "weight of the price of lateness")] = 1.0
    left: Annotated[float, _between(0.5, 1.5, "weight of the price of work left at the end")] = 1.0
    restart: Annotated[float, _between(0.0, 12.0, "weight of the restart that a pause costs")] = 1.0
    move: Annotated[float, _between(0.0, 20.0, "weight of the cost of moving data")] = 2.0
    transit: Annotated[float, _between(0.0, 0.5, "cost of an hour in transit")] = 0.02
    whole_run: Annotated[float, _between(0.0, 1.0, "how far a job that can be paused is priced as one run")] = 0.6
    peak_h: Annotated[float, _between(12.0, 336.0, "hours of use that pay for a rise of the peak")] = 72.0
    peak_share: Annotated[float, _between(0.0, 1.0, "share of full power that is taken to be reached anyway")] = 0.4
    first_slack: Annotated[float, _between(-1.0, 1.0, "order of packing: logarithm of the hours of slack")] = 0.0
    first_work: Annotated[float, _between(-1.0, 1.0, "order of packing: logarithm of the GPU-hours left")] = 0.0
    first_malleable: Annotated[float, _between(-1.0, 1.0, "order of packing: malleable jobs")] = -0.02
    first_running: Annotated[float, _between(-1.0, 1.0, "order of packing: jobs that run")] = 0.02
