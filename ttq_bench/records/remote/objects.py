"""Object storage behind a URL (``s3://``, ``gs://``): names, bytes, and the one step that decides.

That step is ``create``: a put with the condition that nothing has the name yet (If-None-Match on
S3, generation 0 on Google Cloud). Of any number of writers on any number of machines the store lets
one have it; claims of attempts, records and the driver's lock all depend on it. Credentials and the
endpoint come from the environment (``AWS_ENDPOINT_URL`` and so on) and are never shown.
"""

import errno
import importlib
import re
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ttq_bench.errors import ResultsError
from ttq_bench.text import one_line, without_credentials

URL = re.compile(r"(s3|gs)://([a-z0-9][a-z0-9._-]{1,253})((?:/[A-Za-z0-9._=-]+)*)/?")
DRIVERS = {"s3": "s3fs", "gs": "gcsfs"}
PAUSES_SECONDS = (1.0, 2.0, 4.0)  # before a request that got no answer is sent again
FORGET_SECONDS = 20.0
CONNECT_SECONDS, READ_SECONDS = 10, 60
REQUESTS_AT_ONCE = 8
NO_BUCKET = ("NoSuchBucket",)
REFUSED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "403")
TAKEN = ("PreconditionFailed", "412")
T = TypeVar("T")


def is_url(text: str) -> bool:
    """Return whether ``text`` is meant as a URL and not as a path."""
    return "://" in text


def checked_url(text: str) -> str:
    """Return the URL of results without a closing slash; ``ResultsError`` for any other text."""
    if URL.fullmatch(text) is None or ".." in text:
        raise ResultsError(
            f"{without_credentials(text)}: is no place for results; write s3://BUCKET/PREFIX or"
            " gs://BUCKET/PREFIX (letters, digits, . _ = -), or a path; credentials and endpoint"
            " are read from the environment alone"
        )
    return text.rstrip("/")


class Objects:
    """The objects below a URL, by their names relative to it.

    A request that cannot be served raises ``OSError`` after some tries (the network, the server),
    ``ResultsError`` where trying again is of no use (no such bucket, no permission).
    """

    def __init__(self, url: str) -> None:
        self.url = checked_url(url)
        self.system = _file_system(self.url)
        self.silent_at = -FORGET_SECONDS

    def names(self, prefix: str = "") -> dict[str, int]:
        """Return the names that begin with the folder ``prefix``, each with its size in bytes."""
        below = f"{self.url}/{prefix}".rstrip("/")
        entries = self._call(lambda: self.system.find(below, detail=True))
        start = len(below.partition("://")[2]) - len(prefix.rstrip("/"))
        return {name[start:].lstrip("/"): int(entry["size"]) for name, entry in entries.items()}

    def read(self, name: str) -> bytes | None:
        """Return the bytes of an object, None where there is none of the name."""
        try:
            content: bytes = self._call(lambda: self.system.cat_file(f"{self.url}/{name}"))
        except FileNotFoundError:
            return None
        return content

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of several objects by name; one that has gone meanwhile is left out."""
        names = list(names)
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            contents = zip(names, pool.map(self.read, names), strict=True)
            return {name: content for name, content in contents if content is not None}

    def write(self, name: str, content: bytes) -> None:
        """Put an object, in place of an older one."""
        self._call(lambda: self.system.pipe_file(f"{self.url}/{name}", content))

    def create(self, name: str, content: bytes) -> bool:
        """Put an object if there is none of the name; return whether it is this caller's.

        The answer may be lost although the store put the object, and the next try finds the name
        taken by the same bytes. So two callers must never give the same ones.
        """
        try:
            put = lambda: self.system.pipe_file(f"{self.url}/{name}", content, mode="create")  # noqa: E731
            self._call(put)
        except FileExistsError:
            return self.read(name) == content
        return True

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; one that is not there is left as it is."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            list(pool.map(self._delete, names))

    def _delete(self, name: str) -> None:
        try:
            self._call(lambda: self.system.rm_file(f"{self.url}/{name}"))
        except FileNotFoundError:
            return

    def check(self) -> None:
        """Raise ``ResultsError`` unless the store can be written to and keeps the condition."""
        name = f"work/check-{secrets.token_hex(8)}"
        try:
            is_kept = self.create(name, b"first") and not self.create(name, b"second")
        finally:
            self.delete([name])
        if not is_kept:
            raise ResultsError(
                f"{self.url}: this store does not keep the condition If-None-Match of a put, so two"
                " machines could publish one trial; use a store that does (S3, Google Cloud"
                " Storage, MinIO since 2024), or a shared folder"
            )

    def _call(self, request: Callable[[], T]) -> T:
        # A store that did not answer a moment ago is asked once: a worker that ends because of it
        # has more to write.
        was_silent = time.monotonic() - self.silent_at < FORGET_SECONDS
        for pause in (*(() if was_silent else PAUSES_SECONDS), None):
            try:
                return request()
            except Exception as error:  # those of botocore and aiohttp have no common class
                final = self._final(error)
                if final is not None:
                    raise final from error
                if pause is None:
                    self.silent_at = time.monotonic()
                    reason = one_line(without_credentials(f"{type(error).__name__}: {error}"), 200)
                    text = f"the store does not answer: {reason}"
                    raise OSError(errno.EIO, text, self.url) from error
            time.sleep(pause)
        raise AssertionError

    def _final(self, error: Exception) -> Exception | None:
        """Return the error to raise at once, None for one after which another try may succeed."""
        code = _code(error)
        if isinstance(error, FileExistsError) or code in TAKEN:
            return FileExistsError(errno.EEXIST, "is there already", self.url)
        if code in NO_BUCKET:
            return ResultsError(f"{self.url}: there is no such bucket; create it, or name another")
        if isinstance(error, PermissionError) or code in REFUSED or "Credentials" in _kind(error):
            return ResultsError(
                f"{self.url}: the store refuses access ({code or _kind(error)}); set credentials in"
                " the environment that may list, read, write and delete there"
            )
        if isinstance(error, FileNotFoundError):
            return FileNotFoundError(errno.ENOENT, "is not there", self.url)
        return None


def _kind(error: BaseException) -> str:
    return type(error).__name__


def _code(error: BaseException) -> str:
    """Return the store's code of the error, empty without any."""
    response: Any = getattr(error.__cause__ or error, "response", None)
    if not isinstance(response, dict):
        return str(getattr(error, "code", ""))  # gcsfs: the number of the HTTP status
    return str(response.get("Error", {}).get("Code", ""))


def _file_system(url: str) -> Any:
    """Return fsspec's file system for the store; ``ResultsError`` without its package."""
    scheme = url.partition("://")[0]
    driver = DRIVERS[scheme]
    try:
        importlib.import_module(driver)
        import fsspec
    except ImportError as error:
        how = f"`pip install {driver}`" if scheme == "gs" else "`pip install 'ttq-bench[s3]'`"
        raise ResultsError(f"{url}: needs the package {driver} ({error}); run {how}") from error
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if scheme == "s3":
        options["config_kwargs"] = {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retries": {"max_attempts": 1},
        }
    return fsspec.filesystem(scheme, **options)
