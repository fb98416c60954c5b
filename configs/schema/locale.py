"""Known currencies and time zones of scenarios."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

CURRENCY, TIME_ZONE = "CNY", "Asia/Shanghai"
"""Defaults of a scenario."""
ISO_4217 = frozenset(
    re.findall(
        r"[A-Z]{3}",
        """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
        """,
    )
)
"""Currency codes in use."""


@lru_cache(maxsize=64)
def utc_offset_minutes(name: str, year: int) -> int:
    """Offset of a time zone from UTC, the same all through a year and the days around it [minutes].

    Raises:
        ValueError: there is no such zone, or its offset changes, as with daylight saving.
    """
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"timezone {name!r} must be an IANA name such as Asia/Shanghai or Etc/GMT-8") from None
    first = datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=7)
    offsets = [(first + timedelta(days=day)).astimezone(zone).utcoffset() or timedelta() for day in range(380)]
    if len(set(offsets)) > 1:
        hours = min(offsets) / timedelta(hours=1)
        fixed = f"Etc/GMT{-hours:+.0f}" if hours.is_integer() else "a name without daylight saving"
        raise ValueError(
            f"timezone {name!r} changes its offset in {year}, must keep it all year; name a fixed offset instead, such "
            f"as {fixed} (in Etc names the sign is reversed: Etc/GMT-8 is 8 hours ahead of UTC)"
        )
    return round(offsets[0] / timedelta(minutes=1))
