"""The loop of the blocking face stays from its first use on: it is there before the first test."""

from greenlithops.sync.loop import background

background().call(lambda: None)
