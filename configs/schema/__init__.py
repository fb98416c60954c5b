"""Pydantic models of all kinds of configuration files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.configs.schema.agent import AgentSettings, Count, WarmStart, is_flat
    from wattward.configs.schema.base import Config, ConfigError, NonNegative, Positive, Share
    from wattward.configs.schema.disturbance import (
        DarkWeek,
        DemandSurge,
        Disturbance,
        GpuFailures,
        HeatWave,
        NewTariff,
        Preset,
        PriceSpike,
        WanOutage,
        WindDrought,
        WorseForecasts,
    )
    from wattward.configs.schema.locale import utc_offset_minutes
    from wattward.configs.schema.market import Market
    from wattward.configs.schema.recording import CapacityFactors, RecordingLayout, Requests
    from wattward.configs.schema.region import Interactive, Region, Site, Sun, Wind
    from wattward.configs.schema.scenario import GridPrice, JobClass, LogNormal, RegionUse, Scenario
    from wattward.configs.schema.storage import Battery, ChilledWater, Store, Ups
    from wattward.configs.schema.suite import Precision, Split, Suite
    from wattward.configs.schema.supply import Supply
    from wattward.configs.schema.tariff import Season, Tariff
    from wattward.configs.schema.tokens import Serving, ServingFit, Tokens
    from wattward.configs.schema.zoo import Trained, Zoo

__all__ = [
    "AgentSettings",
    "Battery",
    "CapacityFactors",
    "ChilledWater",
    "Config",
    "ConfigError",
    "Count",
    "DarkWeek",
    "DemandSurge",
    "Disturbance",
    "GpuFailures",
    "GridPrice",
    "HeatWave",
    "Interactive",
    "JobClass",
    "LogNormal",
    "Market",
    "NewTariff",
    "NonNegative",
    "Positive",
    "Precision",
    "Preset",
    "PriceSpike",
    "RecordingLayout",
    "Region",
    "RegionUse",
    "Requests",
    "Scenario",
    "Season",
    "Serving",
    "ServingFit",
    "Share",
    "Site",
    "Split",
    "Store",
    "Suite",
    "Sun",
    "Supply",
    "Tariff",
    "Tokens",
    "Trained",
    "Ups",
    "WanOutage",
    "WarmStart",
    "Wind",
    "WindDrought",
    "WorseForecasts",
    "Zoo",
    "is_flat",
    "utc_offset_minutes",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "configs.schema.agent": "AgentSettings Count WarmStart is_flat",
        "configs.schema.base": "Config ConfigError NonNegative Positive Share",
        "configs.schema.disturbance": "DarkWeek DemandSurge Disturbance GpuFailures HeatWave "
        "NewTariff Preset PriceSpike WanOutage WindDrought WorseForecasts",
        "configs.schema.locale": "utc_offset_minutes",
        "configs.schema.market": "Market",
        "configs.schema.recording": "CapacityFactors RecordingLayout Requests",
        "configs.schema.region": "Interactive Region Site Sun Wind",
        "configs.schema.scenario": "GridPrice JobClass LogNormal RegionUse Scenario",
        "configs.schema.storage": "Battery ChilledWater Store Ups",
        "configs.schema.suite": "Precision Split Suite",
        "configs.schema.supply": "Supply",
        "configs.schema.tariff": "Season Tariff",
        "configs.schema.tokens": "Serving ServingFit Tokens",
        "configs.schema.zoo": "Trained Zoo",
    },
)
