"""A server that gives one answer to everything, also a bad one, and keeps what it was sent."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answers:
    """Answers on 127.0.0.1 with `status`, `body` and `headers`, which may be changed at any time.

    Cut off, the answer ends before its length; silent, it does not come until `release` is called.
    """

    def __init__(self):
        self.status, self.body, self.headers = 200, {}, {}
        self.is_cut = self.is_silent = False
        self.requests = []
        self.asked = threading.Event()
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def release(self):
        self._released.set()

    def close(self):
        self.release()
        self._server.shutdown()
        self._server.server_close()

    def _handler(answers):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answers.requests.append((self.command, self.path, dict(self.headers), body))
                answers.asked.set()
                if answers.is_silent:
                    answers._released.wait()
                text = answers.body if isinstance(answers.body, bytes) else json.dumps(answers.body).encode()
                self.send_response(answers.status)
                for name, value in {"Content-Type": "application/json", **answers.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text[: len(text) // 2] if answers.is_cut else text)
                if answers.is_cut:
                    self.close_connection = True

            def handle(self):
                try:
                    super().handle()
                except OSError:
                    # Whoever asked has gone.
                    pass

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        return Handler
