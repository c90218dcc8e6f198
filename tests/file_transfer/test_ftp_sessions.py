"""What pyftpdlib is told: refusals, and the end of an upload."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.file_transfer.peers import Gate

from chargewright.file_transfer import ftp_sessions
from chargewright.file_transfer.ftp_sessions import Receiving, StoreAuthorizer, StoreFolders
from chargewright.file_transfer.store import Admission, FileStore


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "store", quota_bytes=100, size_bound=10)
    store.make_folder("in/deep")
    return store


def folders(store: FileStore, folder: str = "") -> StoreFolders:
    return StoreFolders("", SimpleNamespace(store=store, admission=Admission(folder)))


@pytest.mark.parametrize(
    ("folder", "path", "real"),
    [
        ("", "a", "/a"),
        ("", "../../a", "/a"),
        ("in", "/a", "/in/a"),
        ("in", "../a", "/in/a"),
        ("in", "/", "/in"),
        ("in/deep", "x/../../y", "/in/deep/y"),
    ],
)
def test_paths_stay_in_the_folder_of_the_admission(folder: str, path: str, real: str, store: FileStore) -> None:
    assert folders(store, folder).ftp2fs(path) == real
    assert folders(store, folder).ftp2fs(folders(store, folder).fs2ftp(real)) == real


def test_what_no_store_has_is_no_path(store: FileStore) -> None:
    inside = folders(store)
    assert [inside.validpath(path) for path in ("/", "/a", "/.a.part", "/a\\b", "/a\nb")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert (inside.isdir("/in"), inside.isfile("/in"), inside.lexists("/in/no")) == (True, False, False)


def test_an_upload_takes_no_more_after_trouble(store: FileStore) -> None:
    file = Receiving(store.begin("a"))
    file.write(b"0123456789")
    file.write(b"x")
    assert file.trouble is not None
    file.write(b"y")
    assert (file.upload.size, file.dropped) == (10, 1)
    with pytest.raises(ftp_sessions.FilesystemError, match="ended at 10"):
        file.seek(5)
    file.close()
    file.close()
    assert store.part_size("a") == 10


def test_the_authorizer_notes_what_the_gate_said() -> None:
    session = SimpleNamespace(admission=None)
    authorizer = StoreAuthorizer(Gate(u=("pw", Admission("in")), nobody=("", Admission("public"))))
    authorizer.validate_authentication("u", "pw", session)
    assert session.admission == Admission("in")
    # Whatever an anonymous user types as a password, by custom an address.
    authorizer.validate_authentication("anonymous", "me@example", session)
    assert session.admission == Admission("public")
    with pytest.raises(ftp_sessions.AuthenticationFailed):
        authorizer.validate_authentication("u", "no", session)
    assert [authorizer.has_perm("u", perm) for perm in "elrwadfmMT"] == [True] * 5 + [False] * 5
