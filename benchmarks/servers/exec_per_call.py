"""How the ancestor ran a call: copy code and input into a running container, `exec` a Python there, read its output.

Run as a program: port, container's id, the interpreter's path inside it.
"""

import asyncio
import io
import itertools
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor

import docker
import uvloop
from aiohttp import web

RUNNER = b"""\
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
scope = {}
exec(compile((folder / "function.py").read_text(), "function.py", "exec"), scope)
print(json.dumps(scope["handler"](json.loads((folder / "input.json").read_text()))))
"""
FUNCTION = b"def handler(input):\n    return input\n"


def tar_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def main() -> None:
    port, container_id, python = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    client = docker.from_env()
    container = client.containers.get(container_id)
    container.put_archive("/", tar_of({"runner.py": RUNNER}))
    numbers = itertools.count(1)
    threads = ThreadPoolExecutor(16)

    def run(event: bytes) -> tuple[int | None, bytes]:
        folder = f"call-{next(numbers)}"
        container.put_archive("/", tar_of({f"{folder}/function.py": FUNCTION, f"{folder}/input.json": event}))
        code, output = container.exec_run([python, "/runner.py", f"/{folder}"])
        assert isinstance(output, bytes)
        return code, output

    async def call(request: web.Request) -> web.Response:
        code, output = await asyncio.get_running_loop().run_in_executor(threads, run, await request.read())
        return web.Response(status=200 if code == 0 else 500, body=output, content_type="application/json")

    app = web.Application()
    app.router.add_post("/", call)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
