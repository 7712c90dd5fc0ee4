"""The mel scale: near linear below a break, near logarithmic above.

Source:
    O'Shaughnessy, Speech communication: human and machine (1987).
"""

from __future__ import annotations

MEL_BREAK_HZ = 700.0
"""Where the one turns into the other; a mel at f Hz is 1 + f / 700 times as wide as at 0."""
