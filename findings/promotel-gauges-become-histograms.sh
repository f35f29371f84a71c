#!/usr/bin/env bash
# promotel decides by a metric's name. A gauge whose name ends in _count arrives as a histogram of the name without it, and without buckets;
# one in _sum likewise. Lines with NaN, +Inf or -Inf, and those with a closing brace in a label, are left out without an error.
#
# Versions: @platformatic/promotel 0.2.2 (npm)
# Seen:
#   # TYPE batch_count gauge, batch_count 12: histogram batch, count 12
#   ratio of four tenants (NaN, +Inf, 1 with a brace in the label, 0.5): one value, 0.5
# For whom: sites that send counts of batches or users, and ratios that may be without a bound, to a collector by it.
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
  '# TYPE batch_count gauge', 'batch_count 12',
  '# TYPE ratio gauge', 'ratio{tenant="a"} NaN', 'ratio{tenant="b"} +Inf', 'ratio{tenant="{c}"} 1', 'ratio{tenant="d"} 0.5', '',
].join('\n')
const metrics = convert(parse(text)).resource_metrics[0].scope_metrics[0].metrics
const seen = metrics.map(({ name, gauge, histogram }) =>
  histogram ? ['histogram', name, histogram.data_points[0].count] : ['gauge', name, ...gauge.data_points.map(point => point.as_double)])
for (const metric of seen) console.log(metric.join(' '))
assert.deepEqual(seen, [['histogram', 'batch', 12], ['gauge', 'ratio', 0.5]], 'the behaviour has changed')
NODE
node convert.mjs
