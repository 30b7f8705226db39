"""Every error of the project, in one tree.

    RoomkitSimError
    ├── ConfigurationError            the application is wired wrongly; nothing was changed
    │   ├── PipelineError             stages, phases or agents do not fit together (also a ValueError)
    │   └── HandoffAlreadySetUpError  an agent was to get the handoff tool twice (also a RuntimeError)
    ├── RoomError                     a room, channel or session that is not there, or not usable
    │   ├── RoomNotFoundError
    │   ├── ChannelNotRegisteredError
    │   ├── ChannelNotFoundError
    │   ├── DeliveryTimeoutError      a channel did not take what it was given
    │   └── SessionNotFoundError
    ├── ProviderError                 a model provider failed; foreign errors are mapped to this at the boundary
    │   ├── ProviderConnectionError   the connection could not be made, or was lost
    │   └── ProviderProtocolError     the provider said something that its protocol does not allow
    ├── StoreError                    a store of conversations failed; errors of databases are mapped to this
    ├── WorkCancelledError            code of the application awaited something that was cancelled
    └── SimulationError               the harness
        ├── FileError                 something in a file is wrong: names file and line
        │   ├── ScenarioError         a scenario file is wrong
        │   └── CassetteError         a recording is missing, damaged or cannot be written
        │       └── CassetteDriftError  the application did something that was not recorded
        ├── AudioError                a sound file or speech synthesis is unusable
        ├── AppError                  the application under test raised
        ├── LiveCallRefusedError      a call with the service itself: no key, or too many minutes
        ├── DeadlockError             nothing can ever happen again in the simulated world
        ├── BudgetExceededError       the virtual time budget is used up
        ├── NothingToDisturbError     a condition does not concern a scenario: what it disturbs is not there
        ├── NotSimulatedError         a fault that cannot happen in this kind of world
        ├── RealNetworkError          something touched a real socket inside a simulation
        └── ReportError               a run's files cannot be written or read

A message says what happened, where, what was expected and what to do.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "AppError",
    "AudioError",
    "BudgetExceededError",
    "CassetteDriftError",
    "CassetteError",
    "ChannelNotFoundError",
    "ChannelNotRegisteredError",
    "ConfigurationError",
    "DeadlockError",
    "DeliveryTimeoutError",
    "FileError",
    "HandoffAlreadySetUpError",
    "LiveCallRefusedError",
    "NotSimulatedError",
    "NothingToDisturbError",
    "PipelineError",
    "ProviderConnectionError",
    "ProviderError",
    "ProviderProtocolError",
    "RealNetworkError",
    "ReportError",
    "RoomError",
    "RoomNotFoundError",
    "RoomkitSimError",
    "ScenarioError",
    "SessionNotFoundError",
    "SimulationError",
    "StoreError",
    "WorkCancelledError",
]


class RoomkitSimError(Exception):
    """Root of all errors raised on purpose by this project."""


class ConfigurationError(RoomkitSimError):
    """The application is wired wrongly. Raised before anything is changed."""


class PipelineError(ConfigurationError, ValueError):
    """Stages, phases or agents of a pipeline do not fit together."""


class HandoffAlreadySetUpError(ConfigurationError, RuntimeError):
    """An agent was to be wired for handoff a second time."""


class RoomError(RoomkitSimError):
    """A room, channel or session is not there or not usable."""


class RoomNotFoundError(RoomError):
    """No room has this id."""


class ChannelNotRegisteredError(RoomError):
    """No channel of this id is registered with the kit."""


class ChannelNotFoundError(RoomError):
    """The channel is not attached to the room."""


class DeliveryTimeoutError(RoomError):
    """A channel had not taken an event when the time for it was over."""


class SessionNotFoundError(RoomError):
    """No live voice session has this id."""


class ProviderError(RoomkitSimError):
    """A model provider failed.

    Args:
        message: What happened, without secrets.
        retryable: Whether the same call may succeed later.
        provider: Name of the provider, such as ``"gemini"``.
        status_code: The HTTP status or WebSocket close code, if there was one.
    """

    def __init__(
        self, message: str, *, retryable: bool = False, provider: str = "", status_code: int | None = None
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.provider = provider
        self.status_code = status_code


class ProviderConnectionError(ProviderError):
    """The connection to a provider could not be made, or was lost."""


class ProviderProtocolError(ProviderError):
    """The provider said something that its protocol does not allow."""


class StoreError(RoomkitSimError):
    """A store of conversations failed, or holds what cannot be read.

    Args:
        message: What failed, where, and what to do; without passwords and without what anybody said.
        retryable: Whether the same call may succeed later.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class WorkCancelledError(RoomkitSimError):
    """A tool, hook, channel or provider awaited something that was cancelled, while nobody had cancelled it."""


class SimulationError(RoomkitSimError):
    """Something is wrong in the harness or in what it was given."""


class FileError(SimulationError):
    """Something that stands in a file is wrong.

    Args:
        message: What is wrong, what was expected, what to do.
        path: The file, if there is one.
        line: The line in it, counted from 1.
    """

    def __init__(self, message: str, *, path: Path | str | None = None, line: int | None = None) -> None:
        where = "" if path is None else f"{path}:{line}: " if line is not None else f"{path}: "
        super().__init__(f"{where}{message}")
        self.path = path
        self.line = line
        self.reason = message


class ScenarioError(FileError):
    """A scenario file is wrong."""


class AudioError(SimulationError):
    """A sound file or a speech synthesis is unusable."""


class AppError(SimulationError):
    """The application under test raised, or is not what the scenario says.

    Args:
        message: What is wrong, what was expected, what to do.
        where: ``file:line`` of what names the application, if a file does.
    """

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where
        self.reason = message


class LiveCallRefusedError(SimulationError):
    """A call with the service itself is not made: there is no key for it, or no minutes are left."""


class DeadlockError(SimulationError):
    """Nothing is ready, no timer is set, and yet tasks wait: nothing can happen any more."""


class BudgetExceededError(SimulationError):
    """The virtual time budget of a run is used up."""


class NothingToDisturbError(SimulationError):
    """A condition does not concern a scenario: what it would disturb is not there."""


class NotSimulatedError(SimulationError):
    """A fault cannot happen in this kind of world."""


class RealNetworkError(SimulationError):
    """Something touched a real socket inside a simulation."""


class CassetteError(FileError):
    """A recording is missing, damaged, of another version, or cannot be written."""


class CassetteDriftError(CassetteError):
    """The application did something that was not recorded, so the recording cannot answer it."""


class ReportError(SimulationError):
    """The files of a run cannot be written or read."""
