"""Holds a connection to the exporter open and sends nothing: another client is answered meanwhile, and the first one is
told in the end.

    slow-client.py PORT
"""

import socket
import sys


def connect():
    """A new connection."""
    return socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)


def read(connection):
    """All that is sent until the other end closes the connection."""
    answer = b""
    while data := connection.recv(65536):
        answer += data
    return answer


slow = connect()
with connect() as other:
    other.sendall(b"GET /metrics HTTP/1.1\r\n")
    other.sendall(b"Host: localhost\r\n\r\n")
    first = read(other)
last = read(slow)
print(first[:40], last[:40])
sys.exit(0 if first.startswith(b"HTTP/1.1 200 ") and last.startswith(b"HTTP/1.1 408 ") else 1)
