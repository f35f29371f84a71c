#!/usr/bin/env bash
# A histogram with labels is several histograms in Prometheus' text format, one for each set of labels. parse-prometheus-text-format makes
# one of them: the last set's buckets stand over those before, the labels are gone, and so are the sum and the count, which it has for a
# histogram without labels. It does the same with summaries. Counters and gauges keep their labels. Nothing says that series are missing.
#
# Versions: parse-prometheus-text-format 1.1.1 (npm), prometheus-client 0.26.0 (PyPI)
# Seen:
#   prometheus-client: csv 4 within 60 s, count 4, sum 9.5; xlsx 1 within 60 s, count 9, sum 990
#   parse-prometheus-text-format: [{"buckets":{"60.0":"1.0","+Inf":"9.0"}}]
# For whom: status pages and tests in Node.js that read /metrics of a service whose times are counted by format, outcome or tenant.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet prometheus-client==0.26.0
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund parse-prometheus-text-format@1.1.1
venv/bin/python - <<'PYTHON'
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

registry = CollectorRegistry()
seconds = Histogram("delivery_seconds", "From click to mail", ["format"], registry=registry, buckets=[60])
for kind, times in (("csv", (2, 2, 2, 3.5)), ("xlsx", (30, *[120] * 8))):
    for time in times:
        seconds.labels(kind).observe(time)
text = generate_latest(registry).decode()
open("metrics.txt", "w").write(text)
family = next(family for family in text_string_to_metric_families(text) if family.name == "delivery_seconds")
value = {(sample.name, *sample.labels.values()): f"{sample.value:g}" for sample in family.samples}
parts = []
for kind in ("csv", "xlsx"):
    within = next(number for name, number in value.items() if name[0].endswith("_bucket") and kind in name and "60.0" in name)
    parts.append(f"{kind} {within} within 60 s, count {value['delivery_seconds_count', kind]}, sum {value['delivery_seconds_sum', kind]}")
print("prometheus-client:", "; ".join(parts))
assert parts == ["csv 4 within 60 s, count 4, sum 9.5", "xlsx 1 within 60 s, count 9, sum 990"]
PYTHON
cat >read.mjs <<'NODE'
import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import parse from 'parse-prometheus-text-format'

const family = parse(readFileSync('metrics.txt', 'utf8')).find(family => family.name === 'delivery_seconds')
console.log(`parse-prometheus-text-format: ${JSON.stringify(family.metrics)}`)
assert.deepEqual(family.metrics, [{ buckets: { '60.0': '1.0', '+Inf': '9.0' } }], 'the behaviour has changed')
NODE
node read.mjs
