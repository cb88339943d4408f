"""Where a study is kept: a journal file, or a PostgreSQL database that many machines share.

Both offer the same: the study, a lock that one worker at a time holds while it takes a trial, and a way to tell which
running trials have lost their worker.
"""

from __future__ import annotations

import fcntl
import os
import socket
import uuid
import warnings
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from toolkit.errors import MissingPackageError, SearchError
from toolkit.tuning.leases import MISSED, Lease

HEARTBEAT_SECONDS = 15.0
_POSTGRES = "postgresql"


def is_database(where: Path | str) -> bool:
    """Whether a storage is a database URL rather than a journal file."""
    return isinstance(where, str) and "://" in where


def check_storage(where: Path | str) -> None:
    """Make sure that a storage is of a known kind and that what it needs is installed.

    Raises:
        SearchError: The URL is not one of PostgreSQL.
        MissingPackageError: Its driver is not installed.
    """
    if not is_database(where):
        return
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(str(where))
        known = url.get_backend_name() == _POSTGRES
        driver = url.get_driver_name() if known else ""
    except ArgumentError:
        known, driver = False, ""
    if not known:
        raise SearchError(
            f"tune.storage {str(where)!r} is not a storage for studies; expected journal, or a URL such as "
            "postgresql+psycopg://user:password@host/database."
        )
    try:
        url.get_dialect().import_dbapi()
    except ImportError as error:
        raise MissingPackageError(
            f"tune.storage needs the package {driver}, which is not installed. Install it with "
            '`pip install "contest-toolkit[postgresql]"` and write the URL as postgresql+psycopg://…'
        ) from error


class Store(ABC):
    """The place of a study, entered by one worker; see `open_store`.

    Attributes:
        worker: Name of the worker that entered.
    """

    worker: str = ""

    def __enter__(self) -> Store:
        self._stack = ExitStack()
        self._enter(self._stack)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @abstractmethod
    def _enter(self, stack: ExitStack) -> None: ...

    @abstractmethod
    def storage(self) -> BaseStorage:
        """Optuna's object."""

    @abstractmethod
    def locked(self) -> AbstractContextManager[None]:
        """Hold the study against all other workers; the lock of a worker that dies is freed."""

    @abstractmethod
    def beating(self, study: optuna.Study, trial: optuna.Trial) -> AbstractContextManager[None]:
        """Show that the trial's worker lives while the block runs."""

    @abstractmethod
    def is_dead(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the worker of a running trial has died. Call it only while `locked`."""

    def open(self, name: str, direction: Literal["maximize", "minimize"] | None) -> optuna.Study:
        """The study, created where it does not exist and a direction is given."""
        with self.locked():
            if direction is None:
                return optuna.load_study(study_name=name, storage=self.storage())
            return optuna.create_study(
                study_name=name, storage=self.storage(), direction=direction, load_if_exists=True
            )


class _Flock(JournalFileOpenLock):
    """The journal's write lock: unlike Optuna's own, it is free the moment its holder is killed."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def acquire(self) -> bool:
        self._stream = self._path.open("a")
        fcntl.flock(self._stream, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        self._stream.close()


class JournalStore(Store):
    """A study in a journal file.

    Args:
        path: The file; its folder is created.
        heartbeat: Seconds between signs of life.
    """

    def __init__(self, path: Path, heartbeat: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lease = Lease(path.with_name(f"{path.name}.workers"), heartbeat)
        self.worker = self._lease.worker
        self._storage: JournalStorage | None = None

    def _enter(self, stack: ExitStack) -> None:
        stack.enter_context(self._lease)

    def storage(self) -> BaseStorage:
        """Optuna's object."""
        if self._storage is None:
            lock = _Flock(self._path.with_name(f"{self._path.name}.lock"))
            lock.acquire()
            try:
                _drop_torn_line(self._path)
            finally:
                lock.release()
            self._storage = JournalStorage(JournalFileBackend(str(self._path), lock_obj=lock))
        return self._storage

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the study against all other workers."""
        with self._path.with_name(f"{self._path.name}.claim").open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    @contextmanager
    def beating(self, study: optuna.Study, trial: optuna.Trial) -> Iterator[None]:
        """The lease beats for all trials of the worker."""
        yield

    def is_dead(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the worker of a running trial has died."""
        worker = trial.user_attrs.get("worker")
        # Without a name the worker died while it took the trial, for that happens under the lock.
        return worker is None or not self._lease.is_alive(str(worker))


class DatabaseStore(Store):
    """A study in PostgreSQL.

    Args:
        url: Of the database.
        heartbeat: Seconds between signs of life.
    """

    def __init__(self, url: str, heartbeat: float) -> None:
        import sqlalchemy

        check_storage(url)
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._url = url
        self._heartbeat = max(1, round(heartbeat))
        self._engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.pool.NullPool)
        self._storage: RDBStorage | None = None

    def _enter(self, stack: ExitStack) -> None:
        pass

    def storage(self) -> BaseStorage:
        """Optuna's object; call it only while `locked`, for two workers must not create the tables at once."""
        if self._storage is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self._storage = RDBStorage(
                    self._url,
                    engine_kwargs={"pool_pre_ping": True},
                    heartbeat_interval=self._heartbeat,
                    grace_period=MISSED * self._heartbeat,
                )
        return self._storage

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the study against all other workers: PostgreSQL's advisory lock, which ends with its connection."""
        import sqlalchemy
        from sqlalchemy.exc import OperationalError

        key = zlib.crc32(b"contest-toolkit")
        try:
            connection = self._engine.connect()
        except OperationalError as error:
            reason = str(error.orig).strip().splitlines()[0]
            hidden = self._engine.url.render_as_string(hide_password=True)
            raise SearchError(
                f"The database {hidden} of tune.storage cannot be reached: {reason}. Start it or correct the URL."
            ) from error
        with connection:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": key})
            try:
                yield
            finally:
                connection.execute(sqlalchemy.text("SELECT pg_advisory_unlock(:key)"), {"key": key})

    @contextmanager
    def beating(self, study: optuna.Study, trial: optuna.Trial) -> Iterator[None]:
        """Optuna's heartbeat."""
        from optuna.storages._heartbeat import get_heartbeat_thread

        with get_heartbeat_thread(trial._trial_id, study._storage):
            yield

    def is_dead(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the worker of a running trial has died."""
        storage: Any = study._storage
        if trial.user_attrs.get("worker") == self.worker:
            return False
        return "worker" not in trial.user_attrs or trial._trial_id in storage._get_stale_trial_ids(study._study_id)


def open_store(where: Path | str, heartbeat: float = HEARTBEAT_SECONDS) -> Store:
    """The place of studies that a setting names; enter it to work on one.

    Args:
        where: Journal file, or a PostgreSQL URL.
        heartbeat: Seconds between signs of life of a worker.

    Raises:
        SearchError: The URL is not one of PostgreSQL.
        MissingPackageError: Its driver is not installed.
    """
    if is_database(where):
        return DatabaseStore(str(where), heartbeat)
    return JournalStore(Path(where), heartbeat)


def running(study: optuna.Study) -> tuple[FrozenTrial, ...]:
    """Trials that are being tried."""
    return tuple(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line without end, which a process left that was killed while writing it."""
    if not path.exists():
        return
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        with path.open("rb+") as stream:
            stream.truncate(data.rfind(b"\n") + 1)
