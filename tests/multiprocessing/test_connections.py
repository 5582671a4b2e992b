"""Pipes, listeners and waiting for several things at once."""

import io
import os
import signal
import threading
import time

import pytest

import greenlithops.multiprocessing as mp
from greenlithops.multiprocessing.connection import Client, Listener, wait
from support.clock import BUSY
from support.scripts import LIMIT


def send_all(connection, items):
    for item in items:
        connection.send(item)


def echo(connection):
    try:
        while True:
            connection.send(connection.recv() * 2)
    except EOFError:
        connection.close()


def send_and_hang(connection):
    connection.send(os.getpid())
    time.sleep(100)


def visit(address):
    with Client(address, authkey=b"key") as connection:
        connection.send("hello")
        connection.send(connection.recv() + 1)


def test_a_pipe_has_an_end_when_its_writer_has_ended():
    reader, writer = mp.Pipe(duplex=False)
    process = mp.Process(target=send_all, args=(writer, [1, "two", {"three": 3}]))
    process.start()
    writer.close()
    got = [reader.recv() for _ in range(3)]
    with pytest.raises(EOFError):
        reader.recv()
    assert got == [1, "two", {"three": 3}]
    assert reader.poll(), "an end can be received, too"
    process.join(LIMIT)
    process.close()
    reader.close()


def test_messages_go_both_ways():
    ours, theirs = mp.Pipe()
    process = mp.Process(target=echo, args=(theirs,))
    process.start()
    theirs.close()
    assert not ours.poll()
    ours.send(21)
    assert ours.poll(LIMIT)
    assert ours.recv() == 42
    ours.send([1])
    assert ours.recv() == [1, 1]
    ours.close()
    process.join(LIMIT)
    assert process.exitcode == 0
    process.close()


def test_the_death_of_a_writer_is_an_end(lease):
    reader, writer = mp.Pipe(duplex=False)
    process = mp.Process(target=send_and_hang, args=(writer,))
    process.start()
    writer.close()
    os.kill(reader.recv(), signal.SIGKILL)
    before = time.monotonic()
    with pytest.raises(EOFError):
        reader.recv()
    assert time.monotonic() - before < lease + BUSY
    process.join(LIMIT)
    process.close()
    reader.close()


def test_bytes_travel_as_they_are():
    reader, writer = mp.Pipe(duplex=False)
    writer.send_bytes(b"0123456789", 2, 5)
    assert reader.recv_bytes() == b"23456"
    writer.send_bytes(memoryview(b"abc"))
    buffer = bytearray(5)
    assert reader.recv_bytes_into(buffer, 1) == 3
    assert buffer == b"\0abc\0"
    writer.send_bytes(b"too long")
    with pytest.raises(mp.BufferTooShort) as caught:
        reader.recv_bytes_into(buffer)
    assert caught.value.args == (b"too long",)
    for arguments in ((b"x", -1), (b"x", 2), (b"x", 0, -1), (b"x", 0, 2)):
        with pytest.raises(ValueError, match=r"offset|size"):
            writer.send_bytes(*arguments)
    writer.send_bytes(b"long")
    with pytest.raises(OSError, match="length"):
        reader.recv_bytes(3)
    writer.close()


def test_what_an_end_refuses():
    reader, writer = mp.Pipe(duplex=False)
    assert (reader.readable, reader.writable, writer.readable, writer.writable) == (
        True,
        False,
        False,
        True,
    )
    with pytest.raises(OSError, match="read-only"):
        reader.send(1)
    with pytest.raises(OSError, match="write-only"):
        writer.recv()
    with pytest.raises(io.UnsupportedOperation):
        reader.fileno()
    reader.close()
    assert reader.closed
    with pytest.raises(OSError, match="closed"):
        reader.recv()
    with pytest.raises(BrokenPipeError):
        writer.send(1)
    writer.close()


def test_the_first_of_several_things():
    pipes = [mp.Pipe(duplex=False) for _ in range(3)]
    readers = [reader for reader, _ in pipes]
    process = mp.Process(target=time.monotonic)
    assert wait(readers, 0.1) == []
    later = threading.Timer(0.3, pipes[1][1].send, ("x",))
    later.start()
    assert wait(readers, LIMIT) == [readers[1]]
    later.join()
    readers[1].recv()
    process.start()
    assert wait([*readers, process.sentinel], LIMIT) == [process.sentinel]
    pipes[2][1].close()
    assert wait(readers, LIMIT) == [readers[2]], "an end is something to receive"
    process.join()
    process.close()
    for pair in pipes:
        for end in pair:
            end.close()


def test_who_knows_address_and_key_is_let_in():
    with Listener(authkey=b"key") as listener:
        process = mp.Process(target=visit, args=(listener.address,))
        process.start()
        with listener.accept() as connection:
            assert connection.recv() == "hello"
            connection.send(1)
            assert connection.recv() == 2
        with pytest.raises(ConnectionRefusedError):
            Client(listener.address, authkey=b"another")
        with pytest.raises(OSError, match="in use"):
            Listener(listener.address, authkey=b"key")
        process.join(LIMIT)
        process.close()
    with pytest.raises(ConnectionRefusedError):
        Client(listener.address, authkey=b"key")
    with pytest.raises(OSError, match="closed"):
        listener.accept()
