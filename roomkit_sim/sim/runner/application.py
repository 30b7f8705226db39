"""Finds the application under test."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import TypeAlias, cast

from roomkit_sim.errors import AppError
from roomkit_sim.sim.caller.line import PhoneLine
from roomkit_sim.sim.scenario.strict import nearest

__all__ = ["Answer", "load_application"]

Answer: TypeAlias = Callable[[PhoneLine], Awaitable[object]]


def load_application(spec: str, where: str = "") -> Answer:
    """Import ``package.module:function``.

    Args:
        spec: The name of the application.
        where: ``file:line`` of what names it.

    Raises:
        AppError: The module cannot be imported, or has no such function of one phone line.
    """
    module_name, _, function_name = spec.partition(":")
    try:
        module = importlib.import_module(module_name)
        function = getattr(module, function_name, None)
    except Exception as error:
        raise AppError(f"app {spec!r}: {_why_not_imported(module_name, error)}", where=where) from error
    wrong = _why_no_application(function, function_name, module)
    if wrong is not None:
        raise AppError(f"app {spec!r}: {wrong}", where=where)
    return cast(Answer, function)


def _why_not_imported(name: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
        parent, _, last = error.name.rpartition(".")
        near = difflib.get_close_matches(last, _modules_in(parent), n=1, cutoff=0.75)
        hint = f" Did you mean {f'{parent}.{near[0]}' if parent else near[0]!r}?" if near else ""
        return (
            f"cannot import {name!r}: {error}.{hint} It is looked for from the folder where pytest runs (its rootdir) "
            f"and on PYTHONPATH."
        )
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"importing {name!r} raised {type(error).__name__}: {error} (at {Path(place.filename).name}:{place.lineno}): "
        f"python -c 'import {name}' shows all of it"
    )


def _modules_in(package: str) -> list[str]:
    """The names of the modules of a package, or of all that can be imported at the top."""
    path = list(getattr(sys.modules.get(package), "__path__", ())) if package else sys.path
    # A folder without __init__.py is a package too.
    folders = [entry.name for folder in path for entry in _folders(Path(folder))]
    return sorted({*(module.name for module in pkgutil.iter_modules(path)), *folders})


def _folders(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if entry.name.isidentifier() and entry.is_dir()]
    except OSError:
        return []


def _why_no_application(function: object, name: str, module: ModuleType) -> str | None:
    expected = f"'async def {name}(line: PhoneLine) -> Call'"
    if function is None:
        known = [found for found, value in vars(module).items() if inspect.iscoroutinefunction(value)]
        return f"{module.__name__} has no {name!r}: {nearest(name, known)}"
    if not callable(function):
        return f"{name} is no function, but {function!r}: expected {expected}"
    if not inspect.iscoroutinefunction(function):
        return f"{name} is no coroutine function: expected {expected}"
    signature = inspect.signature(function)
    try:
        signature.bind(None)
    except TypeError as error:
        takes = f"{name}({', '.join(signature.parameters)})"
        return f"{takes} cannot be called with a phone line alone ({error}): expected {expected}"
    return None
