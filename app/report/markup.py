"""HTML and SVG put together from elements: whatever is not an element is text, and is escaped."""

from html import escape


class Markup(str):
    """What may stand in a page as it is."""

    __slots__ = ()


Child = str | None
"""An element, or text; None is left out."""


def element(name: str, *children: Child, **attributes: str | float | None) -> Markup:
    """`<name attributes>children</name>`; `class_` is class, `font_size` is font-size, None is left out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_written(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{said}>{together(*children)}</{name}>")


def together(*children: Child) -> Markup:
    """Children one after the other."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children if child))


def _written(value: str | float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
