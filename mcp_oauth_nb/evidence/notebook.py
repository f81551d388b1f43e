"""A session as an executed notebook, and as the page that nbconvert makes of it."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Iterable
from typing import Any

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.evidence.pages import TITLE, Page

HEAD = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{TITLE}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 14px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 1.5rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.5rem; margin: 0 }}
h2 {{ font-size: 1.15rem; margin: 2rem 0 .5rem; padding-top: .5rem; border-top: 1px solid #8c959f }}
.output_area {{ overflow-x: auto }}
@media print {{ details::details-content {{ content-visibility: visible; display: block }} }}
</style>
</head>
"""
"""The page forbids itself to run or load anything, follows the reader's theme, and is printed unfolded."""
FOLDED = {"jupyter": {"source_hidden": True}}
"""The code of a cell is folded: who opens evidence comes for what it shows."""
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(pages: Iterable[Page]) -> str:
    """The pages as a notebook, validated: under each heading a cell that has run."""
    import nbformat  # noqa: PLC0415 - costly

    made = _made(pages)
    nbformat.validate(made)
    return str(nbformat.writes(made)) + "\n"


def html(pages: Iterable[Page]) -> str:
    """The pages as one HTML file without code and without anything to be loaded or run.

    Raises:
        BadSetting: nbconvert is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbconvert's own, and of those it imports
        try:
            from nbconvert.exporters import HTMLExporter  # noqa: PLC0415 - costly, and not always installed
        except ImportError:
            raise BadSetting(
                "path", "a name that ends in .html", "nbconvert to be installed", "pip install 'mcp-oauth-nb[html]'"
            ) from None
        exporter = HTMLExporter(
            template_name="basic", exclude_input=True, exclude_output_prompt=True, exclude_anchor_links=True
        )
        body, _ = exporter.from_notebook_node(_made(pages))
    return f"{HEAD}<body>\n{body}\n</body>\n</html>\n"


def _made(pages: Iterable[Page]) -> Any:
    from nbformat import v4  # noqa: PLC0415 - costly

    cells = [v4.new_markdown_cell(f"# {TITLE}", id="title")]
    for number, page in enumerate(pages, 1):
        output = v4.new_output("execute_result", data=dict(page.shown), execution_count=number)
        cells += [
            v4.new_markdown_cell(f"## {page.heading}", id=f"heading-{number}"),
            v4.new_code_cell(
                page.source, id=f"page-{number}", execution_count=number, outputs=[output], metadata=dict(FOLDED)
            ),
        ]
    language = {"name": "python", "version": platform.python_version()}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "language_info": language})
