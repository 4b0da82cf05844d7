"""The shell: `visavis verify`, `batch`, `models`, `doctor`, `demo`.

The outer edge: it opens the files that a user names, reads settings, and turns outcomes and faults into words and exit
codes. Everything else happens in the rooms above.
"""

from visavis.cli.app import main, run

__all__ = ["main", "run"]
