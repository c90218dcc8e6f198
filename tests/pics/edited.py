"""A built-in PICS file with something changed in its text."""

from importlib import resources

from chargewright.pics.loading import Pics, loads

FILE = "edited.toml"


def text_of(name: str) -> str:
    return resources.files("chargewright.pics").joinpath(f"{name}.toml").read_text()


def load_edited(name: str, *changes: tuple[str, str]) -> Pics:
    """Load the built-in file after replacing the first of each `old` by `new`, which must be there."""
    text = text_of(name)
    for old, new in changes:
        if old not in text:
            raise AssertionError(f"{old!r} is not in {name}.toml")
        text = text.replace(old, new, 1)
    return loads(text.encode(), FILE)
