"""Mail by SMTP. The server is a dependency: opened for each attempt, closed after it, replaced in tests.

SMTP_URL=smtp.example:587 penstock worker mail.tasks:app
"""

from __future__ import annotations

import os
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage

from penstock import Depends, Penstock, RetryPolicy

__all__ = ["Letter", "app", "mail_server", "send"]

app = Penstock("mail")
SENDER = "shop@example.com"


@dataclass(frozen=True)
class Letter:
    """What is to be sent, to whom."""

    to: str
    subject: str
    text: str


def mail_server() -> Iterator[smtplib.SMTP]:
    """A connection to the server of SMTP_URL. It blocks, and may: dependencies of this kind are made in threads."""
    host, _, port = os.environ.get("SMTP_URL", "localhost:25").partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=10) as server:
        yield server


# A server that is away is tried again for minutes; an address that it refuses never gets better.
@app.task(
    retry=RetryPolicy(max_attempts=8, initial=1, maximum=120),
    retry_on=(OSError,),
    give_up_on=(smtplib.SMTPRecipientsRefused,),
)
def send(letter: Letter, server: smtplib.SMTP = Depends(mail_server)) -> str:
    """Send it; its Message-ID."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, letter.to, letter.subject
    message["Message-ID"] = f"<{abs(hash(letter)):x}@example.com>"
    message.set_content(letter.text)
    server.send_message(message)
    return str(message["Message-ID"])
