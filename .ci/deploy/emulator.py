"""The AWS emulator, on a free port of the loopback interface."""

import contextlib
import os

import boto3
from botocore.config import Config

from environment import REGION, ROOT, aws_environment, free_port, listens, started, wait_for

PROGRAM = ROOT / ".tools" / "ministack" / "bin" / "ministack"
READY_WITHIN_SECONDS = 60
LOG_LINES_SHOWN = 60


class Emulator:
    def __init__(self, port, folder):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.environment = aws_environment(self.url)
        self.log = folder / "ministack.log"

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(proxies={}, retries={"total_max_attempts": 1}),
        )

    def last_log_lines(self):
        if not self.log.exists():
            return []
        return self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]


@contextlib.contextmanager
def running(emulator, folder):
    """The functions are children of the emulator and have its environment."""
    temporary = folder / "tmp"
    temporary.mkdir()
    environment = {
        **emulator.environment,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(emulator.port),
        # A listener for devices, on a fixed port of all interfaces.
        "IOT_MTLS_ENABLED": "0",
        # The roles' policies are enforced.
        "AUTH": "true",
        "DOCKER_HOST": f"unix://{os.devnull}",
        "TMPDIR": str(temporary),
    }
    with started([PROGRAM], environment, emulator.log, cwd=temporary) as process:
        wait_for(lambda: listens(emulator.port), process, "ministack", READY_WITHIN_SECONDS)
        yield process


def create(folder):
    return Emulator(free_port(), folder)
