"""Who is in a fleet, and how each of them connects."""

from chargewright.station.behaviour import load_behaviour
from chargewright.station.fleet_plan import FleetPlan, identities, key_of, places
from chargewright.station.running import product_from
from chargewright.station.security_profile import Provisioning

MASTER_KEY = b"0123456789abcdef"


def test_a_station_s_key_is_its_own_and_legal() -> None:
    keys = {key_of(identity, MASTER_KEY) for identity in identities("CW-F-", 100)}
    assert len(keys) == 100
    assert all(len(bytes.fromhex(key)) == 20 for key in keys)
    assert key_of("CW-F-00001", MASTER_KEY) != key_of("CW-F-00001", MASTER_KEY + b"!")


def test_identities_and_places() -> None:
    assert identities("X", 2) == ["X00001", "X00002"]
    products = (product_from("minimal"), product_from("kempower_s_series"))
    assert places(3, products) == 3 * max(len(product.outlets) for product in products)


def test_what_is_common_goes_with_a_password_of_its_own() -> None:
    plan = FleetPlan(
        count=2,
        products=(product_from("minimal"),),
        csms_url="ws://a",
        behaviour=load_behaviour("depot"),
        password_of=lambda identity: identity.encode(),
    )
    assert plan.provisioning_of("ONE") == Provisioning(url="ws://a", password=b"ONE")
    secure = Provisioning(url="wss://a", profile=2, roots_pem="PEM")
    other = FleetPlan(
        count=2,
        products=plan.products,
        csms_url="wss://a",
        behaviour=plan.behaviour,
        password_of=plan.password_of,
        provisioning=secure,
    )
    assert other.provisioning_of("TWO") == Provisioning(url="wss://a", profile=2, roots_pem="PEM", password=b"TWO")
