"""Who used the CPUs, and for how long: the shares by which energy is divided.

    machine.py    the busy time of the whole machine: the denominator of every share
    trees.py      what a worker and all that its calls have started use, alive or dead
    ebpf.py       both, counted by the scheduler itself; bpf.py is the system call
    cgroup.py     trees by control groups
    taskstats.py  trees by what the kernel tells of tasks that end; kinship.py says whose they were
    processes.py  trees by the clocks of living processes; ticks last
    sources.py    the choice among them

What a call itself uses is measured at its edges by the worker: the process's CPU clock and the
children that it waited for, a thread's clock, or the metered steps of a coroutine.
"""
