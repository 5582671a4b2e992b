"""Subclasses of Process, what they print, and how they end."""

import multiprocessing as mp
import os
import sys
import time


class Worker(mp.Process):
    def __init__(self, number, queue):
        super().__init__(name=f"worker-{number}", daemon=True)
        self.number = number
        self.queue = queue

    def run(self):
        print(self.name, "runs", mp.current_process().name, self.daemon, flush=True)
        self.queue.put(self.number)
        if self.number == 1:
            sys.exit(3)
        if self.number == 2:
            os._exit(4)
        if self.number == 3:
            raise SystemExit("words go to stderr")
        if self.number == 4:
            time.sleep(600)


if __name__ == "__main__":
    queue = mp.SimpleQueue()
    for number in range(5):
        worker = Worker(number, queue)
        print("before", worker.pid, worker.exitcode, worker.is_alive())
        worker.start()
        print("got", queue.get(), worker.pid == worker.ident)
        if number == 4:
            worker.join(0.01)
            print(worker.exitcode, worker.is_alive(), worker in mp.active_children())
            worker.terminate()
        worker.join()
        print("after", worker.exitcode, worker.is_alive())
    print(mp.active_children(), mp.parent_process(), mp.current_process().name)
