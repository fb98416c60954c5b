"""The ledger as a hash chain. Each entry holds the SHA-256 of the entry before it; no certified kWh is used twice.

An entry is a row of named values. There are four kinds:

- `opening`: the episode that was played, in `note`;
- `certificate`: the energy that a plant delivered in one hour and region, and its curtailed and sold energy;
- `use`: the energy that a consumer used in one hour and region, by plant. It draws on the certificates of that hour and
  region;
- `seal`: the last entry, with the number of entries in `note`. A truncated chain has no seal or a wrong number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta, timezone
from typing import NamedTuple

from wattward.configs.digests import sha256_of_bytes
from wattward.envs.accounting.hourly import Hourly
from wattward.envs.accounting.supplies import PLANTS, SUPPLIES
from wattward.envs.policy.outlook import EPOCH

Value = str | int | float | None
Entry = dict[str, Value]
OPENING, CERTIFICATE, USE, SEAL = "opening", "certificate", "use", "seal"
NUMBERS = ("kwh", "curtailed_kwh", "sold_kwh", "gpu_h", "tokens", *(f"{kind}_kwh" for kind in SUPPLIES), "carbon_g")
BEFORE_THE_FIRST = "0" * 64
TOLERANCE = 1e-9
"""Relative tolerance of a certificate's energy, because sums of shares are rounded."""


class Fault(NamedTuple):
    """The number of the first faulty entry, counted from 0, and the reason."""

    number: int
    reason: str

    def __str__(self) -> str:
        return f"entry {self.number}: {self.reason}"


def entries_of(hourly: Hourly, about: Mapping[str, object]) -> list[Entry]:
    """The chain of an episode, without certificates and uses of zero energy.

    Args:
        hourly: the episode by hours.
        about: facts about the episode; anything JSON can hold.
    """
    opening: Entry = {"entry": OPENING, "note": json.dumps(dict(about), sort_keys=True)}
    return chain([opening, *_certificates_and_uses(hourly)])


def chain(contents: Iterable[Entry]) -> list[Entry]:
    """Numbers, links and hashes entries, and appends the seal."""
    chained: list[Entry] = []
    previous, listed = BEFORE_THE_FIRST, list(contents)
    seal: Entry = {"entry": SEAL, "note": _sealed(len(listed))}
    for number, content in enumerate([*listed, seal]):
        entry = {**content, "number": number, "previous_sha256": previous}
        entry["sha256"] = previous = sha256_of_json(entry)
        chained.append(entry)
    return chained


def line_of(entry: Entry) -> str:
    """The canonical text of an entry: JSON without blanks, with sorted keys, without keys whose value is None."""
    content = {key: value for key, value in entry.items() if value is not None}
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def sha256_of_json(entry: Entry) -> str:
    """The hash of an entry's canonical text (see `line_of`), without the entry's own hash."""
    return sha256_of_bytes(line_of({**entry, "sha256": None}).encode())


def first_fault(entries: Sequence[Entry], head: str | None = None) -> Fault | None:
    """Finds the first entry that is altered, missing, out of place, or counts a kWh twice; None if there is none.

    Args:
        entries: a whole chain.
        head: the known hash of the last entry, if any. A chain that was completely rewritten has a different one.
    """
    accounts, previous, last = Accounts(), BEFORE_THE_FIRST, len(entries) - 1
    for place, entry in enumerate(entries):
        reason = _broken_link(entry, place, previous) or _wrong_end(entry, place, last) or accounts.take(entry)
        if reason:
            return Fault(place, reason)
        previous = str(entry["sha256"])
    if not entries or entries[last]["entry"] != SEAL:
        return Fault(len(entries), "missing; the chain ends without its seal")
    if head is not None and head != previous:
        return Fault(last, f"hash {previous} is not the head {head}: the chain was written anew")
    return None


class Accounts:
    """The remaining energy of every certificate while a chain is read from its start."""

    def __init__(self) -> None:
        self._left_kwh: dict[tuple[Value, ...], float] = {}
        self._slack_kwh: dict[tuple[Value, ...], float] = {}
        self._users: set[tuple[Value, ...]] = set()

    def take(self, entry: Entry) -> str:
        """Books an entry. Returns what is wrong with it, or an empty text."""
        amounts = [value for name in NUMBERS if (value := entry.get(name)) is not None]
        if not all(isinstance(value, float) and 0.0 <= value < float("inf") for value in amounts):
            return "holds an amount that is not a number of 0 or more"
        if entry["entry"] == CERTIFICATE:
            return self._issue(entry)
        return self._use(entry) if entry["entry"] == USE else ""

    def _issue(self, entry: Entry) -> str:
        key = (entry.get("hour"), entry.get("region"), entry.get("plant"))
        if key in self._left_kwh:
            return f"a second certificate of {_named(key)}"
        self._left_kwh[key] = _amount(entry, "kwh")
        self._slack_kwh[key] = TOLERANCE * self._left_kwh[key]
        return ""

    def _use(self, entry: Entry) -> str:
        user = (entry.get("hour"), entry.get("region"), entry.get("consumer"))
        if user in self._users:
            return f"a second use of {_named(user)}"
        self._users.add(user)
        for plant in PLANTS:
            key, kwh = (*user[:2], plant), _amount(entry, f"{plant}_kwh")
            left_kwh = self._left_kwh.get(key, 0.0) - kwh
            if left_kwh < -self._slack_kwh.get(key, 0.0):
                return f"uses {kwh} kWh of {_named(key)}, {-left_kwh:.9g} kWh more than its certificate still holds"
            self._left_kwh[key] = left_kwh
        return ""


def _certificates_and_uses(hourly: Hourly) -> Iterator[Entry]:
    for h, number in enumerate(hourly.hour):
        hour = hour_name(int(number), hourly.utc_offset_minutes)
        for r, region in enumerate(hourly.regions):
            where: Entry = {"hour": hour, "region": region}
            for p, plant in enumerate(PLANTS):
                amounts = _of_plant(hourly, (h, r, p))
                if any(amounts.values()):
                    yield {"entry": CERTIFICATE, **where, "plant": plant, **amounts}
            for u, consumer in enumerate(hourly.consumers):
                if hourly.kwh[h, r, u].any() or hourly.gpu_h[h, r, u] > 0.0:
                    yield {"entry": USE, **where, "consumer": consumer, **_used(hourly, (h, r, u))}


def _of_plant(hourly: Hourly, at: tuple[int, int, int]) -> Entry:
    sold: Entry = {"sold_kwh": float(hourly.sold_kwh[at])} if hourly.sold_kwh[at] > 0.0 else {}
    return {"kwh": float(hourly.delivered_kwh[at]), "curtailed_kwh": float(hourly.curtailed_kwh[at]), **sold}


def hour_name(hour: int, utc_offset_minutes: int) -> str:
    """The start of a clock hour in ISO 8601, with the clock's offset from UTC, as in 2026-01-31T22:00+08:00."""
    start = (EPOCH + timedelta(hours=hour)).replace(tzinfo=timezone(timedelta(minutes=utc_offset_minutes)))
    return start.isoformat(timespec="minutes")


def _used(hourly: Hourly, at: tuple[int, int, int]) -> Entry:
    used: Entry = {"gpu_h": float(hourly.gpu_h[at])}
    if hourly.tokens is not None:
        used["tokens"] = float(hourly.tokens[at])
    by_supply = {f"{name}_kwh": float(kwh) for name, kwh in zip(SUPPLIES, hourly.kwh[at], strict=True) if kwh > 0.0}
    return {**used, **by_supply, "carbon_g": float(hourly.carbon_g[at])}


def _broken_link(entry: Entry, place: int, previous: str) -> str:
    if entry.get("number") != place:
        return f"missing or out of place; the entry that stands there says it is number {entry.get('number')}"
    if entry.get("sha256") != sha256_of_json(entry):
        return "altered; it does not have the hash it was written with"
    if entry.get("previous_sha256") != previous:
        return "does not follow the entry before it"
    return ""


def _wrong_end(entry: Entry, place: int, last: int) -> str:
    if (entry.get("entry") == OPENING) != (place == 0):
        return "a chain has one opening, and it is its first entry"
    if entry.get("entry") == SEAL and place != last:
        return "the seal is not the last entry"
    if entry.get("entry") == SEAL and entry.get("note") != _sealed(place):
        return f"the seal says {entry.get('note')!r}, must say {_sealed(place)!r}"
    if entry.get("entry") not in (OPENING, CERTIFICATE, USE, SEAL):
        return f"is of no known kind: {entry.get('entry')!r}"
    return ""


def _sealed(place: int) -> str:
    return json.dumps({"entries": place + 1})


def _amount(entry: Entry, name: str) -> float:
    value = entry.get(name)
    return float(value) if isinstance(value, float) else 0.0


def _named(key: tuple[Value, ...]) -> str:
    return " · ".join(str(part) for part in key)
