#!/usr/bin/env bash
# promotel makes metrics of OpenTelemetry from the text of Prometheus. Each bucket of a histogram takes the place of the one before, so that
# the last alone is left, without a bound: count and sum are right, and every quantile is gone.
#
# Versions: @platformatic/promotel 0.2.2 (npm)
# Seen, of the buckets 0.1: 5, 1: 8, +Inf: 9:
#   count 9, sum 4.5, buckets [9], bounds []
# For whom: sites that send the metrics of services such as Pragati's /metrics to a collector by it: charts of latency have one value.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @platformatic/promotel@0.2.2
cat >convert.mjs <<'NODE'
import assert from 'node:assert'
import { convert, parse } from '@platformatic/promotel'

const text = [
  '# TYPE latency_seconds histogram',
  'latency_seconds_bucket{le="0.1"} 5',
  'latency_seconds_bucket{le="1"} 8',
  'latency_seconds_bucket{le="+Inf"} 9',
  'latency_seconds_sum 4.5',
  'latency_seconds_count 9',
  '',
].join('\n')
const [metric] = convert(parse(text)).resource_metrics[0].scope_metrics[0].metrics
const [{ count, sum, bucket_counts: buckets, explicit_bounds: bounds }] = metric.histogram.data_points
console.log(`count ${count}, sum ${sum}, buckets ${JSON.stringify(buckets)}, bounds ${JSON.stringify(bounds)}`)
assert.deepEqual([count, sum, buckets, bounds], [9, 4.5, [9], []], 'the behaviour has changed')
NODE
node convert.mjs
