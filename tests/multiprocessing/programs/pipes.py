"""Pipes that are polled, waited for, and closed at their other end."""

import multiprocessing as mp
from multiprocessing.connection import wait


def echo(connection):
    while True:
        message = connection.recv()
        if message is None:
            break
        connection.send(message[::-1])
    connection.send_bytes(b"over", 1, 2)
    connection.close()


def tell(connection, name):
    for number in range(3):
        connection.send((name, number))
    connection.close()


if __name__ == "__main__":
    ours, theirs = mp.Pipe()
    process = mp.Process(target=echo, args=(theirs,))
    process.start()
    theirs.close()
    print(ours.poll(), ours.poll(0.01))
    ours.send("hello")
    print(ours.poll(60), ours.recv())
    ours.send([1, 2, 3])
    print(ours.recv())
    ours.send(None)
    buffer = bytearray(10)
    print(ours.recv_bytes_into(buffer, 2), bytes(buffer))
    try:
        ours.recv()
    except EOFError:
        print("EOFError")
    process.join()
    print(process.exitcode)

    readers, messages = [], []
    for name in "abc":
        reader, writer = mp.Pipe(duplex=False)
        mp.Process(target=tell, args=(writer, name)).start()
        writer.close()
        readers.append(reader)
    while readers:
        for reader in wait(readers):
            try:
                messages.append(reader.recv())
            except EOFError:
                readers.remove(reader)
    print(sorted(messages))
    try:
        reader, writer = mp.Pipe(duplex=False)
        reader.send(1)
    except OSError as error:
        print(error)
