"""Render the templates of the package, such as `cluster_table.html`."""

from typing import Any

__all__ = ["render"]


def render(template: str, /, **values: Any) -> str:
    """Fill in a template; all that is inserted is escaped.

    Parameters
    ----------
    template : str
        Path below the package.

    **values
        What the template names. `Markup` is not escaped.

    Returns
    -------
    html : str
    """
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("deepclust", "")
    environment = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(template).render(values)
