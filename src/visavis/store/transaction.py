"""All repositories in one transaction."""

from sqlalchemy import Connection

from visavis.session import Transaction
from visavis.store import repositories as r
from visavis.store import service as s


def transaction(connection: Connection) -> Transaction:
    """Everything in one connection's transaction."""
    return Transaction(
        r.Subjects(connection),
        r.Consents(connection),
        r.References(connection),
        r.Attempts(connection),
        r.Credentials(connection),
        r.Audit(connection),
        s.ApiKeys(connection),
        s.Sessions(connection),
        r.KeyChecks(connection),
        s.Outbox(connection),
        s.Answers(connection),
        s.EvidenceBox(connection),
        s.Failures(connection),
    )
