"""A hook of mkdocs: a page that would load something from another host is a warning, hence fails a strict build."""

from __future__ import annotations

import logging
import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page

_LOG = logging.getLogger("mkdocs.hooks.own_files")
_LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|link\s[^>]*rel=["']?(?:stylesheet|icon|preconnect|preload))\b[^>]*"""
)
_ELSEWHERE = re.compile(r"""(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""")


def foreign_files(html: str) -> list[str]:
    """Addresses on other hosts that a browser loads with a page; links that a reader follows are not among them."""
    return [address for tag in _LOADED.findall(html) for address in _ELSEWHERE.findall(tag)]


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001 - mkdocs' names
    """Warn of what a finished page loads from elsewhere."""
    for address in foreign_files(output):
        _LOG.warning("page %s loads %s; expected nothing of another host: ship the file", page.file.src_uri, address)
    return output
