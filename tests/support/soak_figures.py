"""What a run of the kill test did and found, and what must be true of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from support.soak_clients import Instance


@dataclass
class Figures:
    """What a run did and found."""

    seed: int
    database: str
    kills: Counter[str] = field(default_factory=Counter)
    amid_work: int = 0
    """Kills while at least one study was on its way."""
    seconds: float = 0.0
    studies: int = 0
    instances: int = 0
    tried_again: int = 0
    generations: int = 0
    attempts: int = 0
    lost: set[Instance] = field(default_factory=set)
    twice: set[Instance] = field(default_factory=set)
    split: set[int] = field(default_factory=set)
    """Studies that arrived under several Study Instance UIDs."""
    unknown: int = 0
    """Instances at the destination that nobody sent."""
    identified: int = 0
    looks: int = 0
    """How often the files of a gateway in reception mode were searched for what identifies."""
    at_rest: int = 0
    """Files that had something of it."""
    states: dict[str, int] = field(default_factory=dict)
    deliveries: dict[str, int] = field(default_factory=dict)
    ended_more_than_once: int = 0
    """Runs with more than one final state, or with none that no later run replaced."""
    is_audit_intact: bool = False

    def line(self) -> str:
        """Return one line for people."""
        kills = ", ".join(f"{count} x {part}" for part, count in sorted(self.kills.items()))
        looks = f"{self.at_rest} identified files in {self.looks} looks at the gateway's, "
        return (
            f"{self.database}, seed {self.seed}: {sum(self.kills.values())} kills ({kills}), "
            f"{self.amid_work} of them with studies on their way, in {self.seconds:.0f} s; "
            f"{self.studies} studies, {self.instances} instances sent, {self.tried_again} sendings "
            f"repeated, {self.generations} runs, {self.attempts} attempts to deliver; "
            f"lost {len(self.lost)}, twice {len(self.twice)}, split {len(self.split)}, "
            f"identified {self.identified}, studies {self.states}, deliveries {self.deliveries}, "
            f"runs without one end {self.ended_more_than_once}, "
            f"{looks if self.looks else ''}"
            f"audit {'intact' if self.is_audit_intact else 'BROKEN'}"
        )


def assert_all_is_well(figures: Figures) -> None:
    """Nothing is lost, doubled or identified, and everything has come to its one end."""
    assert figures.lost == set(), figures.line()
    assert figures.twice == set(), figures.line()
    assert figures.split == set(), figures.line()
    assert figures.unknown == 0, figures.line()
    assert figures.identified == 0, figures.line()
    assert figures.at_rest == 0, figures.line()
    assert figures.states == {"done": figures.studies}, figures.line()
    assert set(figures.deliveries) <= {"delivered", "superseded"}, figures.line()
    assert figures.ended_more_than_once == 0, figures.line()
    assert figures.is_audit_intact, figures.line()
