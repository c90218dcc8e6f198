from datetime import UTC, datetime, timedelta
from random import Random

from chargewright.pki.authorities import make_authority
from chargewright.protocol.v16.security import CertificateUse
from chargewright.station.certificate_store import CertificateStore
from chargewright.station.store import StationStore

AT = datetime(2026, 1, 1, tzinfo=UTC)
CENTRAL = CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE
MANUFACTURER = CertificateUse.MANUFACTURER_ROOT_CERTIFICATE


def made() -> CertificateStore:
    return CertificateStore(StationStore(":memory:", Random(1)))


def test_roots_are_kept_by_use() -> None:
    store = made()
    one, two = make_authority("One", AT), make_authority("Two", AT)
    store.put_root(CENTRAL, one.certificate)
    store.put_root(MANUFACTURER, one.certificate)
    store.put_root(MANUFACTURER, two.certificate)
    assert len(store.roots()) == 3
    assert [root.certificate for root in store.roots(CENTRAL)] == [one.certificate]
    store.remove_root(store.roots(CENTRAL)[0])
    assert store.roots(CENTRAL) == []
    assert len(store.roots(MANUFACTURER)) == 2


def test_a_replaced_root_is_the_only_fallback_and_its_successors_issuer() -> None:
    store = made()
    first = make_authority("First", AT)
    second = make_authority("Second", AT, replaces=first)
    third = make_authority("Third", AT, replaces=second)
    store.put_root(CENTRAL, first.certificate)
    for authority in (second, third):
        current = next(root for root in store.roots(CENTRAL) if not root.is_fallback)
        store.replace_root(current, authority.certificate)
    found = {root.certificate: root for root in store.roots(CENTRAL)}
    assert set(found) == {second.certificate, third.certificate}
    assert found[second.certificate].is_fallback and not found[third.certificate].is_fallback
    assert found[third.certificate].issuer == second.certificate
    store.drop_fallbacks()
    (left,) = store.roots(CENTRAL)
    assert (left.certificate, left.issuer) == (third.certificate, second.certificate)


def test_the_newest_valid_certificate_comes_first() -> None:
    store = made()
    root = make_authority("Root", AT)
    begins = [AT, AT + timedelta(days=20), AT + timedelta(days=10)]
    for begin in begins:
        own = root.client("Acme", "SN", begin, days=30)
        store.put_own(own.chain_pem, own.key_pem)
    starts = [item.certificate.not_valid_before_utc for item in store.own()]
    assert starts == sorted(starts, reverse=True) and len(starts) == 3
    assert len(store.own_valid(AT + timedelta(days=15))) == 2
    assert store.own_valid(AT - timedelta(days=1)) == []
    store.remove_own(store.own()[0])
    assert len(store.own()) == 2
    assert "PRIVATE" not in repr(store.own())


def test_the_key_of_a_request_is_kept_until_it_is_used() -> None:
    store = made()
    assert store.pending_key is None
    store.pending_key = "a key"
    assert store.pending_key == "a key"
    store.pending_key = None
    assert store.pending_key is None
