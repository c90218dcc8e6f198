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
        await service.change(IdTagRow(id=99, id_tag="nobody"))
    with pytest.raises(NotFound):
        await service.remove(99)
    assert service.find("nobody") is None


async def test_one_tag_is_written_by_one_request_at_a_time(service: IdTagsService) -> None:
    row = await service.add(IdTagRow(id=0, id_tag="Card"))
    results = await asyncio.gather(
        service.change(IdTagRow(id=row.id, id_tag="Card", note="first")),
        service.change(IdTagRow(id=row.id, id_tag="Card", note="second")),
        service.change(IdTagRow(id=0, id_tag="TAG", note="another tag")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [IdTagRow, Conflict, IdTagRow]
    await service.remove(row.id)
    assert service.find("Card") is None
