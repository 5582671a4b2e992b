"""Every operation that has not to wait is one request to the server."""

import itertools

import redis

import greenlithops.multiprocessing as mp
from greenlithops.multiprocessing import session as sessions

END = "the end"


def requests(server, work):
    """Return the requests that some work has sent, without what scripts and heartbeats do."""
    with server.monitor() as monitor:
        work()
        server.echo(END)
        seen = itertools.takewhile(lambda one: END not in one["command"], monitor.listen())
        return [
            one["command"]
            for one in seen
            if one["client_type"] != "lua" and ":life:" not in one["command"]
        ]


def test_an_operation_is_one_request():
    manager = mp.Manager()
    queue, bounded, tasks = mp.Queue(), mp.Queue(2), mp.JoinableQueue()
    lock, recursive, units = mp.Lock(), mp.RLock(), mp.BoundedSemaphore(2)
    value, array, event, condition = mp.Value("i"), mp.Array("d", 3), mp.Event(), mp.Condition()
    names, words, about = manager.dict(), manager.list(), manager.Namespace()
    receiver, sender = mp.Pipe(duplex=False)
    work = {
        "put": lambda: queue.put(1),
        "get": queue.get,
        "put where room is limited": lambda: bounded.put(1),
        "get where room is limited": bounded.get,
        "put a task": lambda: tasks.put(1),
        "get a task": tasks.get,
        "task_done": tasks.task_done,
        "join": tasks.join,
        "qsize": queue.qsize,
        "acquire": lock.acquire,
        "refused": lambda: lock.acquire(False),
        "release": lock.release,
        "acquire, recursively": recursive.acquire,
        "release, recursively": recursive.release,
        "acquire a unit": units.acquire,
        "release a unit": units.release,
        "value": lambda: value.get_obj().value,
        "set a value": lambda: setattr(value.get_obj(), "value", 5),
        "element": lambda: array.get_obj()[1],
        "set elements": lambda: array.get_obj().__setitem__(slice(0, 2), [1.0, 2.0]),
        "set an event": event.set,
        "wait for an event": event.wait,
        "enter a condition": condition.acquire,
        "notify": condition.notify_all,
        "set a key": lambda: names.__setitem__("a", 1),
        "key": lambda: names["a"],
        "keys": names.keys,
        "append": lambda: words.append(1),
        "index": lambda: words[0],
        "length": lambda: len(words),
        "set an attribute": lambda: setattr(about, "a", 1),
        "attribute": lambda: about.a,
        "send": lambda: sender.send(1),
        "receive": receiver.recv,
    }
    with redis.Redis(**sessions.current().address.options) as server:
        counts = {}
        for number, (what, function) in enumerate([*work.items()] * 2):
            if what == "enter a condition" and number >= len(work):
                condition.release()
            found = requests(server, function)
            if number >= len(work):  # the server knows the scripts
                counts[what] = len(found)
    condition.release()
    assert {what: count for what, count in counts.items() if count != 1} == {}
    assert len(counts) == len(work)
