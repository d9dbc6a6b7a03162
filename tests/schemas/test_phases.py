"""The phases of a run: their shares of it, and where their names and labels are shown."""

from __future__ import annotations

import pytest
from rich.console import Console

from api.cli.watch import Watch
from api.rest.models.runs import ImportProgress
from schemas.phases import Phase

IMPORT = (Phase.EXTRACT, Phase.VALIDATE, Phase.CHECK, Phase.PLAN, Phase.APPLY)
SYNC = (Phase.FETCH, *IMPORT[1:])
EXPORT = (Phase.QUERY, Phase.WRITE)


@pytest.mark.parametrize("phases", [IMPORT, SYNC, EXPORT])
def test_phases_follow_each_other(phases: tuple[Phase, ...]) -> None:
    """Each phase begins where the one before it ends, and only what is done is at 100 percent."""
    assert [phase.start for phase in phases] == [0, *(phase.end for phase in phases[:-1])]
    assert phases[-1].end < Phase.DONE.start == 100


def test_a_phase_is_its_name() -> None:
    """The API and artifacts have the name, and it gives the phase again."""
    assert [Phase(str(phase)) for phase in Phase] == list(Phase)
    assert (f"{Phase.FETCH}", Phase("fetch").label) == ("fetch", "Fetching the source")


def test_the_api_names_every_phase() -> None:
    """The description of the field in the API lists them."""
    described = ImportProgress.model_fields["phase"].description or ""
    assert all(phase in described for phase in Phase)


def test_the_terminal_shows_every_phase_by_its_label() -> None:
    """No phase is shown as its name."""
    console = Console(force_terminal=True, width=120, color_system=None)
    with console.capture() as shown, Watch(console) as watch:
        for phase in Phase:
            watch.progress(phase, 0, None)
            watch._bar.refresh()
    text = shown.get()
    assert [phase for phase in Phase if phase.label not in text] == []
