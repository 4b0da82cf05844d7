"""A photo of a page of an identity document to its machine-readable zone and its portrait.

In: a `Photo`, taken by hand, at any turn. Out: a `Page`: the zone with the standing of each field, the portrait upright and seen
straight, the page's corners, and stable reasons for what could not be read. It says what is printed, and not whether the page is
genuine.
"""

from visavis.document.page.read import PageReader
from visavis.document.page.value import Page, PageReason

__all__ = ["Page", "PageReader", "PageReason"]
