"""Calls a function and shows what it logs meanwhile."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, Queue
from threading import Thread
from typing import Any

from joytify_cli.operate.log_view import LogView
from joytify_cli.operate.logs import LogReader
from joytify_cli.target import INVOKE, NOT_FOUND, FunctionName, Target
from joytify_cli.terminal import console, errors
from joytify_common.aws import aws_errors
from joytify_common.errors import JobError

POLL_SECONDS, LAST_LINES_SECONDS = 1.0, 6.0

Event = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """A function's answer.

    Attributes:
        payload: the function's result, or Lambda's description of its error.
        failed: whether the function raised an error.
    """

    payload: Any
    failed: bool


@dataclass(frozen=True)
class Call:
    """Calls one function.

    Attributes:
        target: where it is.
        function: which function.
        quiet: whether the function's log is hidden.
        verbose: whether the tracebacks in its log are shown.
    """

    target: Target
    function: FunctionName
    quiet: bool
    verbose: bool

    @property
    def name(self) -> str:
        """Deployed name of the function."""
        return self.target.names.functions[self.function]

    def queue(self, event: Event) -> str:
        """Queue the event with Lambda and return the request's id."""
        return str(self._invoke(event, "Event")["ResponseMetadata"]["RequestId"])

    def wait(self, event: Event) -> Answer:
        """Call the function and return its answer; meanwhile show a spinner and its log, unless `quiet`."""
        answers: Queue[Any] = Queue()
        began = datetime.now(UTC)
        # A daemon, since Ctrl-C must not wait for the answer.
        Thread(target=self._put_answer, args=(event, answers), daemon=True).start()
        try:
            if self.quiet:
                response = answers.get()
            else:
                reader = LogReader(self.target.client("logs"), f"/aws/lambda/{self.name}", began)
                view = LogView(nested=False, tracebacks=self.verbose)
                with console.status(f"{self.name} runs in {self.target.place} ..."):
                    while (response := _next(answers, POLL_SECONDS)) is None:
                        _show_log(reader, view)
                    _show_last_lines(reader, view)
        except KeyboardInterrupt:
            log = f"joytify tail {self.function} --follow{self.target.flags}"
            errors.print(f"\na run that has started continues; its log: {log}", style="yellow", soft_wrap=True)
            raise
        if isinstance(response, Exception):
            raise response
        return Answer(json.loads(response["Payload"] or b"null"), "FunctionError" in response)

    def _put_answer(self, event: Event, answers: Queue[Any]) -> None:
        try:
            answers.put(self._invoke(event, "RequestResponse"))
        except Exception as exc:  # noqa: BLE001 - raised again by whoever waits
            answers.put(exc)

    def _invoke(self, event: Event, kind: str) -> Any:  # noqa: ANN401 - boto3's response
        with aws_errors(f"function {self.name}", "Lambda", not_found=NOT_FOUND):
            client = self.target.client("lambda", INVOKE)
            response = client.invoke(FunctionName=self.name, InvocationType=kind, Payload=json.dumps(event).encode())
            return {**response, "Payload": response["Payload"].read()}


def _next(answers: Queue[Any], seconds: float) -> Any:  # noqa: ANN401 - boto3's response or an error
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return None


def _show_log(reader: LogReader, view: LogView) -> None:
    try:
        for line in reader.read():
            view.show(line)
    except JobError:
        # Ignore a log that cannot be read: the answer is shown without it.
        return


def _show_last_lines(reader: LogReader, view: LogView) -> None:
    """Show the rest of the run's log, which reaches CloudWatch some seconds after the answer."""
    until = time.monotonic() + LAST_LINES_SECONDS
    _show_log(reader, view)
    while not view.reported and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
        _show_log(reader, view)
