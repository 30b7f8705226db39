"""The templates of the HTML pages. A page is one file: styles, script, pictures and sound are in it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

__all__ = ["render"]


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("roomkit_sim.sim.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["ms"] = lambda value: "–" if value is None else f"{value:.0f}"
    environment.filters["seconds"] = lambda value: "–" if value is None else f"{value / 1e9:.3f}"
    return environment


def render(template: str, **values: Any) -> str:
    """Fill in a template of this package."""
    return _environment().get_template(template).render(**values)
