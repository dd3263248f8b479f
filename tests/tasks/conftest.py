"""People for the tests of the tasks."""

from __future__ import annotations

import pytest

from iper_bench.data.dataset import DATASETS
from tests.tasks.people import OnDisk, People, open_people


@pytest.fixture(scope="session")
def people() -> People:
    """Both people; computed once."""
    return People()


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> OnDisk:
    """The first person's files; tests leave them as they are."""
    return OnDisk(tmp_path_factory.mktemp("files"))


@pytest.fixture
def dataset(people: People, monkeypatch: pytest.MonkeyPatch) -> People:
    """``people:a`` and ``people:b`` can be named."""

    def factory(*, root: str | None = None, size: int | None = None) -> People:
        return people if size in (None, people.image_size) else open_people(root=root, size=size)

    monkeypatch.setitem(DATASETS._entries, "people", factory)
    return people
