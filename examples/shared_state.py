"""The standard library's multiprocessing, unchanged but for its import."""

from typing import Any

import greenlithops.multiprocessing as mp


def deposit(account: Any, history: Any, lock: Any, amount: int) -> None:
    """Add to an account that other processes use as well."""
    with lock:
        account.value += amount
        history.append((mp.current_process().name, account.value))


def main() -> None:
    """Let four processes share a value, a list and a lock."""
    with mp.Manager() as manager:
        account, history, lock = mp.Value("i", 0), manager.list(), mp.Lock()
        processes = [
            mp.Process(target=deposit, args=(account, history, lock, amount))
            for amount in (1, 10, 100, 1000)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        print("balance:", account.value, "after", len(history), "deposits")


if __name__ == "__main__":
    main()
