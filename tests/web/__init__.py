"""The capture page in a real browser: the Chromium of the system, driven by Playwright."""

import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
