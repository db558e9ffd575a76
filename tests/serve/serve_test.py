"""caft serve as clients meet it: real HTTP, Triton's client, slow and broken ones.

usage: serve_test.py CAFT SCRATCH     trains two heads on a tiny backbone and serves both
"""

import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import numpy as np
import tritonclient.http as triton

CAFT, WORK = sys.argv[1], Path(sys.argv[2])
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tiny_models import Caft  # noqa: E402

caft = Caft(CAFT, WORK)


class Server:
    """A running server; stops with SIGTERM and must then have ended well."""

    def __init__(self, *arguments: str, token: str = "") -> None:
        environment = {**caft.environment, "CAFT_TOKEN": token}
        command = [CAFT, "serve", *arguments, "--port", "0", "--json"]
        self.process = subprocess.Popen(
            command, env=environment, cwd=WORK, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        text = ""
        while not text.rstrip().endswith("}"):
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(self.process.stderr.read())
            text += line
        self.about = json.loads(text)
        self.port = self.about["port"]

    def ask(self, method: str, path: str, body=None, headers=None) -> tuple[int, dict, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def json(self, method: str, path: str, body=None, headers=None) -> dict:
        status, _, content = self.ask(method, path, body, headers)
        assert status == 200, (status, content)
        return json.loads(content)

    def raw(self, data: bytes, timeout: float = 20) -> bytes:
        """What comes back when exactly these bytes are sent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(data)
            answer = b""
            with contextlib.suppress(ConnectionError):
                while chunk := connection.recv(65536):
                    answer += chunk
            return answer

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, (self.process.returncode, errors)
        return errors

    def memory_kib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


IMAGE = WORK / "data" / "noise" / "3.png"


class Serving(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server("first", "second", "alone=first.onnx", "--timeout-seconds", "2", "--access-log", "access.log")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.stop()

    def test_models_on_one_backbone_share_it(self) -> None:
        self.assertEqual(self.server.about["models"], ["first", "second", "alone"])
        self.assertEqual(self.server.about["backbones"], 2)  # the exported file has its own

    def test_classify_says_what_predict_says(self) -> None:
        answer = self.server.json("POST", "/v1/classify?top=2", IMAGE.read_bytes())
        served = {p["model"]: p["top"] for p in answer["predictions"]}
        for name, model in (("first", "first"), ("second", "second"), ("alone", "first")):
            expected = caft.json("predict", model, str(IMAGE), "--top", "2")[0]["top"]
            self.assertEqual([t["class"] for t in served[name]], [t["class"] for t in expected])
            for ours, theirs in zip(served[name], expected):
                self.assertAlmostEqual(ours["probability"], theirs["probability"], places=5)

    def test_a_form_of_images(self) -> None:
        parts = [("a.png", IMAGE.read_bytes()), ("b.txt", b"no image"), ('c"d.png', IMAGE.read_bytes())]
        body = b""
        for name, content in parts:
            name = name.replace('"', '\\"')
            body += f'--XX\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode() + content + b"\r\n"
        body += b"--XX--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=XX"}
        got = self.server.json("POST", "/v1/classify?model=first", body, headers)["predictions"]
        self.assertEqual([p["image"] for p in got], ["a.png", "b.txt", 'c"d.png'])
        self.assertIn("error", got[1])
        self.assertEqual(got[0]["top"], got[2]["top"])

    def test_bad_requests_are_told_why(self) -> None:
        for method, path, body, status in (
            ("POST", "/v1/classify", b"no image", 400),
            ("POST", "/v1/classify", b"", 400),
            ("POST", "/v1/classify?model=none", IMAGE.read_bytes(), 404),
            ("POST", "/v1/classify?top=-1", IMAGE.read_bytes(), 400),
            ("GET", "/v1/classify", None, 405),
            ("GET", "/v2/models/none", None, 404),
            ("GET", "/../../etc/passwd", None, 404),
            ("GET", "/%zz", None, 400),
            ("POST", "/v2/models/first/infer", b"{", 400),
            ("POST", "/v2/models/first/infer", b'{"inputs": []}', 400),
            ("POST", "/v2/models/first/infer", b'{"inputs": [{"name": "pixels", "datatype": "UINT8", "shape": [1, 9, 9, 3], "data": [1]}]}', 400),
            ("POST", "/v2/models/first/infer", b'{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1], "data": ["a"]}]}', 400),
            ("POST", "/v2/models/first/infer", b"[" * 100000, 400),
        ):
            with self.subTest(method=method, path=path, body=(body or b"")[:60]):
                got, _, content = self.server.ask(method, path, body)
                self.assertEqual(got, status, content)
                self.assertTrue(json.loads(content)["error"])

    def test_tritons_client(self) -> None:
        client = triton.InferenceServerClient(f"127.0.0.1:{self.server.port}")
        with contextlib.closing(client):
            self.assertTrue(client.is_server_live() and client.is_server_ready() and client.is_model_ready("first"))
            self.assertEqual(client.get_server_metadata()["name"], "caft")
            self.assertEqual({m["name"] for m in client.get_model_repository_index()}, {"first", "second", "alone"})
            about = client.get_model_metadata("first", "1")
            self.assertEqual(about["inputs"], [{"name": "image", "datatype": "BYTES", "shape": [-1]}])
            self.assertEqual(about["outputs"][0]["shape"], [-1, 2])

            files = np.array([IMAGE.read_bytes(), IMAGE.read_bytes()], dtype=np.object_)
            encoded = triton.InferInput("image", [2], "BYTES")
            encoded.set_data_from_numpy(files, binary_data=True)
            outputs = [triton.InferRequestedOutput("probabilities", binary_data=True), triton.InferRequestedOutput("class", binary_data=True)]
            binary = client.infer("first", [encoded], outputs=outputs)
            probabilities = binary.as_numpy("probabilities")
            self.assertEqual(probabilities.shape, (2, 2))
            np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
            self.assertEqual(list(binary.as_numpy("class")), [b"noise", b"noise"])

            from PIL import Image

            raw = np.asarray(Image.open(IMAGE).convert("RGB"))[None]
            for as_binary in (True, False):
                pixels = triton.InferInput("pixels", list(raw.shape), "UINT8")
                pixels.set_data_from_numpy(raw, binary_data=as_binary)
                wanted = [triton.InferRequestedOutput("probabilities", binary_data=as_binary)]
                same = client.infer("first", [pixels], outputs=wanted, request_id="7")
                self.assertEqual(same.get_response()["id"], "7")
                np.testing.assert_allclose(same.as_numpy("probabilities")[0], probabilities[0], atol=1e-6)
            ranked = client.infer("first", [encoded], outputs=[triton.InferRequestedOutput("probabilities", class_count=2)])
            first = ranked.as_numpy("probabilities")[0]
            self.assertTrue(first[0].endswith(b":1:noise") and first[1].endswith(b":0:flat"), first)

    def test_base64_in_json(self) -> None:
        image = base64.b64encode(IMAGE.read_bytes()).decode()
        tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [image], "parameters": {"content_type": "base64"}}
        got = self.server.json("POST", "/v2/models/second/infer", json.dumps({"inputs": [tensor]}))
        self.assertEqual(got["outputs"][1]["data"], ["noise"])

    def test_many_clients_at_once_get_their_own_answers(self) -> None:
        files = sorted((WORK / "data").rglob("*.png"))
        expected = {p["path"]: p["top"][0] for p in caft.json("predict", "first", str(WORK / "data"))}

        def one(i: int) -> bool:
            file = files[i % len(files)]
            top = self.server.json("POST", "/v1/classify?model=first", file.read_bytes())["predictions"][0]["top"][0]
            want = expected[str(file)]
            return top["class"] == want["class"] and abs(top["probability"] - want["probability"]) < 1e-4

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertTrue(all(pool.map(one, range(200))))
        metrics = self.server.ask("GET", "/metrics")[2].decode()
        self.assertIn('caft_requests_total{route="classify",code="200"}', metrics)
        self.assertIn("caft_batch_images_bucket", metrics)

    def test_malformed_requests_hurt_nobody(self) -> None:
        random = np.random.default_rng(1)
        good = b"POST /v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
        self.server.raw(b"GET /v2/health/live HTTP/1.0\r\n\r\n")
        before = self.server.memory_kib()
        for i in range(600):
            data = bytearray(good)
            for _ in range(int(random.integers(1, 8))):
                data[int(random.integers(len(data)))] = int(random.integers(256))
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as connection:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(bytes(data))
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
            if i % 100 == 0:
                self.assertEqual(self.server.ask("GET", "/v2/health/live")[0], 200)
        self.assertLess(self.server.memory_kib() - before, 50_000)

    def test_too_much_is_refused(self) -> None:
        self.assertIn(b" 431 ", self.server.raw(b"GET / HTTP/1.1\r\nA: " + b"x" * 40000))
        self.assertIn(b" 413 ", self.server.raw(b"POST /v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n"))
        self.assertIn(b" 400 ", self.server.raw(b"POST /v1/classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"))
        self.assertIn(b" 400 ", self.server.raw(b"nonsense\r\n\r\n"))

    def test_slow_clients_are_dropped_while_others_are_served(self) -> None:
        slow = [socket.create_connection(("127.0.0.1", self.server.port)) for _ in range(20)]
        try:
            end = time.monotonic() + 6
            closed = 0
            for connection in slow:
                connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: a\r\n")
                connection.settimeout(0.05)
            while time.monotonic() < end and closed < len(slow):
                self.assertEqual(self.server.ask("GET", "/v2/health/ready")[0], 200)
                closed = 0
                for connection in slow:
                    try:
                        connection.sendall(b"a")  # a byte now and then must not keep it open
                        closed += connection.recv(4096)[:12] == b"HTTP/1.1 408"
                    except TimeoutError:
                        pass
                    except OSError:
                        closed += 1
                time.sleep(0.2)
            self.assertEqual(closed, len(slow))
        finally:
            for connection in slow:
                connection.close()

    def test_descriptors_do_not_grow(self) -> None:
        for _ in range(50):
            self.server.ask("GET", "/v2/health/live")
        time.sleep(0.3)
        before = self.server.descriptors()
        for _ in range(300):
            self.server.ask("POST", "/v1/classify?model=first", IMAGE.read_bytes())
        time.sleep(0.3)
        self.assertLessEqual(self.server.descriptors(), before + 2)

    def test_access_log_is_json_lines(self) -> None:
        self.server.ask("GET", "/v2/health/live?secret=1")
        # The line follows the answer.
        for _ in range(50):
            entries = [json.loads(line) for line in (WORK / "access.log").read_text().splitlines()]
            last = next((e for e in reversed(entries) if e["path"] == "/v2/health/live"), None)
            if last:
                break
            time.sleep(0.1)
        self.assertEqual((last["status"], last["method"], last["remote"]), (200, "GET", "127.0.0.1"))

    def test_the_page_loads_nothing_from_elsewhere(self) -> None:
        status, headers, page = self.server.ask("GET", "/")
        self.assertEqual(status, 200)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertIn(b"page.js", page)


class Limits(unittest.TestCase):
    def test_a_token_is_asked_for(self) -> None:
        server = Server("first", token="sesame")
        self.assertEqual(server.ask("GET", "/v2/health/ready")[0], 200)
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer sesame1"}):
            status, answer, _ = server.ask("POST", "/v1/classify", IMAGE.read_bytes(), headers)
            self.assertEqual((status, answer["WWW-Authenticate"]), (401, "Bearer"))
        self.assertEqual(server.ask("POST", "/v1/classify", IMAGE.read_bytes(), {"Authorization": "Bearer sesame"})[0], 200)
        server.stop()

    def test_a_full_queue_says_when_to_come_back(self) -> None:
        server = Server("first", "--max-queue", "2", "--batch-delay-ms", "300", "--batch", "64")
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            got = list(pool.map(lambda _: server.ask("POST", "/v1/classify", IMAGE.read_bytes()), range(48)))
        statuses = {status for status, _, _ in got}
        self.assertEqual(statuses, {200, 503})
        self.assertTrue(all(headers["Retry-After"] == "1" for status, headers, _ in got if status == 503))
        server.stop()

    def test_too_many_connections_are_refused(self) -> None:
        server = Server("first", "--max-connections", "3")
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        time.sleep(0.3)
        self.assertIn(b" 503 ", server.raw(b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n"))
        for connection in held:
            connection.close()
        time.sleep(0.3)
        self.assertEqual(server.ask("GET", "/v2/health/live")[0], 200)
        server.stop()

    def test_sigterm_answers_what_came_in(self) -> None:
        server = Server("first", "--batch-delay-ms", "1500", "--batch", "64")
        idle = socket.create_connection(("127.0.0.1", server.port))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(server.ask, "POST", "/v1/classify", IMAGE.read_bytes()) for _ in range(4)]
            time.sleep(0.5)
            started = time.monotonic()
            ending = threading.Thread(target=server.stop)
            ending.start()
            time.sleep(0.3)
            with self.assertRaises(ConnectionError):
                socket.create_connection(("127.0.0.1", server.port), timeout=5)
            self.assertEqual([one.result()[0] for one in asked], [200] * 4)
            ending.join()
        self.assertLess(time.monotonic() - started, 15)
        self.assertIsNotNone(server.process.returncode)
        idle.close()


if __name__ == "__main__":
    caft.make_models()
    caft.json("export", "first", "--out", "first.onnx")
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
