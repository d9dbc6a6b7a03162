"""How many examples a law is tried with, by Hypothesis' profile: HYPOTHESIS_PROFILE is dev, ci or nightly."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

FACTORS = {"dev": 1 / 3, "ci": 1.0, "nightly": 10.0}
"""The examples of each profile, relative to what a law asks for."""

PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")

for _name in FACTORS:
    settings.register_profile(
        _name,
        deadline=None,
        # CI gives the same answer for the same code; the others look further each time.
        derandomize=_name == "ci",
        print_blob=True,
        # An example that needs the database empties its tables itself, and takes as long as an import does.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
settings.load_profile(PROFILE)


def law(examples: int = 100, *, shrink: bool = True) -> settings:
    """Return the settings of a law: so many examples in CI; without `shrink` where shrinking would take minutes."""
    # mutmut wants to know whether an example fails, not which is the smallest.
    shrink = shrink and not os.environ.get("MUTANT_UNDER_TEST")
    phases = [phase for phase in Phase if shrink or phase not in (Phase.shrink, Phase.explain)]
    return settings(max_examples=max(1, round(examples * FACTORS[PROFILE])), phases=phases)
