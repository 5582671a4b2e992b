"""What a client reads of the call that runs, while the worker goes on."""

from greenlithops.worker.journal import JOURNAL_BYTES, Journal


class Racing:
    """Words of a journal in which something happens as soon as one of them has been read."""

    def __init__(self, words, after, happen):
        self._words = words
        self._after = after
        self._happen = happen

    def __getitem__(self, place):
        found = self._words[place]
        if place == self._after:
            self._happen()
        return found


def test_no_call_has_the_start_of_an_earlier_one():
    for after in range(4):
        memory = bytearray(JOURNAL_BYTES)
        worker, client = Journal(memoryview(memory)), Journal(memoryview(memory))
        worker.begin(7, 0, 1_000, 0)

        def go_on(worker=worker):
            worker.end()
            worker.begin(7, 1, 2_000, 0)

        client._words = Racing(client._words, after, go_on)
        assert client.running() in {(7, 0, 1_000), (7, 0, 2_000), (7, 1, 2_000)}
