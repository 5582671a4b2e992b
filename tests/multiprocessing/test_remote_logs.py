"""What processes print, shown by their program while they run."""

import sys

from greenlithops import multiprocessing as mp
from greenlithops.multiprocessing.util import RemoteLoggingFeed, RemoteLogIOBuffer


def talk(number, shown):
    buffer = RemoteLogIOBuffer("talk")
    buffer.start()
    print("hello from", number)
    buffer.flush()
    shown.wait(60)  # it is shown while the process runs
    print("bye from", number)
    buffer.stop()
    print("not shown")


class Seen:
    """What is printed, and an event when all have said hello."""

    def __init__(self, event):
        self.text = ""
        self._event = event

    def write(self, text):
        self.text += text
        if self.text.count("hello") == 2:
            self._event.set()

    def flush(self):
        pass


def test_what_processes_print_is_shown_while_they_run(monkeypatch):
    shown = mp.Event()
    seen = Seen(shown)
    feed = RemoteLoggingFeed("talk")
    monkeypatch.setattr(sys, "stdout", seen)
    feed.start()
    processes = [mp.Process(target=talk, args=(number, shown)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
        process.close()
    feed.stop()
    lines = [line for line in seen.text.splitlines() if "from" in line]
    assert sorted(lines[:2]) == ["hello from 0", "hello from 1"]
    assert {"bye from 0", "bye from 1"} <= set(lines[2:])


def test_a_buffer_collects_until_it_is_flushed(capsys):
    feed = RemoteLoggingFeed("other")
    feed.stop()  # it never began
    buffer = RemoteLogIOBuffer("own")
    buffer.start()
    buffer.start()
    print("one")
    buffer.stop()
    buffer.stop()
    print("two")
    assert capsys.readouterr().out == "one\ntwo\n"
    feed = RemoteLoggingFeed("own")
    feed.start()
    feed.stop()
    assert capsys.readouterr().out == "one\n"
