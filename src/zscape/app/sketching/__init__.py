"""What `zscape draw` does: new drawings, some like others, endings of beginnings, ways between two."""

from zscape.app.sketching.asked import Asked
from zscape.app.sketching.command import sketch

__all__ = ["Asked", "sketch"]
