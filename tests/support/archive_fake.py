"""A stand-in for Orthanc's change log and storage, as the inbox sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatehouse.pipeline.ports import ChangeEntry, ReceivedInstance
from gatehouse.policy.model import Origin


class FakeArchive:
    """Stores instances by name; a change of each stays in the log until it is deleted."""

    def __init__(self) -> None:
        self.log: list[tuple[int, str]] = []
        self.instances: dict[str, ReceivedInstance] = {}
        self.described: list[str] = []
        self.last = 0
        self.failing: Exception | None = None

    def store(
        self, name: str, *, study: str = "study", digest: str = "md5", at: float = 1e9
    ) -> None:
        """Store an instance; an overwritten one gets a new change in the place of the old."""
        self.log = [row for row in self.log if row[1] != name]
        self.last += 4
        self.log.append((self.last, name))
        self.instances[name] = ReceivedInstance(name, study, "series", digest, Origin("dicom"), at)

    def delete(self, name: str) -> None:
        self.log = [row for row in self.log if row[1] != name]
        del self.instances[name]

    def changes(self, since: int, limit: int) -> tuple[Sequence[ChangeEntry], int, bool]:
        if self.failing:
            raise self.failing
        later = [row for row in self.log if row[0] > since]
        page = later[:limit]
        last = page[-1][0] if page else self.last
        return [ChangeEntry(*row) for row in page], last, len(page) == len(later)

    def last_change(self) -> int:
        return self.last

    def instance_ids(self, page: int = 2) -> Iterator[Sequence[str]]:
        names = sorted(self.instances)
        for start in range(0, len(names), page):
            yield names[start : start + page]

    def describe(self, orthanc_ids: Sequence[str]) -> Sequence[ReceivedInstance]:
        self.described += orthanc_ids
        return [self.instances[name] for name in orthanc_ids if name in self.instances]

    def system(self) -> dict[str, object]:
        return {"Version": "1.2.3", "DatabaseBackendPlugin": None}
