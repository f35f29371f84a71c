// The ratio over time: a chart, and the same figures as a table.

import { byId, make } from "./dom.js";
import { formatDay, formatNumber, formatPeriod, formatRatio } from "./format.js";
import { t } from "./language.js";

const DAY = 24 * 60 * 60 * 1000;
/** Days that are shown, by period. */
const SHOWN = { day: 60, week: 26 * 7, month: 730 };

const PERIODS = { day: t("day"), week: t("week"), month: t("month") };

const text = (time) => new Date(time).toISOString().slice(0, 10);

/** The first day of the rows to ask for: that of a whole period. */
export function firstDay(by, asOf) {
  const first = new Date(Date.parse(asOf) - (SHOWN[by] - 1) * DAY);
  return text(startOf(by, first));
}

function startOf(by, day) {
  if (by === "month") return Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1);
  // Weeks begin on Monday.
  const back = by === "week" ? (day.getUTCDay() + 6) % 7 : 0;
  return day.getTime() - back * DAY;
}

function after(by, time) {
  const day = new Date(time);
  if (by === "month") return Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 1);
  return time + (by === "week" ? 7 : 1) * DAY;
}

/** One entry a period from the first row to `asOf`, also where there are no rows; `batches` are those of now. */
export function filled(by, rows, asOf, batches) {
  const found = new Map(rows.map((row) => [startOf(by, new Date(row.window_start)), row]));
  const periods = [];
  if (found.size === 0) return periods;
  for (let time = Math.min(...found.keys()); time <= Date.parse(asOf); time = after(by, time)) {
    const row = found.get(time);
    periods.push({
      start: text(time),
      downloads: row?.downloads ?? 0,
      batches: row?.batches ?? batches,
      ratio: row ? row.download_ratio : batches > 0 ? 0 : null,
    });
  }
  return periods;
}

export class Trend {
  constructor() {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.draw());
    byId("trend-toggle").addEventListener("click", () => this.toggle());
  }

  /** Shows the periods; `subject` says whose they are. */
  show(by, periods, subject) {
    Object.assign(this, { by, periods, subject });
    byId("trend-subject").textContent = subject;
    const isEmpty = periods.every((period) => period.ratio === null) || periods.length === 0;
    byId("chart-box").hidden = isEmpty;
    byId("trend-empty").hidden = !isEmpty;
    byId("trend-empty").textContent = isEmpty ? t("No downloads in this time.") : "";
    this.drawTable();
    if (!isEmpty) this.draw();
  }

  /** Says why there is nothing to show. */
  fail(words) {
    this.periods = [];
    byId("chart-box").hidden = true;
    byId("trend-empty").hidden = false;
    byId("trend-empty").textContent = words;
    this.drawTable();
  }

  toggle() {
    const table = byId("trend-table");
    table.hidden = !table.hidden;
    byId("trend-toggle").setAttribute("aria-expanded", String(!table.hidden));
    byId("trend-toggle").textContent = table.hidden ? t("Show as a table") : t("Hide the table");
  }

  drawTable() {
    const heads = [t("Period from"), t("Download ratio"), t("Downloads"), t("Batches")];
    const head = make("tr", {}, ...heads.map((title, index) => make("th", { scope: "col", class: index ? "number" : "text" }, title)));
    const lines = this.periods.map(({ start, ratio, downloads, batches }) =>
      make(
        "tr",
        {},
        make("th", { scope: "row", class: "text" }, formatDay(start)),
        make("td", { class: "number" }, formatRatio(ratio)),
        make("td", { class: "number" }, formatNumber(downloads)),
        make("td", { class: "number" }, formatNumber(batches)),
      ),
    );
    const table = make("table", { class: "plain" }, make("caption", { class: "sr-only" }, t("Download ratio over time")), make("thead", {}, head), make("tbody", {}, ...lines.reverse()));
    byId("trend-table").replaceChildren(table);
  }

  draw() {
    if (!this.periods?.length) return;
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const canvas = byId("chart");
    const { by, periods } = this;
    const last = periods.at(-1);
    canvas.setAttribute(
      "aria-label",
      t("Download ratio by {by}, {subject}: {count} periods, the last one {ratio} ({part} downloads ÷ {whole} batches). The table below has them all.", {
        by: PERIODS[by],
        subject: this.subject,
        count: formatNumber(periods.length),
        ratio: formatRatio(last.ratio),
        part: formatNumber(last.downloads),
        whole: formatNumber(last.batches),
      }),
    );
    this.chart?.destroy();
    this.chart = new window.Chart(canvas, {
      type: "bar",
      data: {
        labels: periods.map((period) => formatPeriod(by, period.start)),
        datasets: [
          {
            label: t("Download ratio"),
            data: periods.map((period) => period.ratio),
            backgroundColor: color("--bar"),
            hoverBackgroundColor: color("--accent"),
            borderRadius: 3,
            maxBarThickness: 36,
            categoryPercentage: 0.86,
          },
        ],
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        interaction: { mode: "index", intersect: false },
        scales: {
          x: { grid: { display: false }, border: { color: color("--line") }, ticks: { color: color("--muted"), maxRotation: 0, autoSkipPadding: 18 } },
          y: {
            beginAtZero: true,
            grid: { color: color("--line") },
            border: { display: false },
            ticks: { color: color("--muted"), maxTicksLimit: 5, callback: (value) => formatRatio(value) },
          },
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            displayColors: false,
            callbacks: {
              title: ([item]) => {
                const day = formatDay(periods[item.dataIndex].start);
                return by === "day" ? day : t("From {day}", { day });
              },
              label: ({ dataIndex }) => {
                const { ratio, downloads, batches } = periods[dataIndex];
                const parts = t("{part} downloads ÷ {whole} batches", { part: formatNumber(downloads), whole: formatNumber(batches) });
                return `${formatRatio(ratio)} = ${parts}`;
              },
            },
          },
        },
      },
    });
  }
}
