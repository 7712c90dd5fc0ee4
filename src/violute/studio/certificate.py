"""The certificate of a studio that other machines can reach: one's own, or one that is made at the start.

Browsers let a page synthesise and use the microphone over HTTPS only, unless it comes from their own machine.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from violute.errors import InputError
from violute.studio.own_names import is_address

VALID_DAYS = 30


@dataclass(frozen=True)
class Certificate:
    """Two files in PEM.

    Attributes:
        path: Of the certificate, or of a chain of them that begins with it.
        key: Of its private key.
        is_own: Whether it was given, not made at the start.
    """

    path: Path
    key: Path
    is_own: bool = True

    def __post_init__(self) -> None:
        """Make sure that both can be read and belong together."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.path, self.key, password=lambda: b"")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise InputError(
                f"{self.path} with {self.key}: no certificate and key in PEM that belong together and can be "
                f"read ({error.strerror if isinstance(error, OSError) else error}): check --cert and --key"
            ) from None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as browsers show it."""
        text = self.path.read_text(encoding="ascii", errors="replace")
        end = "-----END CERTIFICATE-----"
        first = text[text.index("-----BEGIN CERTIFICATE") :].partition(end)[0] + end
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).digest().hex(":").upper()


def make_certificate(folder: Path, names: tuple[str, ...]) -> Certificate:
    """Make a certificate for names and addresses that signs itself, and put it into a private folder.

    Source:
        RFC 5280, section 4.2.1.6: names of subjects.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Violute studio")])
    subjects = [
        x509.IPAddress(ip_address(name)) if is_address(name) else x509.DNSName(name) for name in names
    ]
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))  # clocks differ
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[1].touch(mode=0o600)
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return Certificate(*paths, is_own=False)
