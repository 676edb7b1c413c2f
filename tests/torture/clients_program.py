"""Clients of a server that send images at the same time.

    clients_program.py PORT CLIENTS REQUESTS SEED BAD IMAGE...

Each client sends REQUESTS requests on one connection; a share BAD of them is broken, too large or
slow. Prints as JSON the seconds, how often each outcome came, and for each good answer the number
of its image and its scores.
"""

import http.client
import json
import random
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path

IDLE = 25  # seconds after which the server may close a connection; it does after 30
TIMEOUT = 600  # seconds; a server that answers later hangs, even where the machine is busy


class Client:
    """One of them."""

    def __init__(self, port, files, rng, bad):
        self.port, self.files, self.rng, self.bad = port, files, rng, bad
        self.outcomes, self.answers = Counter(), []
        self.connection, self.used = self.connect(), time.monotonic()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)

    def run(self, requests):
        try:
            for _ in range(requests):
                if self.rng.random() < self.bad:
                    self.rng.choice((self.broken, self.too_large, self.slow, self.gone))()
                else:
                    self.good()
        except Exception as error:
            self.outcomes[f"lost: {error!r}"] += 1

    def post(self, body):
        """Status and text of an answer, on a connection that stays open."""
        while True:
            try:
                self.connection.request("POST", "/predict", body)
                answer = self.connection.getresponse()
                text = answer.read()
            except ConnectionError:
                if time.monotonic() < self.used + IDLE:
                    raise
                self.connection, self.used = self.connect(), time.monotonic()
                continue
            self.used = time.monotonic()
            if answer.status != 503:
                return answer.status, text
            self.outcomes["503, sent again"] += 1
            time.sleep(0.1)

    def good(self):
        number = self.rng.randrange(len(self.files))
        status, text = self.post(self.files[number])
        self.outcomes[f"good: {status}"] += 1
        if status == 200:
            (row,) = json.loads(text)
            order = sorted(zip(row["class_ids"], row["scores"], strict=True))
            self.answers.append((number, [score for _, score in order]))

    def broken(self):
        data = bytearray(self.rng.choice(self.files))
        del data[self.rng.randrange(4, 200) :]
        status, _ = self.post(bytes(data))
        self.outcomes[f"broken: {status}"] += 1

    def too_large(self):
        """More than the 32 MiB that are allowed by default; on a connection of its own."""
        connection = self.connect()
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Length", str(2**25 + 1))
        connection.endheaders(bytes(2**20))
        status = connection.getresponse().status
        connection.close()
        self.outcomes[f"too large: {status}"] += 1

    def slow(self):
        """A good request in three parts with pauses."""
        data = self.rng.choice(self.files)
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(data)}\r\n\r\n"
        whole = head.encode() + data
        status = 503
        while status == 503:
            with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as connection:
                for part in (whole[:20], whole[20:-100], whole[-100:]):
                    connection.sendall(part)
                    time.sleep(self.rng.uniform(0, 1))
                status = int(connection.recv(2**16).split(b" ", 2)[1])
            self.outcomes["503, sent again" if status == 503 else f"slow: {status}"] += 1

    def gone(self):
        """Leaves in the middle of a request."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            connection.sendall(b"Content-Length: 90000\r\n\r\n" + bytes(5000))
        self.outcomes["left early"] += 1


def main():
    """Run all clients."""
    port, clients, requests, seed = map(int, sys.argv[1:5])
    files = [Path(name).read_bytes() for name in sys.argv[6:]]
    all_clients = [
        Client(port, files, random.Random(f"{seed}/{number}"), float(sys.argv[5]))
        for number in range(clients)
    ]
    threads = [threading.Thread(target=one.run, args=(requests,)) for one in all_clients]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = {
        "seconds": time.perf_counter() - began,
        "outcomes": sum((one.outcomes for one in all_clients), Counter()),
        "answers": [answer for one in all_clients for answer in one.answers],
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
