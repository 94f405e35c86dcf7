"""Goal: one table says what can happen to a study; it has no gaps, and the documents show it.

Method: the table is walked as a graph, and compared with what docs/states.md says.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gatehouse.pipeline import states
from gatehouse.pipeline.diagram import BEGIN, END, drawn
from gatehouse.pipeline.states import MEANINGS, STEPS, STUDY_STATES, StudyState

DOCUMENT = Path(__file__).parents[2] / "docs" / "states.md"

ENDS: frozenset[StudyState] = frozenset({"done", "rejected"})


def reachable(start: StudyState | None) -> set[StudyState]:
    """Return the states that can follow a state sooner or later."""
    found: set[StudyState] = set()
    rest = {one.target for one in STEPS if one.source == start}
    while rest:
        found |= rest
        rest = {one.target for one in STEPS if one.source in rest} - found
    return found


def test_every_state_can_be_reached() -> None:
    assert reachable(None) == set(STUDY_STATES)


@pytest.mark.parametrize("state", STUDY_STATES)
def test_from_every_state_a_study_can_be_brought_to_its_end(state: StudyState) -> None:
    assert reachable(state) | {state} >= ENDS


@pytest.mark.parametrize("state", STUDY_STATES)
def test_a_new_instance_is_never_lost_in_any_state(state: StudyState) -> None:
    joins = state == "receiving"

    assert joins or states.step(state, "receiving", opens=True) is not None


@pytest.mark.parametrize("state", sorted(set(STUDY_STATES) - {"receiving", "waiting"}))
def test_a_person_can_have_a_study_processed_again(state: StudyState) -> None:
    assert states.step(state, "waiting", opens=True) is not None


def test_what_a_run_is_in_the_middle_of_can_be_held() -> None:
    middle = {"waiting", "processing", "delivering"}

    assert {one.source for one in STEPS if one.target == "held"} == middle


def test_nothing_is_delivered_that_was_not_processed() -> None:
    before = {one.source for one in STEPS if one.target == "delivering"}

    # From held only what had been made, and whose delivery a person has tried again.
    assert before == {"processing", "held"}


def test_no_step_is_there_twice_and_each_says_why() -> None:
    pairs = [(one.source, one.target, one.opens) for one in STEPS]

    assert len(set(pairs)) == len(pairs)
    assert all(one.reason and one.event for one in STEPS)
    assert set(MEANINGS) == set(STUDY_STATES)


def test_the_document_shows_the_table_as_it_is() -> None:
    text = DOCUMENT.read_text()

    # Written by: python -m gatehouse.pipeline.diagram docs/states.md
    assert text[text.index(BEGIN) : text.index(END) + len(END)] == drawn()
