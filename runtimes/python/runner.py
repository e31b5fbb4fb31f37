"""The program that stays alive in every sandbox and runs one deployment's handler, one call after the other.

Standard library only, Python 3.11 to 3.14, started as `python -I -S -X utf8 runner.pyc`. Its protocol is described in
`clowdy_tui/engine/protocol.py`; the numbers are written again here because nothing of Clowdy is inside a sandbox.
Bytes in come on descriptor 0. Frames go out on 1, and what is not a frame on 2: both drivers connect those. Where there
is a socket at DIRECT, frames go by that in both directions, and the rest to a pipe whose other end is sent along.
Where there is a mailbox, frames come by that: a socket that keeps messages apart, at a descriptor that is named in the
environment, or made here and sent along. A message of four bytes says how long the one is that comes by the stream.
"""

from __future__ import annotations

import errno
import faulthandler
import fcntl
import gc
import importlib
import importlib.util
import io
import json
import linecache
import math
import os
import resource
import select
import signal
import struct
import sys
import threading
import time
import traceback
import types

# As type checkers know it: the module that has it takes longer to import than any that is needed.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    import contextvars
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

VERSION = 3
LOAD, CALL = 0x01, 0x02
READY, LOADED, RESULT, ERROR, LOG, CHUNK, HEAD = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16
LOG_TRUNCATED, LOG_PARTIAL = 1, 2

FOLDER = "/tmp/function"  # noqa: S108  the sandbox's own /tmp
DIRECT = "/run/clowdy/channel"
MAX_MESSAGE = 16 * 1024
MAX_TRACE = 32 * 1024
MAX_TRACE_FRAMES = 60
CHUNK_BYTES = 64 * 1024
LINE_PRICE = 16
MAX_PIECES = 256
"""Of a line that has no end yet, before they are sent as part of one."""
MESSAGE_BYTES = 16 * 1024
FIONREAD = 0x541B
UNREAD = 1 << 31
HIGH_DESCRIPTOR = 100
CO_VARARGS, CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR = 0x04, 0x80, 0x100, 0x200
IMPORTED_LATE = ("asyncio", "inspect")
"""What a call may need of us, and which takes half of the start: a sandbox that is waited for begins without it."""
IMPORTED_IDLE = (*IMPORTED_LATE, "base64", "datetime", "hashlib", "urllib.parse")
"""The same and what nearly every handler imports: loaded while the sandbox is a spare."""
IDLE_AFTER_S = 0.05

_PREFIX = struct.Struct(">IB")
_CALL_HEAD = struct.Struct(">IIB")
_ANSWER = struct.Struct(">IBIII")
_LOADED = struct.Struct(">IBIB")
_LOG = struct.Struct(">IBIBBI")
_CHUNK = struct.Struct(">IBI")
_HEAD = struct.Struct(">IBIB")
_LENGTH = struct.Struct(">I")

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_decode = json.JSONDecoder().decode
_peak = resource.getrusage
_ioctl = fcntl.ioctl
_NOTHING = bytes(4)
# Held by names of our own: a handler may patch the modules that it shares with us.
_monotonic = time.monotonic
_clock_ns = time.perf_counter_ns
_read, _write, _kill, _wait = os.read, os.write, os.kill, os.waitpid
_OURS_ALONE = os.getpid() == 1
_ALL = 0x40000000  # __WALL: children that were made without a signal for their end, too


class Refused(Exception):
    """Something that the runner itself finds wrong with a function; `kind` becomes the error's type."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Channel:
    """The protocol's two ends, on descriptors that no child process inherits."""

    def __init__(self, inbound: int, outbound: int, mailbox: int | None = None) -> None:
        self._inbound = inbound
        self._outbound = outbound
        self._mailbox = mailbox
        self._output = fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
        self._buffer = b""
        self._lock = threading.Lock()
        self.closed = False

    @property
    def inbound(self) -> int:
        """What is readable when something has come."""
        return self._inbound if self._mailbox is None else self._mailbox

    @property
    def has_unread_output(self) -> bool:
        """Whether the pipe behind descriptors 1 and 2 holds something that was written past us."""
        return _ioctl(self._output, FIONREAD, _NOTHING) != _NOTHING

    @property
    def has_more(self) -> bool:
        """Whether the next frame has begun to come already."""
        return bool(self._buffer)

    def is_quiet(self, for_s: float) -> bool:
        """Whether nothing comes within this time."""
        return not select.select([self.inbound], [], [], for_s)[0]

    def receive(self) -> tuple[int, bytes] | None:
        """The next frame; None at the end of the stream."""
        buffer = self._buffer
        if not buffer and self._mailbox is not None:
            buffer = self._message()
            if not buffer:
                return None
        while len(buffer) < 5:
            data = _read(self._inbound, 65536)
            if not data:
                return None
            buffer += data
        length, kind = _PREFIX.unpack_from(buffer)
        end = 4 + length
        if len(buffer) < end:
            buffer = self._to_length(buffer, end)
            if not buffer:
                return None
        self._buffer = buffer[end:]
        return kind, buffer[5:end]

    def _message(self) -> bytes:
        """The next one, of whole frames; nothing at the end."""
        assert self._mailbox is not None
        message = _read(self._mailbox, MESSAGE_BYTES + 1)
        return self._to_length(b"", _LENGTH.unpack(message)[0]) if len(message) == _LENGTH.size else message

    def _to_length(self, begun: bytes, length: int) -> bytes:
        whole = bytearray(begun)
        while len(whole) < length:
            data = _read(self._inbound, min(length - len(whole), 1 << 20))
            if not data:
                return b""
            whole += data
        return bytes(whole)

    def send(self, frame: bytes) -> None:
        with self._lock:
            if self.closed:
                return
            sent = _write(self._outbound, frame)
            if sent < len(frame):
                view = memoryview(frame)
                while sent < len(frame):
                    sent += _write(self._outbound, view[sent:])

    def close_in_child(self) -> None:
        """A process that the handler forked must not speak for the runner."""
        self._lock = threading.Lock()
        self.closed = True
        os.close(self._inbound)
        os.close(self._outbound)
        os.close(self._output)
        if self._mailbox is not None:
            os.close(self._mailbox)


class Scope:
    """What one call prints: which it is, how much more of it is kept, and what has no line end yet, by stream."""

    __slots__ = ("began", "call", "left", "pending")

    def __init__(self, call: int, left: int) -> None:
        self.call = call
        self.left = left
        self.began = _clock_ns()
        self.pending: dict[int, list[str]] = {1: [], 2: []}


class Log:
    """What is printed, cut into lines and sent with the number of the call that printed it.

    Of calls one after the other that is the one that runs; of several at once it is told by the context, which tasks,
    and threads of `asyncio.to_thread`, take along.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.RLock()
        self.limit = 256 * 1024
        self._scope = Scope(0, self.limit)
        self._scopes: contextvars.ContextVar[Scope] | None = None
        self._streams: list[LineStream] = []

    @property
    def scope(self) -> Scope:
        return self._scope if self._scopes is None else self._scopes.get(self._scope)

    def open(self, number: int) -> LineStream:
        stream = LineStream(self, number)
        self._streams.append(stream)
        return stream

    def begin(self, call: int) -> None:
        self._scope = Scope(call, self.limit)

    def end(self) -> None:
        """Send what has no line end yet: whatever follows belongs to no call."""
        with self._lock:
            self._close(self._scope)
            self._scope.call = 0

    def begin_in_context(self, call: int) -> Scope:
        """As `begin`, for the context that this is called in and all that come of it."""
        if self._scopes is None:
            import contextvars

            self._scopes = contextvars.ContextVar("clowdy_scope")
        scope = Scope(call, self.limit)
        self._scopes.set(scope)
        return scope

    def end_in_context(self, scope: Scope) -> None:
        with self._lock:
            self._close(scope)
            scope.call = 0

    def _close(self, scope: Scope) -> None:
        for number, parts in scope.pending.items():
            if parts:
                self.flush(scope, number, partial=False)

    def flush(self, scope: Scope, number: int, *, partial: bool) -> None:
        parts, scope.pending[number] = scope.pending[number], []
        self.emit(scope, number, "".join(parts), partial=partial)

    def emit(self, scope: Scope, number: int, text: str, *, partial: bool = False) -> None:
        with self._lock:
            if scope.left <= 0:
                return
            data = text.encode("utf-8", "replace")
            flags = LOG_PARTIAL if partial else 0
            # A line costs more than its bytes, or a quarter of a million empty ones would fit.
            scope.left -= len(data) + LINE_PRICE
            if scope.left <= 0:
                data = data[: max(0, len(data) + scope.left)]
                flags = LOG_TRUNCATED
            at_us = min((_clock_ns() - scope.began) // 1000, 0xFFFFFFFF)
            self._channel.send(_LOG.pack(11 + len(data), LOG, scope.call, number, flags, at_us) + data)

    def after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        for stream in self._streams:
            stream.detach_to_descriptor()


class LineStream(io.TextIOBase):
    """sys.stdout or sys.stderr: whole lines go out at once, so that they survive whatever comes after them."""

    def __init__(self, log: Log, number: int) -> None:
        super().__init__()
        self._log = log
        self._number = number
        self._raw = False
        self.name = "<stdout>" if number == 1 else "<stderr>"
        self.mode = "w"
        self.buffer = ByteStream(self)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self._raw:
            _write(self._number, text.encode("utf-8", "replace"))
            return len(text)
        log, number = self._log, self._number
        scope = log.scope
        if "\n" in text:
            first, *others = text.split("\n")
            scope.pending[number].append(first)
            log.flush(scope, number, partial=False)
            rest = others.pop()
            for line in others:
                log.emit(scope, number, line)
            if rest:
                scope.pending[number].append(rest)
        elif text:
            parts = scope.pending[number]
            parts.append(text)
            if len(parts) >= MAX_PIECES:
                self.flush()
        return len(text)

    def flush(self) -> None:
        scope = self._log.scope
        if scope.pending[self._number] and not self._raw:
            self._log.flush(scope, self._number, partial=True)

    def reconfigure(self, **_: Any) -> None:
        """Programs ask for an encoding or for line buffering: this is UTF-8 and buffers lines."""

    def close(self) -> None:
        """The next call needs it again."""

    def detach_to_descriptor(self) -> None:
        self._raw = True
        for parts in self._log.scope.pending.values():
            parts.clear()


class ByteStream(io.RawIOBase):
    """`sys.stdout.buffer`: bytes into the same lines."""

    def __init__(self, text: LineStream) -> None:
        super().__init__()
        self._text = text

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._text.fileno()

    def write(self, data: Any) -> int:
        taken = bytes(data)
        self._text.write(taken.decode("utf-8", "replace"))
        return len(taken)

    def flush(self) -> None:
        self._text.flush()

    def close(self) -> None:
        """The next call needs it again."""


class Stream:
    """The answer of one call that comes in pieces: each goes out as it is made, and waits where nobody takes it."""

    def __init__(self, channel: Channel, call: int) -> None:
        self._channel = channel
        self._call = call
        self._items = 0

    def take(self, items: Iterator[Any]) -> None:
        """Send what a generator yields."""
        try:
            for item in items:
                self._send(item)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
        self._finish()

    async def take_async(self, items: Any) -> None:
        """Send what an async generator yields."""
        try:
            async for item in items:
                self._send(item)
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()
        self._finish()

    def _send(self, item: Any) -> None:
        self._items += 1
        if isinstance(item, str):
            try:
                data = item.encode()
            except UnicodeEncodeError:
                raise Refused("ChunkNotText", f"Item {self._items} holds half of a surrogate pair") from None
        elif isinstance(item, (bytes, bytearray, memoryview)):
            data = bytes(item)
        elif self._items == 1 and isinstance(item, dict) and "statusCode" in item:
            self._begin(self._head(item), False)
            return
        else:
            what = f"a value of type {type(item).__name__}"
            hint = "; the first may be {'statusCode': …, 'headers': …}" if self._items == 1 else ""
            raise Refused("ChunkNotText", f"Item {self._items} is {what}: only text and bytes can be streamed{hint}")
        if self._items == 1:
            self._begin(b"{}", not isinstance(item, str))
        for start in range(0, len(data), CHUNK_BYTES):
            piece = data[start : start + CHUNK_BYTES]
            self._channel.send(_CHUNK.pack(len(piece) + 5, CHUNK, self._call) + piece)

    def _head(self, head: dict[Any, Any]) -> bytes:
        try:
            data = _encode_ascii(head).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise Refused("ResultNotJSON", explain_unencodable(head, error)) from None
        if len(data) > CHUNK_BYTES:
            raise Refused("ResultTooLarge", f"The head is {len(data)} bytes of JSON; at most {CHUNK_BYTES} are allowed")
        return data

    def _begin(self, head: bytes, binary: bool) -> None:
        self._channel.send(_HEAD.pack(len(head) + 6, HEAD, self._call, binary) + head)

    def _finish(self) -> None:
        if not self._items:
            self._begin(b"{}", False)


class Identity:
    """AWS's place for who called through Cognito; nobody does here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class Context:
    """What AWS Lambda gives a handler as its second argument; can be read like a dict, too."""

    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: int
    log_group_name: str
    log_stream_name: str
    aws_request_id: str

    def __init__(self, constants: dict[str, Any], request_id: str, deadline: float) -> None:
        self.__dict__.update(constants)
        self.aws_request_id = request_id
        self.identity = Identity
        self.client_context = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - _monotonic()) * 1000))

    def __getitem__(self, name: str) -> Any:
        if name.startswith("_"):
            raise KeyError(name)
        return self.__dict__[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.__dict__.get(name, default) if not name.startswith("_") else default

    def keys(self) -> list[str]:
        return [name for name in self.__dict__ if not name.startswith("_")]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __repr__(self) -> str:
        return f"Context({ {name: self.__dict__[name] for name in self.keys()}!r})"


class Function:
    """One deployment's code: written down, imported, called."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._entry: str = told["entry"]
        self._handler: str = told["handler"]
        self._max_result: int = told["max_result_bytes"]
        self._constants: dict[str, Any] = told["context"]
        self._modules_before: set[str] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._call: Callable[..., Any] | None = None
        self._wants_context = True
        os.environ.clear()
        os.environ.update(told["environment"])
        if "TZ" in os.environ:
            time.tzset()
        for path, text in told["files"].items():
            target = os.path.join(FOLDER, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "w", encoding="utf-8", newline="", errors="surrogatepass") as file:
                file.write(text)
        os.makedirs(FOLDER, exist_ok=True)
        os.chdir(FOLDER)
        if told.get("paths") or not sys.stdlib_module_names.isdisjoint(
            path.partition("/")[0].removesuffix(".py") for path in told["files"]
        ):
            # Ours must not find what stands in the function's folder under the name of a standard module.
            import_modules(IMPORTED_LATE)
        sys.path[:0] = [FOLDER, *told.get("paths", ())]
        sys.path += told.get("late_paths", ())

    @property
    def loaded(self) -> bool:
        return self._call is not None

    def load(self) -> None:
        """Import the entry and find the handler. Can be tried again: what a failed try imported is forgotten."""
        if self._modules_before is None:
            self._modules_before = set(sys.modules)
        else:
            for name in set(sys.modules) - self._modules_before:
                del sys.modules[name]
            importlib.invalidate_caches()
            linecache.clearcache()
        module = self._import_entry()
        handler: Any = module
        for part in self._handler.split("."):
            handler = getattr(handler, part, None)
        if handler is None:
            raise Refused("HandlerNotFound", f"{self._entry} has no {self._handler!r}: define `def handler(event):`")
        if not callable(handler):
            raise Refused("HandlerNotFound", f"{self._handler!r} in {self._entry} is not a function")
        self._wants_context = wants_context(handler)
        self._call = handler

    def _import_entry(self) -> types.ModuleType:
        path = os.path.join(FOLDER, self._entry)
        if not os.path.isfile(path):
            raise Refused("HandlerNotFound", f"There is no file {self._entry} in this version")
        name = self._entry.removesuffix(".py").replace("/", ".")
        parent = name.rpartition(".")[0]
        if parent:
            importlib.import_module(parent)
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise Refused("HandlerNotFound", f"{self._entry} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    @property
    def takes_several(self) -> bool:
        """Whether the handler lets others run while it waits."""
        handler: Any = self._call
        if type(handler) is types.FunctionType:
            return bool(handler.__code__.co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR))
        import inspect

        return any(
            inspect.iscoroutinefunction(part) or inspect.isasyncgenfunction(part)
            for part in (handler, type(handler).__call__)
        )

    def _begin(self, event_json: bytes, request_id: str, deadline: float) -> Any:
        if self._call is None:
            self.load()
        assert self._call is not None
        try:
            event = _decode(event_json.decode())
        except (ValueError, RecursionError) as error:
            raise Refused("EventNotJSON", f"The event cannot be read as JSON: {error}") from None
        if self._wants_context:
            return self._call(event, Context(self._constants, request_id, deadline))
        return self._call(event)

    async def run_beside_others(self, event_json: bytes, request_id: str, deadline: float, stream: Stream) -> bytes:
        """`run` in a loop that has other calls, too."""
        result = self._begin(event_json, request_id, deadline)
        if hasattr(type(result), "__await__"):
            result = await result
        if hasattr(type(result), "__anext__"):
            await stream.take_async(result)
            return b""
        if hasattr(type(result), "__next__"):
            stream.take(result)
            return b""
        return self._to_json(result)

    def run(self, event_json: bytes, request_id: str, deadline: float, stream: Stream) -> bytes:
        """Call the handler; what it returned, as JSON, or nothing where it went out by the stream."""
        result = self._begin(event_json, request_id, deadline)
        kind = type(result)
        if kind is not dict:
            if hasattr(kind, "__await__") or is_old_coroutine(result):
                result = self._await(result)
                kind = type(result)
            if hasattr(kind, "__next__"):
                stream.take(result)
                return b""
            if hasattr(kind, "__anext__"):
                self._await(stream.take_async(result))
                return b""
        return self._to_json(result)

    def _await(self, awaitable: Any) -> Any:
        if self._loop is None or self._loop.is_closed():
            import asyncio

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        assert self._loop is not None
        if not isinstance(awaitable, types.CoroutineType):
            awaitable = _as_coroutine(awaitable)
        return self._loop.run_until_complete(awaitable)

    def _to_json(self, result: Any) -> bytes:
        try:
            text = _encode(result)
        except (TypeError, ValueError, RecursionError) as error:
            raise Refused("ResultNotJSON", explain_unencodable(result, error)) from None
        try:
            data = text.encode()
        except UnicodeEncodeError:
            data = _encode_ascii(result).encode()
        if len(data) > self._max_result:
            raise Refused(
                "ResultTooLarge", f"The result is {len(data)} bytes of JSON; at most {self._max_result} are allowed"
            )
        return data


async def _as_coroutine(awaitable: Any) -> Any:
    return await awaitable


def is_old_coroutine(value: Any) -> bool:
    """Whether this is what a generator function under `types.coroutine` returns."""
    return type(value) is types.GeneratorType and bool(value.gi_code.co_flags & CO_ITERABLE_COROUTINE)


def wants_context(handler: Callable[..., Any]) -> bool:
    """Whether the handler takes a second positional argument."""
    if type(handler) is types.FunctionType and not handler.__dict__:
        # Nothing wraps it: what it is made of says the same as its signature, for which a lot would be imported.
        return handler.__code__.co_argcount >= 2 or bool(handler.__code__.co_flags & CO_VARARGS)
    import inspect

    try:
        parameters = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError):
        return True
    positional = 0
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            return True
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            positional += 1
    return positional >= 2


def explain_unencodable(result: Any, error: BaseException) -> str:
    """Which value JSON cannot hold, and where it stands in the result."""
    if isinstance(error, RecursionError):
        return "The result cannot be JSON: it is nested too deeply"
    found = _find_unencodable(result)
    if found is None:
        return f"The result cannot be JSON: {error}"
    path, what = found
    return f"The result cannot be JSON: {what} at {path or 'the top'}"


def _find_unencodable(result: Any) -> tuple[str, str] | None:
    waiting: list[tuple[str, Any, tuple[int, ...]]] = [("", result, ())]
    looked_at = 0
    while waiting and looked_at < 100_000:
        path, value, above = waiting.pop()
        looked_at += 1
        if value is None or isinstance(value, (str, int)):
            continue
        if isinstance(value, float):
            if not math.isfinite(value):
                return path, repr(value)
            continue
        if not isinstance(value, (dict, list, tuple)):
            return path, f"a value of type {type(value).__name__}"
        if id(value) in above:
            return path, f"a {type(value).__name__} that holds itself"
        above = (*above, id(value))
        if isinstance(value, dict):
            for key, item in value.items():
                if not isinstance(key, (str, int, float, type(None))):
                    return path, f"a dict with a key of type {type(key).__name__}"
                waiting.append((f"{path}[{_short(key)}]", item, above))
        else:
            waiting.extend((f"{path}[{index}]", item, above) for index, item in enumerate(value))
    return None


def _short(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 40 else text[:37] + "..."


def describe(error: BaseException) -> dict[str, str]:
    """An exception as the host is told of it, with the frames of the user's code and what that called."""
    if isinstance(error, Refused):
        return {"type": error.kind, "message": str(error), "trace": ""}
    kind = type(error).__qualname__
    try:
        told = traceback.TracebackException.from_exception(error, limit=-MAX_TRACE_FRAMES)
        _drop_our_frames(told, set())
        if isinstance(error, SyntaxError):
            where = (error.filename or "").removeprefix(FOLDER + "/")
            message = f"{error.msg} ({where}, line {error.lineno})"
        else:
            message = str(error)
        trace = "".join(told.format()).replace(FOLDER + "/", "")
    except BaseException as failed:
        message, trace = f"its message cannot be had: {type(failed).__name__}", ""
    return {"type": kind[:200], "message": _cap(message, MAX_MESSAGE), "trace": _cap(trace, MAX_TRACE)}


def _cap(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - limit} characters cut …\n{text[-half:]}"


def _drop_our_frames(told: traceback.TracebackException, seen: set[int]) -> None:
    if id(told) in seen:
        return
    seen.add(id(told))
    frames = list(told.stack)
    # The runner, the import machinery and the event loop stand above the first frame of the user's.
    first = next((index for index, frame in enumerate(frames) if frame.filename.startswith(FOLDER)), len(frames))
    kept = [frame for frame in frames[first:] if not frame.filename.startswith("<frozen importlib")]
    told.stack = traceback.StackSummary.from_list(kept)
    for other in (told.__cause__, told.__context__):
        if other is not None:
            _drop_our_frames(other, seen)
    for member in getattr(told, "exceptions", None) or ():
        _drop_our_frames(member, seen)


def end_leftovers() -> None:
    """Kill and reap the processes that a call left behind. Only where all processes but us are the function's."""
    if not _OURS_ALONE:
        return
    try:
        # All that runs here descends from us: with no child there is nobody, and the kernel need not look for it.
        _wait(-1, _ALL | os.WNOHANG)
    except ChildProcessError:
        return
    try:
        _kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return
    while True:
        try:
            _wait(-1, _ALL)
        except ChildProcessError:
            return
        except InterruptedError:
            continue


def limit_ourselves() -> None:
    """Take the resource limits that the driver wants, hard: `CLOWDY_RLIMITS=NOFILE=1024,CORE=0`."""
    for item in filter(None, os.environ.pop("CLOWDY_RLIMITS", "").split(",")):
        name, _, value = item.partition("=")
        which = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(which)[1]
        wanted = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
        resource.setrlimit(which, (wanted, wanted))


def import_modules(names: Iterable[str]) -> None:
    for name in names:
        importlib.import_module(name)


def move_descriptors() -> Channel:
    """Take the protocol off 0 and 1, so that what user code reads and writes there is not ours."""
    mailbox = None
    if given := os.environ.pop("CLOWDY_MAILBOX", ""):
        # Its number is one of the host's, which may be among those that ours are to have.
        mailbox = os.dup(int(given))
        os.close(int(given))
    inbound = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
    outbound = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return Channel(inbound, outbound, None if mailbox is None else move_high(mailbox))


def move_high(descriptor: int) -> int:
    """The same under another number, which no child process inherits."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
    os.close(descriptor)
    return moved


def take_direct() -> Channel | None:
    """The channel past the engine that carries 0, 1 and 2; None where there is none, or it cannot be reached."""
    if not os.path.exists(DIRECT):
        return None
    # Not `socket`, which takes as long to import as everything else here.
    import _socket

    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    output, inner = os.pipe()
    try:
        connection.connect(DIRECT)
        theirs, mailbox = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        descriptors = struct.pack("3i", output, theirs.fileno(), mailbox.fileno())
        connection.sendmsg([b"\1"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)])
        theirs.close()
    except OSError:
        os.close(inner)
        return None
    finally:
        os.close(output)
    inbound = fcntl.fcntl(connection.fileno(), fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
    outbound = fcntl.fcntl(connection.fileno(), fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
    connection.close()
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(inner, 1)
    os.dup2(inner, 2)
    os.close(null)
    os.close(inner)
    return Channel(inbound, outbound, move_high(mailbox.detach()))


def serve(channel: Channel, log: Log) -> None:
    function: Function | None = None
    while (frame := channel.receive()) is not None:
        kind, body = frame
        if kind == CALL and function is not None:
            answer_call(channel, log, function, body)
            end_leftovers()
        elif kind == LOAD and function is None:
            told = json.loads(body)
            log.limit = told["log_bytes"]
            log.begin(0)
            function = Function(told)
            failure = b""
            began = _clock_ns()
            try:
                function.load()
            except BaseException as error:
                failure = _encode_ascii(describe(error)).encode()
            log.end()
            took_us = min((_clock_ns() - began) // 1000, 0xFFFFFFFF)
            several = told["concurrency"] > 1 and function.loaded and function.takes_several
            channel.send(_LOADED.pack(6 + len(failure), LOADED, took_us, several) + failure)
            if several:
                serve_several(channel, log, function)
                return
        else:
            raise SystemExit(f"frame {kind:#x} out of turn")


def serve_several(channel: Channel, log: Log, function: Function) -> None:
    """Run calls beside each other, each as a task of one loop."""
    import asyncio

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    running: set[asyncio.Task[None]] = set()

    async def answer(body: bytes) -> None:
        call, request_id, deadline, event = read_call(body)
        scope = log.begin_in_context(call)
        kind = RESULT
        try:
            told = await function.run_beside_others(event, request_id, deadline, Stream(channel, call))
        except BaseException as error:
            kind = ERROR
            told = _encode_ascii(describe(error)).encode()
        log.end_in_context(scope)
        send_answer(channel, kind, scope, call, told)

    def ended(task: asyncio.Task[None]) -> None:
        running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The host cannot be told of the answer: without it there is no use in going on.
            failed.append(error)
            loop.stop()
        elif not running:
            end_leftovers()

    def readable() -> None:
        while (frame := channel.receive()) is not None:
            kind, body = frame
            if kind != CALL:
                raise SystemExit(f"frame {kind:#x} out of turn")
            task = loop.create_task(answer(body))
            running.add(task)
            task.add_done_callback(ended)
            if not channel.has_more:
                return
        loop.stop()

    failed: list[BaseException] = []
    loop.add_reader(channel.inbound, readable)
    if channel.has_more:
        readable()
    loop.run_forever()
    if failed:
        raise failed[0]


def read_call(body: bytes) -> tuple[int, str, float, bytes]:
    """The call's number, the invocation's id, the deadline by our clock, the event."""
    call, remaining_ms, id_length = _CALL_HEAD.unpack_from(body)
    start = 9 + id_length
    return call, body[9:start].decode(), _monotonic() + remaining_ms / 1000, body[start:]


def send_answer(channel: Channel, kind: int, scope: Scope, call: int, told: bytes) -> None:
    took_us = min((_clock_ns() - scope.began) // 1000, UNREAD - 1)
    if channel.has_unread_output:
        took_us |= UNREAD
    peak_kb = _peak(resource.RUSAGE_SELF).ru_maxrss & 0xFFFFFFFF
    channel.send(_ANSWER.pack(13 + len(told), kind, call, peak_kb, took_us) + told)


def answer_call(channel: Channel, log: Log, function: Function, body: bytes) -> None:
    call, request_id, deadline, event = read_call(body)
    log.begin(call)
    kind = RESULT
    try:
        told = function.run(event, request_id, deadline, Stream(channel, call))
    except BaseException as error:
        kind = ERROR
        told = _encode_ascii(describe(error)).encode()
    log.end()
    send_answer(channel, kind, log.scope, call, told)


def main() -> None:
    limit_ourselves()
    channel = take_direct() or move_descriptors()
    faulthandler.enable(2, all_threads=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.dont_write_bytecode = True
    log = Log(channel)
    streams: dict[str, Any] = {
        "stdin": os.fdopen(0, encoding="utf-8"),
        "stdout": log.open(1),
        "stderr": log.open(2),
    }
    for name, stream in streams.items():
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.register_at_fork(after_in_child=channel.close_in_child)
    os.register_at_fork(after_in_child=log.after_fork_in_child)
    gc.freeze()
    channel.send(_PREFIX.pack(2, READY) + bytes([VERSION]))
    try:
        if channel.is_quiet(IDLE_AFTER_S):
            import_modules(IMPORTED_IDLE)
            gc.collect()
            gc.freeze()
        serve(channel, log)
    except OSError as error:
        # The host went away, or user code closed the descriptors: either way there is nobody left to answer to.
        if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.EBADF):
            _write(2, traceback.format_exc().encode())
    except BaseException:
        _write(2, traceback.format_exc().encode())
    # Threads of the user's must not keep a sandbox alive that nobody talks to.
    os._exit(0)


if __name__ == "__main__":
    main()
