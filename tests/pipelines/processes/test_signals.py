import os
import signal
import threading
import time

import pytest

from pipelines.processes.signals import _ONCE_S, ask_to_stop, run_interruptibly, stopping_at_once


def test_undisturbed_work_gives_its_result_and_no_signal() -> None:
    assert run_interruptibly(lambda: 7, stop=pytest.fail) == (7, None)


def test_an_error_of_the_work_is_raised_here() -> None:
    def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_interruptibly(work, stop=pytest.fail)


@pytest.mark.usefixtures("signals_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
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


@pytest.mark.slow
def test_a_reason_to_stop_counts_as_sigterm_and_is_no_second_signal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A group's SIGTERM reaches the stage and ends its DVC: the one follows from the other."""
    asked = threading.Event()

    def work() -> str:
        ask_to_stop("DVC has ended")
        assert asked.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)
        ask_to_stop("DVC has ended")
        time.sleep(2 * _ONCE_S)
        return "saved"

    assert run_interruptibly(work, stop=asked.set) == ("saved", signal.SIGTERM)
    assert "DVC has ended: saving and stopping" in caplog.text


def test_a_reason_to_stop_ends_what_does_not_run_interruptibly() -> None:
    def ask_and_go_on() -> None:
        with stopping_at_once():
            ask_to_stop("DVC has ended")
            time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        ask_and_go_on()


def test_the_same_signal_sent_to_the_process_and_to_its_group_is_one_signal() -> None:
    def work() -> str:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(_ONCE_S / 10)
        return "saved"

    assert run_interruptibly(work, stop=lambda: None) == ("saved", signal.SIGTERM)


def test_the_handlers_from_before_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    run_interruptibly(lambda: None, stop=pytest.fail)
    assert [
        signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ] == before


def test_in_another_thread_there_are_no_signals_to_take() -> None:
    results: list[object] = []
    thread = threading.Thread(
        target=lambda: results.append(run_interruptibly(lambda: 7, stop=pytest.fail))
    )
    thread.start()
    thread.join()
    assert results == [(7, None)]
