"""What a call costs the caller: our client beside the official one, against the same server, in turns.

Called by `cargo xtask python --overhead` with the official client's Python, the folder of models and that of
PostgreSQL. A measurement, not a test: nothing fails when a figure is bad.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from harness.home import Assets, Home
from harness.server import serving

CALLS = 1000
ROUNDS = 3
IMPORTS = 7
FACTS = 200

IMPORT = """
import json, resource, time
begin = time.perf_counter(), time.process_time()
from hindsight_client import Hindsight
wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
print(json.dumps({"import_ms": wall * 1e3, "import_cpu_ms": cpu * 1e3,
    "import_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""

RECALL = """
import asyncio, json, resource, sys, time
from hindsight_client import Hindsight

url, calls, facts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
queries = [f"Which colour has room {number % facts}?" for number in range(calls)]

def measured(name, work):
    begin = time.perf_counter(), time.process_time()
    found = work()
    wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
    assert found >= calls, found
    return {f"{name}_ms": wall * 1e3 / calls, f"{name}_cpu_ms": cpu * 1e3 / calls}

def one_by_one(client):
    return sum(len(client.recall(bank_id="overhead", query=query)) > 0 for query in queries)

async def many():
    client = Hindsight(base_url=url)
    found = 0
    for first in range(0, calls, 20):
        answers = await asyncio.gather(
            *(client.arecall(bank_id="overhead", query=query) for query in queries[first : first + 20]))
        found += sum(len(answer) > 0 for answer in answers)
    await client.aclose()
    return found

with Hindsight(base_url=url) as client:
    client.recall(bank_id="overhead", query="Is anybody there?")
    figures = measured("recall", lambda: one_by_one(client))
figures |= measured("arecall", lambda: asyncio.run(many()))
figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(figures))
"""

ROWS = [
    ("import", "import_ms", "ms"),
    ("import, processor", "import_cpu_ms", "ms"),
    ("memory after import", "import_mb", "MB"),
    ("recall", "recall_ms", "ms a call"),
    ("recall, processor of the caller", "recall_cpu_ms", "ms a call"),
    ("arecall, 20 at a time", "arecall_ms", "ms a call"),
    ("arecall, processor of the caller", "arecall_cpu_ms", "ms a call"),
    ("peak memory", "peak_mb", "MB"),
]


def main(official, models, postgres):
    pythons = {"ours": sys.executable, "official": official}
    home = Home(Assets(Path(models), Path(postgres)))
    try:
        with serving(home) as url:
            fill(home, url)
            figures = {name: measure(home, python, url) for name, python in pythons.items()}
            for _ in range(ROUNDS - 1):
                for name, python in pythons.items():
                    figures[name] += measure(home, python, url)
    finally:
        home.close()
    print(f"\n{CALLS} calls, {ROUNDS} rounds in turns, {FACTS} facts in the bank; medians\n")
    print(f"{'':34} {'ours':>10} {'official':>10} {'ratio':>7}")
    for name, key, unit in ROWS:
        ours, theirs = (statistics.median(row[key] for row in figures[who] if key in row) for who in pythons)
        print(f"{name:34} {ours:>10.3f} {theirs:>10.3f} {theirs / ours:>6.1f}x  {unit}")


def fill(home, url):
    home.python(f"""
from hindsight_client import Hindsight
items = [{{"content": f"Room {{number}} is painted in colour {{number + 700}}"}} for number in range({FACTS})]
with Hindsight(base_url={url!r}) as client:
    client.retain_batch(bank_id="overhead", items=items)
""")


def measure(home, python, url):
    """Figures of one round: fresh processes that import, and one that asks."""
    rounds = [child(home, python, IMPORT) for _ in range(IMPORTS)]
    return [*rounds, child(home, python, RECALL, url, CALLS, FACTS)]


def child(home, python, text, *arguments):
    command = [str(word) for word in (python, "-c", text, *arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=home.path)
    if ended.returncode:
        sys.exit(f"{python} has failed:\n{ended.stderr}")
    return json.loads(ended.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
