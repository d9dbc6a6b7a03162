"""The account and region that the keys on the way to a list name."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """What the keys on the way to a list say of its records: the account that sees them, and their region."""

    account: str | None = None
    region: str | None = None

    def within(self, name: str) -> Place | None:
        """Return the place of what is under a key; None where the key is neither a region nor an account."""
        account, region = self.account, self.region
        for part in re.split(r"[/:|]", name):
            if _REGION.fullmatch(part):
                region = part
            elif _ACCOUNT.fullmatch(part):
                account = part
            else:
                return None
        return Place(account, region)


_REGION = re.compile(r"[a-z]{2}(-gov|-iso[a-z]?)?-(north|south|east|west|central)(east|west)?-[1-9]")
_ACCOUNT = re.compile(r"\d{12}")
ANYWHERE = Place()
"""No key on the way says anything."""
