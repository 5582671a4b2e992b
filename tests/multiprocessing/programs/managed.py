"""Counters in a manager's dictionary, nested proxies, and classes of one's own."""

from multiprocessing import Lock, Process
from multiprocessing.managers import BaseManager, SyncManager


class Account:
    def __init__(self, balance):
        self.balance = balance
        self.history = []

    def deposit(self, amount):
        self.balance += amount
        self.history.append(amount)

    def get(self):
        return self.balance, sorted(self.history)

    def fail(self):
        raise LookupError("nothing here")


class Bank(BaseManager):
    pass


Bank.register("Account", Account)


def work(counts, nested, lock, account, number):
    for word in ["a", "b", (1, 2)]:
        with lock:
            counts[word] = counts.get(word, 0) + 1
    nested["all"].append(number)
    nested["by"][number] = number * number
    account.deposit(number)


if __name__ == "__main__":
    with SyncManager() as manager, Bank() as bank:
        account = bank.Account(10)
        counts, nested = manager.dict(), manager.dict()
        nested["all"], nested["by"] = manager.list(), manager.dict()
        about = manager.Namespace(x=1)
        about.y = "two"
        lock = Lock()
        args = (counts, nested, lock, account)
        processes = [Process(target=work, args=(*args, number)) for number in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        print(sorted(counts.items(), key=str), len(counts), (1, 2) in counts)
        print(sorted(nested["all"]), sorted(nested["by"].items()), nested["all"][0] in range(4))
        print(account.get(), about, about.x, about.y)
        try:
            account.fail()
        except LookupError as error:
            print("LookupError", error)
        things = manager.list([3, 1, 2])
        things += [9]
        things.sort()
        things[1:2] = ["x", "y"]
        print(things, len(things), things.pop(), things.index("x"), list(reversed(things)))
        counts.update({"z": None})
        print(counts.pop("z"), counts.setdefault("q", 5), counts.copy() == dict(counts.items()))
