"""The services are put together from settings alone, each of the base that the application loads."""

import random

from chargewright.clock import SystemClock
from chargewright.csms.assembly import make_services
from chargewright.csms.attempts import Attempts
from chargewright.csms.commanding import Commanding
from chargewright.csms.config import Settings
from chargewright.csms.directory import Directory
from chargewright.csms.services.registry import Services
from chargewright.csms.services.service import Service
from chargewright.csms.sessions import FightRules, Sessions
from chargewright.csms.storage.sqlite import open_sqlite


async def test_every_service_is_made_and_can_be_loaded() -> None:
    storage = await open_sqlite(":memory:", SystemClock())
    storage.journal.begin()
    settings, directory, clock = Settings(), Directory(), SystemClock()
    sessions = Sessions(clock, FightRules(), lambda: None, lambda station_id, kind, body: None)
    commanding = Commanding(
        settings, directory, sessions, clock, lambda station_id, kind, body: None, storage, lambda: "id"
    )
    services = make_services(
        settings,
        storage,
        directory,
        clock,
        random.Random(1).randbytes,
        {},
        commanding.commander,
        commanding.automation,
        bytes(32),
        sessions,
        Attempts(clock.now_microseconds),
    )
    made = list(services)
    assert len(made) == len(Services.__struct_fields__)
    for service in made:
        assert isinstance(service, Service)
        await service.load()
    await storage.close()
