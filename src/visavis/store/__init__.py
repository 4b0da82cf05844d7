"""Where consents, references, credentials and the audit log are kept.

In: what the session's Protocols ask for. Out: rows. `Database` is SQLite or PostgreSQL, `FileShreds` the separate store whose
loss erases; `MemoryStore` and `MemoryShreds` keep nothing beyond the process.
"""

from visavis.store.database import Database
from visavis.store.memory import MemoryShreds, MemoryStore
from visavis.store.shreds import FileShreds

__all__ = ["Database", "FileShreds", "MemoryShreds", "MemoryStore"]
