"""Finds the application under test."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from roomkit_sim.errors import AppError
from roomkit_sim.sim.caller.line import PhoneLine
from roomkit_sim.sim.scenario.strict import nearest

__all__ = ["Answer", "load_application"]

Answer: TypeAlias = Callable[[PhoneLine], Awaitable[object]]


def load_application(spec: str) -> Answer:
    """Import ``package.module:function``.

    Raises:
        AppError: The module cannot be imported, or has no such function of one phone line.
    """
    module_name, _, function_name = spec.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise AppError(
            f"app {spec!r}: cannot import {module_name!r}: {error}. It is looked for from the folder where pytest "
            f"runs (its rootdir) and on PYTHONPATH."
        ) from error
    except Exception as error:
        raise AppError(f"app {spec!r}: importing {module_name!r} raised {type(error).__name__}: {error}") from error
    function = getattr(module, function_name, None)
    if function is None:
        known = [name for name, value in vars(module).items() if inspect.iscoroutinefunction(value)]
        raise AppError(f"app {spec!r}: {module_name} has no {function_name!r}: {nearest(function_name, known)}")
    if not inspect.iscoroutinefunction(function):
        raise AppError(f"app {spec!r}: {function_name} must be 'async def {function_name}(line: PhoneLine)'")
    answer: Answer = function
    return answer
