"""Threads that run one at a time, in an order that somebody chooses: the same choices give the same run."""

import threading
from collections.abc import Callable


class Killed(BaseException):
    """What ends an actor as SIGKILL ends a process: from here on, nothing that it does has an effect."""


class Actor:
    """A thread on a stage. It stands still except between `Stage.resume` and its next `Stage.pause`.

    Attributes:
        until: What it waits for: it may be resumed when this returns true.
        doom: What `pause` raises when it is resumed; None to go on.
        error: What ended it, except `Killed`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.until: Callable[[], bool] = _always
        self.doom: BaseException | None = None
        self.error: BaseException | None = None
        self.has_left = False
        self.cue = threading.Semaphore(0)


class Stage:
    """Where actors take turns. One thread owns it and calls `enter` and `resume`; the actors call `pause`."""

    def __init__(self) -> None:
        self.actors: list[Actor] = []
        self._owner_cue = threading.Semaphore(0)
        self._here = threading.local()

    def enter(self, name: str, task: Callable[[], object]) -> Actor:
        """Add an actor with a task, which begins when it is resumed."""
        actor = Actor(name)
        self.actors.append(actor)
        threading.Thread(target=self._play, args=(actor, task), name=name, daemon=True).start()
        return actor

    def _play(self, actor: Actor, task: Callable[[], object]) -> None:
        self._here.actor = actor
        actor.cue.acquire()
        try:
            if not isinstance(actor.doom, Killed):
                task()
        except Killed:
            pass
        except BaseException as error:
            actor.error = error
        actor.has_left = True
        self.actors.remove(actor)
        self._owner_cue.release()

    def resume(self, actor: Actor, doom: BaseException | None = None) -> None:
        """Let one actor run until it pauses or ends; with `doom`, its pause raises that."""
        actor.doom = doom
        actor.cue.release()
        self._owner_cue.acquire()

    def pause(self, until: Callable[[], bool] | None = None) -> None:
        """Stand still until resumed. Outside of the stage, as in the checks at the end, nobody waits."""
        actor = getattr(self._here, "actor", None)
        if actor is None:
            return
        if isinstance(actor.doom, Killed):  # it only unwinds
            raise actor.doom
        actor.until = until or _always
        self._owner_cue.release()
        actor.cue.acquire()
        if actor.doom is not None:
            raise actor.doom

    def clear(self) -> None:
        """End all actors."""
        for actor in list(self.actors):
            self.resume(actor, Killed())


def _always() -> bool:
    return True
