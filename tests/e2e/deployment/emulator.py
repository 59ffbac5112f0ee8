"""The AWS emulator, on a free port of the loopback interface."""

import os

import boto3
from botocore.config import Config

from deployment.environment import FOLDER, REGION, aws_environment
from processes import ROOT, free_port, listens

PROGRAM = ROOT / ".tools" / "ministack" / "bin" / "ministack"
READY_WITHIN_SECONDS = 60
INSTALLED_WITHIN_SECONDS = 900


class Emulator:
    def __init__(self, processes):
        processes.run([".ci/install", "ministack", "tests/e2e/ministack.txt"], INSTALLED_WITHIN_SECONDS)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = aws_environment(self.url)
        temporary = FOLDER / "tmp"
        temporary.mkdir(parents=True)
        # The functions are child processes of the emulator and inherit its environment.
        environment = {
            **self.environment,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            # Turns off a listener for devices that would use a fixed port on all interfaces.
            "IOT_MTLS_ENABLED": "0",
            # Enforces the roles' policies.
            "AUTH": "true",
            "DOCKER_HOST": f"unix://{os.devnull}",
            "TMPDIR": str(temporary),
        }
        program = processes.start([PROGRAM], "ministack", env=environment, cwd=temporary)
        program.wait_until(lambda: listens(self.port), READY_WITHIN_SECONDS)

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(proxies={}, retries={"total_max_attempts": 1}),
        )
