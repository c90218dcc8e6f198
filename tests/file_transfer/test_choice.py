"""Each scheme has its protocol."""

import pytest

from chargewright.file_transfer.choice import TRANSFERS, TransferTools, transfer_for
from chargewright.file_transfer.errors import UnsupportedScheme
from chargewright.file_transfer.ftp_client import FtpTransfer
from chargewright.file_transfer.http_client import HttpTransfer
from chargewright.file_transfer.memory import MemoryFiles, MemoryTransfer

EXPECTED = {
    "http": HttpTransfer,
    "https": HttpTransfer,
    "ftp": FtpTransfer,
    "ftps": FtpTransfer,
    "ftpes": FtpTransfer,
    "memory": MemoryTransfer,
}


def test_the_table_is_whole() -> None:
    assert set(TRANSFERS) == set(EXPECTED)


@pytest.mark.parametrize(("scheme", "kind"), EXPECTED.items())
def test_a_scheme_has_its_protocol(scheme: str, kind: type) -> None:
    assert type(transfer_for(scheme, TransferTools(memory=MemoryFiles()))) is kind


@pytest.mark.parametrize("scheme", EXPECTED)
def test_in_a_simulation_all_are_memory(scheme: str) -> None:
    assert type(transfer_for(scheme, TransferTools(memory=MemoryFiles(), simulated=True))) is MemoryTransfer


@pytest.mark.parametrize("scheme", ["gopher", "file", "", "sftp"])
def test_other_schemes_are_refused_by_name(scheme: str) -> None:
    with pytest.raises(UnsupportedScheme, match="is not one of ftp, ftpes, ftps, http, https, memory"):
        transfer_for(scheme, TransferTools(memory=MemoryFiles(), simulated=True))


def test_without_files_in_memory_there_is_no_such_scheme() -> None:
    with pytest.raises(UnsupportedScheme, match="simulations"):
        transfer_for("memory", TransferTools())
