"""A thread that sends what it is given, again and again until it has arrived."""

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

_RETRY_S = 2.0
_MAX_RETRY_S = 30.0

T = TypeVar("T")


class Outbox(Generic[T]):
    """Keeps each thing until `send` says that it has arrived; only `close` ever waits.

    `send` gets all that waits, in the order it was put there, and yields what has arrived. When it
    raises one of `passing` it is called again with what is left, after two seconds and then more
    and more rarely: it must not mind that the other side has got a thing without the sender being
    told. After any other exception it is called once more, by `close`, for somebody may have
    mended meanwhile what was wrong. `tell` hears the result of each call: the error, or None.
    """

    def __init__(
        self,
        send: Callable[[list[T]], Iterator[T]],
        *,
        passing: tuple[type[Exception], ...],
        tell: Callable[[Exception | None], None],
    ) -> None:
        self._send, self._passing, self._tell = send, passing, tell
        self._waiting: list[T] = []
        self._changed = threading.Condition()
        self._is_closing = self._is_over = False
        self._thread = threading.Thread(target=self._work, name="outbox", daemon=True)
        self._thread.start()

    def put(self, thing: T) -> None:
        """Add something to be sent."""
        with self._changed:
            self._waiting.append(thing)
            self._changed.notify_all()

    def waiting(self) -> list[T]:
        """What has not been sent yet, as far as is known."""
        with self._changed:
            return list(self._waiting)

    def close(self, timeout_s: float) -> bool:
        """Give it that long to send what waits, then stop trying; True if all has arrived."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
            return not self._waiting

    def _work(self) -> None:
        pause_s = _RETRY_S
        while things := self._next():
            try:
                for thing in self._send(things):
                    with self._changed:
                        self._waiting.remove(thing)
            except self._passing as error:
                self._tell(error)
                self._pause(pause_s)
                pause_s = min(2 * pause_s, _MAX_RETRY_S)
            except Exception as error:  # noqa: BLE001 - nothing here may end the thread unheard
                self._tell(error)
                if self._is_closing:
                    return
                self._pause(None)
            else:
                self._tell(None)
                pause_s = _RETRY_S

    def _next(self) -> list[T]:
        """All that waits, as soon as there is something; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            return [] if self._is_over else list(self._waiting)

    def _pause(self, longest_s: float | None) -> None:
        """Wait before the next attempt, but not where `close` has just asked for one.

        None: until it does.
        """
        with self._changed:
            was_closing = self._is_closing
            if was_closing:
                longest_s = _RETRY_S
            self._changed.wait_for(
                lambda: self._is_over or self._is_closing != was_closing, longest_s
            )
