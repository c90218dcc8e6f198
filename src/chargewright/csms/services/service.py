"""What every service may have: something to read at the start, and work of its own."""

from collections.abc import Awaitable, Callable, Mapping

__all__ = ["Service"]


class Service:
    """The base of services; all of it may be left as it is."""

    async def load(self) -> None:
        """Read what is kept in memory; called once, before anything listens."""

    def work(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Loops that run while the CSMS does, by name; cancelled at its end."""
        return {}
