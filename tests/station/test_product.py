"""A product without any claim is one of ours, and modest."""

from tests.station.world import SOCKET

from chargewright.station.product import OUR_VENDOR, Bounds, Product


def test_defaults_promise_nothing() -> None:
    product = Product(model="M", serial_number="S", firmware_version="1", outlets=(SOCKET,))
    assert product.vendor == OUR_VENDOR == "Chargewright"
    assert not product.allows_offline_unknown_tags
    assert not product.maintains_authorization and product.ends_authorization
    assert product.measurand_lists == {} and product.bounds.get("HeartbeatInterval", Bounds()) == Bounds(None, None)
