"""The services are put together from settings alone, each of the base that the application loads."""

import random

from chargewright.clock import SystemClock
from chargewright.csms.assembly import make_services
from chargewright.csms.config import Settings
from chargewright.csms.directory import Directory
from chargewright.csms.services.registry import Services
from chargewright.csms.services.service import Service
from chargewright.csms.storage.sqlite import open_sqlite


async def test_every_service_is_made_and_can_be_loaded() -> None:
    storage = await open_sqlite(":memory:", SystemClock())
    storage.journal.begin()
    services = make_services(Settings(), storage, Directory(), SystemClock(), random.Random(1).randbytes, {})
    made = list(services)
    assert len(made) == len(Services.__struct_fields__)
    for service in made:
        assert isinstance(service, Service)
        await service.load()
    await storage.close()
