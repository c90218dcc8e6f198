"""The id tags that an operator keeps: in the database first, then in memory."""

import asyncio

import pytest
from tests.csms.bench import Workbench

from chargewright.csms.errors import Conflict, NotFound
from chargewright.csms.services.id_tags import IdTagsService
from chargewright.csms.storage.base import IdTagRow


@pytest.fixture
def service(bench: Workbench) -> IdTagsService:
    assert bench.csms._services is not None
    return bench.csms._services.id_tags


async def test_what_is_added_is_found_in_every_case_and_read_by_id(service: IdTagsService) -> None:
    row = await service.add(IdTagRow(id=0, id_tag="Card", note="a"))
    assert row.id > 0
    assert service.find("CARD") == row == await service.get(row.id)
    with pytest.raises(Conflict):
        await service.add(IdTagRow(id=0, id_tag="cARD"))


async def test_what_is_not_there_cannot_be_changed_or_removed(service: IdTagsService) -> None:
    with pytest.raises(NotFound):
        await service.change(99, {"note": "nobody"})
    with pytest.raises(NotFound):
        await service.remove(99)
    assert service.find("nobody") is None


async def test_one_tag_is_written_by_one_request_at_a_time(service: IdTagsService) -> None:
    row = await service.add(IdTagRow(id=0, id_tag="Card"))
    other = service.find("TAG")
    assert other is not None
    results = await asyncio.gather(
        service.change(row.id, {"note": "first"}),
        service.change(row.id, {"note": "second"}),
        service.change(other.id, {"note": "another tag"}),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [IdTagRow, Conflict, IdTagRow]
    await service.remove(row.id)
    assert service.find("Card") is None


async def test_a_change_keeps_what_was_changed_while_it_waited(
    service: IdTagsService, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await service.add(IdTagRow(id=0, id_tag="Card"))
    real, has_read, may_go_on = service.get, asyncio.Event(), asyncio.Event()

    async def slow(row_id: int) -> IdTagRow:
        read = await real(row_id)
        has_read.set()
        await may_go_on.wait()
        return read

    monkeypatch.setattr(service, "get", slow)
    noting = asyncio.create_task(service.change(row.id, {"note": "lost twice"}))
    await has_read.wait()
    monkeypatch.setattr(service, "get", real)
    await service.change(row.id, {"blocked": True})
    may_go_on.set()
    stored = await noting
    assert (stored.blocked, stored.note) == (True, "lost twice")
    assert service.find("card") == stored
