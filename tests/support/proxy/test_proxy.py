#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""The fault proxy in front of servers that answer what they were asked: it passes everything on
unchanged, and does each wrong only when told to, to the connection that it was meant for."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

PROXY = os.path.join(sys.argv[2], "tests", "weir-test-proxy")
PRODUCE, METADATA, END_TXN = 0, 3, 26
LIMIT_S = 60  # for what must come at all


class Server:
    """Takes frames and answers each; remembers what came, also the half of a frame."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.asked, self.rests = [], []
        self.changed = threading.Condition()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        data = b""
        while True:
            frame, data = self.split(data)
            if frame is not None:
                with self.changed:
                    self.asked.append(frame)
                    self.changed.notify_all()
                conn.sendall(self.answer(frame))
                continue
            try:
                more = conn.recv(65536)
            except OSError:
                more = b""
            if not more:
                with self.changed:
                    self.rests.append(data)
                    self.changed.notify_all()
                conn.close()
                return
            data += more

    def until(self, condition):
        with self.changed:
            return self.changed.wait_for(condition, LIMIT_S)


class Redis(Server):
    def split(self, data):
        """Commands of the tests are lines' worth: *1, $N, word."""
        parts = data.split(b"\r\n", 3)
        return (parts[2], parts[3]) if len(parts) == 4 else (None, data)

    def answer(self, frame):
        # A nested answer with nil, a number, and text with a line end in it.
        return b"*3\r\n*2\r\n$-1\r\n:7\r\n+OK\r\n$%d\r\n%s\r\n" % (len(frame) + 2, frame + b"\r\n")


class Kafka(Server):
    def split(self, data):
        if len(data) < 4 or len(data) - 4 < struct.unpack(">i", data[:4])[0]:
            return None, data
        end = 4 + struct.unpack(">i", data[:4])[0]
        return data[:end], data[end:]

    def answer(self, frame):
        key, = struct.unpack(">h", frame[4:6])
        if key == PRODUCE and frame.endswith(b"acks=0"):
            return b""
        return struct.pack(">i4s", 4 + len(frame), frame[8:12]) + frame


def command(word):
    return b"*1\r\n$%d\r\n%s\r\n" % (len(word), word)


def request(key, number, more=b"body"):
    return struct.pack(">ihhi", 8 + len(more), key, 7, number) + more


class Base(unittest.TestCase):
    kind, server = "redis", Redis

    def setUp(self):
        self.upstream = self.server()
        self.process = subprocess.Popen([PROXY, self.kind, self.upstream.address],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.line().rpartition(":")[2])

    def tearDown(self):
        self.process.stdin.close()
        self.assertEqual(self.process.wait(LIMIT_S), 0)
        self.process.stdout.close()
        self.upstream.listener.close()

    def line(self):
        line = self.process.stdout.readline().strip()
        self.assertTrue(line.startswith("ok "), line)
        return line[3:]

    def tell(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return int(self.line())

    def until(self, condition):
        end = time.monotonic() + LIMIT_S
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)
        self.assertTrue(condition())

    def connect(self):
        conn = socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S)
        self.addCleanup(conn.close)
        return conn

    def take(self, conn, n):
        """n bytes, or those before the end of the connection."""
        data = b""
        while len(data) < n:
            more = conn.recv(n - len(data))
            if not more:
                break
            data += more
        return data

    def ask(self, conn, frame):
        conn.sendall(frame)
        want = self.upstream.answer(self.upstream.split(frame)[0])
        self.assertEqual(self.take(conn, len(want)), want)

    def assert_silent(self, conn):
        conn.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            conn.recv(1)
        conn.settimeout(LIMIT_S)


class OnRedis(Base):
    def test_passes_on_whatever_the_pieces_are(self):
        conn = self.connect()
        frames = [command(b"XADD%d" % i * (1 + i * 37)) for i in range(60)]
        want = b"".join(self.upstream.answer(self.upstream.split(f)[0]) for f in frames)
        data = b"".join(frames)
        for i in range(0, len(data), 997):
            conn.sendall(data[i:i + 997])
        self.assertEqual(self.take(conn, len(want)), want)

    def test_passes_on_what_came_while_it_could_not_run(self):
        conn = self.connect()
        self.ask(conn, command(b"PING"))
        frames = [command(b"XADD%d" % i * (1 + i * 37)) for i in range(60)]
        want = b"".join(self.upstream.answer(self.upstream.split(f)[0]) for f in frames)
        data = b"".join(frames)
        # As much as the kernel holds: the proxy then finds its buffer filled to the last byte.
        self.process.send_signal(signal.SIGSTOP)
        conn.setblocking(False)
        n_sent = 0
        try:
            while n_sent < len(data):
                n_sent += conn.send(data[n_sent:])
        except BlockingIOError:
            pass
        self.process.send_signal(signal.SIGCONT)
        conn.settimeout(LIMIT_S)
        conn.sendall(data[n_sent:])
        self.assertEqual(self.take(conn, len(want)), want)

    def test_passes_on_what_it_does_not_understand(self):
        conn = self.connect()
        conn.sendall(b"*999999999999\r\nnonsense")
        conn.shutdown(socket.SHUT_WR)
        self.assertTrue(self.upstream.until(lambda: self.upstream.rests))
        self.assertEqual(self.upstream.rests, [b"*999999999999\r\nnonsense"])

    def test_holds_the_answer_to_one_command_until_it_is_released(self):
        held, other = self.connect(), self.connect()
        self.tell("hold XREADGROUP")
        held.sendall(command(b"XREADGROUP") + command(b"PING"))
        self.until(lambda: self.tell("count held") == 1)
        self.ask(other, command(b"PING"))
        self.assert_silent(held)
        self.assertIn(b"XREADGROUP", self.upstream.asked)
        self.tell("release")
        want = self.upstream.answer(b"XREADGROUP") + self.upstream.answer(b"PING")
        self.assertEqual(self.take(held, len(want)), want)

    def test_cuts_a_request_in_the_middle(self):
        conn, other = self.connect(), self.connect()
        self.tell("cut request XACK")
        self.ask(conn, command(b"PING"))
        conn.sendall(command(b"XACK"))
        self.assertEqual(self.take(conn, 1), b"")
        self.assertTrue(self.upstream.until(lambda: self.upstream.rests))
        self.assertEqual(self.upstream.rests, [command(b"XACK")[:len(command(b"XACK")) // 2]])
        self.assertNotIn(b"XACK", self.upstream.asked)
        self.ask(other, command(b"XACK"))
        self.assertEqual(self.tell("count cut"), 1)

    def test_cuts_an_answer_in_the_middle(self):
        conn = self.connect()
        self.tell("cut answer XACK 2")
        for i in (1, 2):
            conn = self.connect()
            conn.sendall(command(b"XACK"))
            want = self.upstream.answer(b"XACK")
            self.assertEqual(self.take(conn, 1000), want[:len(want) // 2])
            self.assertEqual(self.tell("count cut"), i)
        self.ask(self.connect(), command(b"XACK"))
        self.assertEqual(self.upstream.asked.count(b"XACK"), 3)

    def test_delays_both_ways(self):
        conn = self.connect()
        self.tell("delay 100")
        begun = time.monotonic()
        self.ask(conn, command(b"PING"))
        # The proxy counts whole milliseconds, and may be up to one early on each way.
        self.assertGreaterEqual(time.monotonic() - begun, 0.198)
        self.tell("delay 0")
        self.ask(conn, command(b"PING"))

    def test_breaks_all_connections(self):
        conn, other = self.connect(), self.connect()
        self.ask(conn, command(b"PING"))
        self.ask(other, command(b"PING"))
        self.tell("break")
        for one in (conn, other):
            with self.assertRaises(ConnectionResetError):
                one.recv(1)
        self.assertEqual(self.tell("count connections"), 0)
        self.ask(self.connect(), command(b"PING"))

    def test_stalls_without_an_end(self):
        conn = self.connect()
        self.ask(conn, command(b"PING"))
        self.tell("stall on")
        conn.sendall(command(b"PING"))
        self.assert_silent(conn)
        fresh = self.connect()
        fresh.sendall(command(b"PING"))
        self.assert_silent(fresh)
        self.tell("stall off")
        want = self.upstream.answer(b"PING")
        self.assertEqual(self.take(conn, len(want)), want)
        self.assertEqual(self.take(fresh, len(want)), want)

    def test_refuses_new_connections(self):
        conn = self.connect()
        self.ask(conn, command(b"PING"))
        self.tell("refuse on")
        self.assertEqual(self.take(self.connect(), 1), b"")
        self.ask(conn, command(b"PING"))
        self.tell("refuse off")
        self.ask(self.connect(), command(b"PING"))

    def test_goes_to_another_server_when_told(self):
        other = Redis()
        self.tell(f"upstream {other.address}")
        self.ask(self.connect(), command(b"PING"))
        self.assertEqual((other.asked, self.upstream.asked), ([b"PING"], []))
        other.listener.close()

    def test_the_end_of_one_side_is_that_of_the_other(self):
        conn = self.connect()
        self.ask(conn, command(b"PING"))
        conn.close()
        self.assertTrue(self.upstream.until(lambda: self.upstream.rests))
        self.until(lambda: self.tell("count connections") == 0)

    def test_refuses_commands_that_it_does_not_know(self):
        for text in ("dance", "cut answer", "hold", "stall", "count sheep", "upstream nowhere"):
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
            self.assertEqual(self.process.stdout.readline(), f"error what is: {text}\n")


class OnKafka(Base):
    kind, server = "kafka", Kafka

    def test_holds_answers_by_the_type_of_their_request(self):
        conn = self.connect()
        self.tell("hold EndTxn")
        self.ask(conn, request(METADATA, 1))
        conn.sendall(request(END_TXN, 2))
        self.until(lambda: self.tell("count held") == 1)
        self.assert_silent(conn)
        self.tell("release")
        want = self.upstream.answer(request(END_TXN, 2))
        self.assertEqual(self.take(conn, len(want)), want)

    def test_a_request_without_an_answer_takes_nobody_elses(self):
        conn = self.connect()
        self.tell("hold Produce")
        conn.sendall(request(PRODUCE, 1, b"acks=0"))
        self.ask(conn, request(METADATA, 2))
        self.assertEqual(self.tell("count held"), 0)

    def test_cuts_by_the_type_of_the_request(self):
        conn, other = self.connect(), self.connect()
        self.tell("cut request Produce")
        self.ask(other, request(METADATA, 1))
        conn.sendall(request(PRODUCE, 1, b"x" * 500000))
        self.assertEqual(self.take(conn, 1), b"")
        self.assertTrue(self.upstream.until(lambda: self.upstream.rests))
        self.assertEqual(len(self.upstream.rests[0]), (4 + 8 + 500000) // 2)

    def test_refuses_a_type_that_there_is_not(self):
        self.process.stdin.write("hold XACK\n")
        self.process.stdin.flush()
        self.assertEqual(self.process.stdout.readline(), "error what is: hold XACK\n")


unittest.main(argv=sys.argv[:1], verbosity=1)
