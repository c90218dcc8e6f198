"""What is shown of a database's URL."""

import pytest

from chargewright.csms.storage.url import shown_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgresql://user:s3cret@db.example.org:5432/name", "postgresql://db.example.org:5432/name"),
        ("postgresql+asyncpg://user:s3cret@h/d", "postgresql+asyncpg://h/d"),
        ("postgresql://user@h1:1,h2:2/d?password=s3cret", "postgresql://…"),
        ("postgresql://user@h1,h2/d?password=s3cret", "postgresql://h1,h2/d"),
        ("postgresql://user:s3cret@[::1]:5432/d", "postgresql://[::1]:5432/d"),
        ("postgresql://postgres:@/d?host=/run/x&password=s3cret", "postgresql:///d"),
        ("postgresql://h/d?password=a@s3cret", "postgresql://…"),
        ("postgresql://user:s3c/ret@h/d", "postgresql://…"),
        ("postgresql://user:s3c?ret@h/d", "postgresql://…"),
        ("postgresql://user:s3c#ret@h/d", "postgresql://…"),
        ("postgresql://user:s3c@ret@h/d", "postgresql://…"),
        ("postgresql://user:s3cret/d", "postgresql://…"),
        ("postgresql:user:s3cret@h/d", "postgresql:…"),
        ("host=h password=s3cret", "…"),
        ("s3cret@h", "…"),
        ("sqlite:////var/lib/my data/csms.db", "sqlite:////var/lib/my data/csms.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite:", "sqlite:"),
        ("data/csms.db", "data/csms.db"),
        ("", ""),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert not any(part in shown for part in ("s3c", "ret", "user", "password"))
