"""What the state server knows of a shared object, so that tests wait for it instead of sleeping."""

from greenlithops.backends.state.steps import Command


def waiters(shared):
    """Return how many operations wait for a shared object."""
    return shared._session.run(_once(Command(("LLEN", f"{shared._key}:w"))))


def _once(step):
    return (yield step)
