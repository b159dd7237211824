"""A broker that is asked to stop the moment it says that it is ready stops in order.

stop_at_once.py MARTLET TIMES
"""

import signal
import subprocess
import sys
import tempfile

martlet, times = sys.argv[1:]
for _ in range(int(times)):
    with tempfile.TemporaryDirectory() as data:
        broker = subprocess.Popen(
            [martlet, "serve", "--data", data, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        for line in broker.stdout:
            if " listens on " in line:
                break
        broker.send_signal(signal.SIGTERM)
        status = broker.wait(30)
        if status != 0:
            print(f"error: it ended with status {status}", file=sys.stderr)
            sys.exit(1)
print(f"{times} times")
