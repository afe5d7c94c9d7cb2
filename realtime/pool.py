"""The warm spare: deck processes that are ready for a patch. It knows workers, not decks.

Starting a process costs a second (interpreter, libraries, kernels); a spare has paid it already, so a patch change or a restart only loads.
"""

import time

from realtime.worker import State, Worker

END_LIMIT_S = 1.0
"""A process that was told to quit and has not by then is killed."""


class Pool:
    """Workers without a deck.

    Parameters
    ----------
    block_name : str

    Thread
    ------
    The engine's control thread only.
    """

    def __init__(self, block_name: str) -> None:
        self._block_name = block_name
        self.workers: list[Worker] = []
        self._ending: list[Worker] = []

    @property
    def ready(self) -> bool:
        """True when a spare would load at once."""
        return any(worker.state is State.IDLE and not worker.lost for worker in self.workers)

    def take(self) -> Worker:
        """A worker to load a patch in: the readiest there is, a new one if there is none."""
        self.poll()
        self.workers.sort(key=lambda worker: worker.state is not State.IDLE)
        return self.workers.pop(0) if self.workers else Worker(self._block_name)

    def give(self, worker: Worker, *, idle: bool) -> None:
        """Take back a worker that has let go of its patch, as a spare if one is wanted. Never waits."""
        if self.workers:
            worker.say(do="quit")
            worker.enter(State.LEAVING)
            self._ending.append(worker)
        else:
            worker.enter(State.IDLE if idle else State.STARTING)
            self.workers.append(worker)

    def keep(self, count: int) -> None:
        """Start workers until there are `count`."""
        while len(self.workers) < count:
            self.workers.append(Worker(self._block_name))

    def poll(self) -> None:
        """Hear what the spares say and drop those that died."""
        for worker in list(self.workers):
            for event in worker.events():
                if event["event"] == "idle":
                    worker.enter(State.IDLE)
            if worker.lost or not worker.alive or worker.overdue():
                worker.kill()
                self.workers.remove(worker)
        for worker in list(self._ending):
            if worker.gone() or time.monotonic() - worker.since_s > END_LIMIT_S:
                worker.kill()
                self._ending.remove(worker)

    def close(self) -> None:
        """End every spare."""
        workers = [*self.workers, *self._ending]
        for worker in workers:
            worker.say(do="quit")
        for worker in workers:
            worker.finish()
        self.workers.clear()
        self._ending.clear()
