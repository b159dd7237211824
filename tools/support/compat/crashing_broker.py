"""A broker that is killed and started again, on the same data and the same port."""

import tempfile

from serving import Broker


class CrashingBroker:
    def __init__(self, martlet):
        self.martlet = martlet

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.broker = Broker(self.martlet, f"{self.directory.name}/data")
        self.address = self.broker.address
        return self

    def __exit__(self, *_):
        self.broker.kill()
        self.directory.cleanup()

    def crash(self):
        self.broker.kill()
        self.broker = Broker(self.martlet, f"{self.directory.name}/data", listen=self.address)
