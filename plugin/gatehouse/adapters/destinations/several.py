"""Sends several instances at a time, and answers in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance

LARGE_BYTES = 16 << 20
"""Above this size an instance is sent alone: each one under way is in memory."""


def send_several(
    send: Callable[[OutgoingInstance], InstanceReceipt],
    instances: Sequence[OutgoingInstance],
    at_once: int,
) -> Iterator[InstanceReceipt]:
    """Send instances with several threads, yielding the answer to each in order.

    While the destination stores one, the next is on its way.
    """
    under_way: deque[Future[InstanceReceipt]] = deque()
    with ThreadPoolExecutor(at_once, "send") as threads:
        try:
            for instance in instances:
                under_way.append(threads.submit(send, instance))
                is_large = instance.file.stat().st_size > LARGE_BYTES
                while len(under_way) >= (1 if is_large else at_once):
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
