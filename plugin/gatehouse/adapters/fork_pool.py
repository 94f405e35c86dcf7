"""Forked processes that share the work on a list of files, for commands without threads.

A worker of the gateway has a pool that starts clean processes and tasks that travel to them
(``adapters.pool``); a command that runs once forks, because that costs a millisecond instead of a
third of a second, and hands out numbers, because the children know the list already.

A child that dies or takes too long costs one task, which is answered with `Lost`; the others go on.
"""

from __future__ import annotations

import gc
import marshal
import os
import resource
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

Work = Callable[[int, int], Any]
"""Phase and number of a task -> its answer, of plain values (`marshal`)."""

AHEAD_FIRST = 8
"""Tasks that a child has at hand at first, so that it never waits for the next one."""

_AHEAD_MIN = 4
_AHEAD_MAX = 512

_GATHER_S = 0.01
"""How long answers are gathered while all children have work for longer. To wake up for each of
them takes from the children what they need, where they are as many as there are cores; a child gets
so much ahead that it has work for twice this, and little of what takes long."""

_AHEAD_OF_ORDER_MAX = 4096
"""Answers that wait for an earlier one; beyond it no further tasks are handed out."""

_GC_THRESHOLDS = (50_000, 20, 20)
"""The work makes many short-lived objects and no cycles: looking for these less often saves an
eighth of the time."""

_TASK_BYTES = 5
_LENGTH_BYTES = 4
_READ_BYTES = 1 << 16
_POLL_MS = 1000


class Lost(NamedTuple):
    """The answer to a task that a child did not finish."""

    why: Literal["died", "too-long"]


class _Child:
    """A process and the pipes to it."""

    def __init__(self, work: Work, others: Iterable[_Child], ahead: int) -> None:
        tasks, self.tasks = os.pipe()
        self.answers, answers = os.pipe()
        self.at_hand: deque[int] = deque()
        self.ahead = ahead
        self.since = 0.0
        self._received = bytearray()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.tasks)
            os.close(self.answers)
            for other in others:
                os.close(other.tasks)
                os.close(other.answers)
            _serve(work, tasks, answers)
        os.close(tasks)
        os.close(answers)

    def give(self, phase: int, numbers: Sequence[int]) -> None:
        """Hand out tasks."""
        if not self.at_hand:
            self.since = time.monotonic()
        self.at_hand.extend(numbers)
        kind = bytes([phase])
        try:
            os.write(
                self.tasks,
                b"".join([kind + number.to_bytes(_TASK_BYTES - 1, "little") for number in numbers]),
            )
        except BrokenPipeError:
            return  # it died; its answers' pipe will say so

    def receive(self) -> list[tuple[int, Any]] | None:
        """Return tasks with their answers; None if the child is gone."""
        block = os.read(self.answers, _READ_BYTES)
        if not block:
            return None
        self._received += block
        done: list[tuple[int, Any]] = []
        start = 0
        with memoryview(self._received) as view:
            while len(view) - start >= _LENGTH_BYTES:
                begin = start + _LENGTH_BYTES
                end = begin + int.from_bytes(view[start:begin], "little")
                if len(view) < end:
                    break
                done.append((self.at_hand.popleft(), marshal.loads(view[begin:end])))  # noqa: S302 - written by our own child
                start = end
        del self._received[:start]
        if done:
            self.since = time.monotonic()
            self.ahead = min(max(2 * len(done) + 2, _AHEAD_MIN), _AHEAD_MAX)
        return done

    def end(self) -> None:
        """Kill the process, if it has not ended, and forget it."""
        os.close(self.tasks)
        os.close(self.answers)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _serve(work: Work, tasks: int, answers: int) -> None:
    """Do tasks until there are no more, in the child. Does not return."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends us
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # identified data, keys
        gc.set_threshold(*_GC_THRESHOLDS)
        while len(task := _read_exactly(tasks, _TASK_BYTES)) == _TASK_BYTES:
            answer = marshal.dumps(work(task[0], int.from_bytes(task[1:], "little")))
            message = memoryview(len(answer).to_bytes(_LENGTH_BYTES, "little") + answer)
            while message:
                message = message[os.write(answers, message) :]
        code = 0
    except BrokenPipeError:
        code = 0  # the parent has ended
    finally:
        os._exit(code)


def _read_exactly(descriptor: int, length: int) -> bytes:
    block = os.read(descriptor, length)
    while block and len(block) < length and (more := os.read(descriptor, length - len(block))):
        block += more
    return block


class ForkPool:
    """A fixed number of forked children.

    Parameters
    ----------
    size : int
        How many children.
    work : function
        What a child does with a task.
    task_s : float
        Longest time for one task.
    """

    def __init__(self, size: int, work: Work, task_s: float) -> None:
        self._size = size
        self._work = work
        self._task_s = task_s
        self._children: list[_Child] = []
        self._poll = select.poll()

    def __enter__(self) -> ForkPool:
        gc.freeze()  # so that the children's collector does not copy what they share with us
        for _ in range(self._size):
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            self._poll.unregister(child.answers)
            child.end()
        self._children.clear()

    def run(
        self,
        phase: int,
        numbers: Iterable[int],
        *,
        ahead: int = AHEAD_FIRST,
        before_wait: Callable[[], None] = lambda: None,
    ) -> Iterator[tuple[int, Any]]:
        """Return each task's number and answer, in the order of the tasks.

        The children are at work when this returns, whatever their parent does before it asks for
        the first answer.

        Parameters
        ----------
        ahead : int
            How many tasks a child gets before anybody knows how long one takes.
        before_wait : function
            Called when all answers that are there were yielded.
        """
        rest = deque(numbers)
        order = deque(rest)
        for child in self._children:
            child.ahead = ahead
        self._hand_out(phase, rest)
        return self._answers(phase, rest, order, before_wait)

    def _answers(
        self, phase: int, rest: deque[int], order: deque[int], before_wait: Callable[[], None]
    ) -> Iterator[tuple[int, Any]]:
        """Yield answers as they come, and hand out what is left."""
        answers: dict[int, Any] = {}
        while order:
            if len(answers) < _AHEAD_OF_ORDER_MAX or (rest and rest[0] == order[0]):
                self._hand_out(phase, rest)
            before_wait()
            for child in self._ready():
                done = child.receive()
                if done is None:
                    self._replace(child, rest, answers, Lost("died"))
                else:
                    answers.update(done)
            now = time.monotonic()
            for child in list(self._children):
                if child.at_hand and now - child.since > self._task_s:
                    self._replace(child, rest, answers, Lost("too-long"))
            while order and order[0] in answers:
                number = order.popleft()
                yield number, answers.pop(number)

    def _start(self) -> None:
        child = _Child(self._work, self._children, AHEAD_FIRST)
        self._children.append(child)
        self._poll.register(child.answers, select.POLLIN)

    def _hand_out(self, phase: int, rest: deque[int]) -> None:
        """Give each child tasks, evenly, so that none is idle while another has many."""
        given: dict[_Child, list[int]] = {child: [] for child in self._children}
        wanting = [child for child in self._children if len(child.at_hand) < child.ahead]
        while rest and wanting:
            loads = [len(child.at_hand) + len(given[child]) for child in wanting]
            least = min(loads)
            for child, load in zip(wanting, loads, strict=True):
                if load == least and rest:
                    given[child].append(rest.popleft())
            wanting = [one for one in wanting if len(one.at_hand) + len(given[one]) < one.ahead]
        for child, numbers in given.items():
            if numbers:
                child.give(phase, numbers)

    def _ready(self) -> list[_Child]:
        are_busy = all(2 * len(child.at_hand) >= child.ahead for child in self._children)
        ready = self._poll.poll(_POLL_MS)
        if ready and are_busy:
            time.sleep(_GATHER_S)
            ready = self._poll.poll(0)
        descriptors = {descriptor for descriptor, _ in ready}
        return [child for child in self._children if child.answers in descriptors]

    def _replace(
        self, child: _Child, rest: deque[int], answers: dict[int, Any], lost: Lost
    ) -> None:
        """Answer the task that a child was at; put its others back, and start a new child."""
        self._poll.unregister(child.answers)
        child.end()
        self._children.remove(child)
        if child.at_hand:
            answers[child.at_hand.popleft()] = lost
        rest.extendleft(reversed(child.at_hand))
        self._start()
