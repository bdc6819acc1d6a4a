"""A language model that follows a script: OpenAI's chat completions over HTTP, the same answer to the same question.

Facts are the sentences of the text; an answer to a question quotes the facts that came with it. Nothing is ever
observed. What is asked is kept, and an answer can be held back to look at what happens meanwhile.
"""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = re.compile(r"<text>\n(.*)\n</text>", re.S)
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")
NAME = re.compile(r"\b[A-Z][a-z]+\b")
# Ids of facts and their words in what a search has found.
FOUND = re.compile(r'"id":"(f\d+)".*?"text":"((?:[^"\\]|\\.)*)"')
DIMENSIONS = ("when", "where", "who", "why")


class ScriptedLlm:
    """Serves on 127.0.0.1 until it is closed."""

    def __init__(self):
        self.requests = []
        self._changed = threading.Condition()
        self._held = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self):
        self.release()
        self._server.shutdown()
        self._server.server_close()

    def clear(self):
        """Forgets what was asked."""
        with self._changed:
            self.requests.clear()

    @contextmanager
    def holding(self):
        """Nothing is answered in here."""
        with self._changed:
            self._held = True
        try:
            yield
        finally:
            self.release()

    def release(self):
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def wait_until_asked(self, times=1, seconds=180):
        """Waits until it was asked so often; an error if it is not within the time."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= times, seconds):
                raise TimeoutError(f"the model was asked {len(self.requests)} times, not {times}")

    def _note(self, request, key):
        with self._changed:
            self.requests.append({"key": key, **request})
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._held)

    def _handler(llm):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = json.loads(body)
                llm._note(request, self.headers.get("Authorization", "").removeprefix("Bearer "))
                answer = json.dumps(completion(request)).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    # Whoever asked has gone.
                    self.close_connection = True

            def log_message(self, *_):
                pass

        return Handler


def completion(request):
    message = answer(request)
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1700000000,
        "model": request.get("model", "scripted"),
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def answer(request):
    if request.get("tools"):
        arguments = json.dumps(quote(said(request)))
        call = {"id": "call_0", "type": "function", "function": {"name": "done", "arguments": arguments}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    schema = request.get("response_format", {}).get("json_schema", {}).get("schema", {})
    properties = schema.get("properties", {})
    if "facts" in properties:
        content = {"facts": facts(said(request), properties["facts"]["items"]["properties"])}
    elif "answer" in properties:
        content = quote(said(request))
    else:
        content = {name: [] for name in properties}
    return {"role": "assistant", "content": json.dumps(content)}


def said(request):
    """What the user says."""
    texts = [message["content"] for message in request["messages"] if message["role"] == "user"]
    parts = [text if isinstance(text, str) else "\n".join(part.get("text", "") for part in text) for text in texts]
    return "\n".join(parts)


def facts(message, properties):
    found = TEXT.search(message)
    sentences = SENTENCE.split(found[1].strip()) if found else []
    return [fact(sentence, properties) for sentence in sentences if sentence]


def fact(sentence, properties):
    known = {
        "what": sentence,
        **{dimension: "N/A" for dimension in DIMENSIONS},
        "fact_kind": "conversation",
        "fact_type": "world",
        "entities": list(dict.fromkeys(NAME.findall(sentence))),
    }
    return {name: known.get(name) for name in properties}


def quote(message):
    found = dict(FOUND.findall(message))
    words = " ".join(json.loads(f'"{text}"') for text in found.values())
    text = f"From memory: {words}" if found else "Nothing is known of that."
    return {"answer": text, "answer_found": bool(found), "memory_ids": list(found)}
