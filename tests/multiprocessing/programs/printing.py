"""What calls print, in every way in which they can."""

import multiprocessing as mp
import os
import subprocess
import sys


def say(number):
    print("call", number)
    sys.stdout.write("no newline, ")
    sys.stdout.flush()
    os.write(1, b"a descriptor, ")
    subprocess.run(["echo", "a program"], check=True)
    print("to stderr", file=sys.stderr)
    return number


def step(there, back):
    print("in the child", flush=True)
    there.put(1)
    back.get()
    print("ends without a newline", end="")


if __name__ == "__main__":
    print("before")
    with mp.Pool(1) as pool:
        print(pool.map(say, range(2)), flush=True)
    there, back = mp.Queue(), mp.Queue()
    child = mp.Process(target=step, args=(there, back))
    child.start()
    there.get()
    print("in the parent", flush=True)
    back.put(1)
    child.join()
    print(", and the parent goes on")
