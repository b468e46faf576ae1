"""Keys and certificates of a cluster on this machine, made by openssl. They are short-lived and of no other use."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kafkaml.errors import BrokenError, SettingsError

__all__ = ["Authority", "KeyPair"]

_VALID_DAYS = 30


@dataclass(frozen=True)
class KeyPair:
    """Two PEM files: a certificate, or a bare public key, and its private key."""

    certificate: Path
    key: Path


class Authority:
    """Signs the certificates of one cluster. Everything lies in ``folder``; existing files are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.certificate = folder / "ca.crt"
        self.key = folder / "ca.key"
        if not self.certificate.exists():
            new = ["req", "-x509", *_new_key(self.key), "-days", str(_VALID_DAYS), "-subj", "/CN=kafka-ml-cluster"]
            usage = "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"
            _openssl(*new, "-addext", usage, "-out", str(self.certificate))

    def issue(self, name: str, *, subject: str, addresses: Sequence[str] = ()) -> KeyPair:
        """Return a certificate for ``subject`` (``/O=group/CN=user``), also valid for a server at ``addresses``.

        An address is written as openssl has it: ``DNS:kubernetes`` or ``IP:127.0.0.1``.
        """
        pair = KeyPair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        if pair.certificate.exists():
            return pair
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            "extendedKeyUsage=serverAuth,clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
            + (f"subjectAltName={','.join(addresses)}\n" if addresses else "")
        )
        _openssl("req", *_new_key(pair.key), "-subj", subject, "-out", str(request))
        signer = ["-CA", str(self.certificate), "-CAkey", str(self.key), "-CAcreateserial"]
        signed = ["x509", "-req", "-in", str(request), *signer, "-days", str(_VALID_DAYS)]
        _openssl(*signed, "-extfile", str(extensions), "-out", str(pair.certificate))
        return pair

    def signing_keys(self, name: str) -> KeyPair:
        """Return a key pair without a certificate, for tokens: the public key is in ``certificate``."""
        pair = KeyPair(self._folder / f"{name}.pub", self._folder / f"{name}.key")
        if not pair.certificate.exists():
            _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(pair.key))
            _openssl("pkey", "-in", str(pair.key), "-pubout", "-out", str(pair.certificate))
        return pair


def _new_key(path: Path) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(path)]


def _openssl(*arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise SettingsError("openssl is not on PATH: it makes a cluster's certificates", hint="install openssl")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BrokenError(f"openssl {arguments[0]} failed: {done.stderr.strip()[-500:]}")
