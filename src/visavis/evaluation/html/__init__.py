"""A report for people: the dict of report.json in, one HTML page that needs nothing else out.

It loads nothing and runs nothing: no script, no font, no picture from elsewhere, and a content security policy that says so. It
shows nobody. The same report gives the same page.
"""

from visavis.evaluation.html.canvas import require_plots
from visavis.evaluation.html.page import report_html

__all__ = ["report_html", "require_plots"]
