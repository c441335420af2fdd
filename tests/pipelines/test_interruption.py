import os
import signal
import threading

import pytest

from pipelines.interruption import run_interruptibly


def test_undisturbed_work_gives_its_result_and_no_signal() -> None:
    assert run_interruptibly(lambda: 7, stop=pytest.fail) == (7, None)


def test_an_error_of_the_work_is_raised_here() -> None:
    def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_interruptibly(work, stop=pytest.fail)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_the_work_to_stop_and_waits_for_it(
    number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    asked = threading.Event()

    def work() -> str:
        os.kill(os.getpid(), number)
        assert asked.wait(10)
        return "saved"

    assert run_interruptibly(work, stop=asked.set) == ("saved", number)
    assert f"{number.name}: saving and stopping" in caplog.text


def test_a_second_signal_does_not_wait() -> None:
    never = threading.Event()

    def stop() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    def work() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        never.wait(60)

    with pytest.raises(KeyboardInterrupt):
        run_interruptibly(work, stop=stop)
    never.set()


def test_the_handlers_from_before_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run_interruptibly(lambda: None, stop=pytest.fail)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_in_another_thread_there_are_no_signals_to_take() -> None:
    results: list[object] = []
    thread = threading.Thread(
        target=lambda: results.append(run_interruptibly(lambda: 7, stop=pytest.fail))
    )
    thread.start()
    thread.join()
    assert results == [(7, None)]
