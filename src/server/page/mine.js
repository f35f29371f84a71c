// My batches: the list of those whose reports the caller may have, how far their learners are, and the way to their reports.

import { batchesOfMine } from "./api.js";
import { byId, make } from "./dom.js";
import { formatLongDay, formatNumber, formatShare, nameOf } from "./format.js";
import { t } from "./language.js";
import { DataTable } from "./table.js";

/** Time after which a list whose learners were not counted yet is asked for again. */
const COUNTED_SOON = 5_000;

/** What a batch is called, with its id where that is something else. */
function called(name, id, unknown) {
  if (id === null) return unknown;
  if (!name) return id;
  return make("span", {}, name, " ", make("span", { class: "muted id" }, id));
}

/** Words for what changed in a batch's report. */
function changeOf(batch, isKnown) {
  if (!isKnown) return "–";
  if (!batch.change) return t("No");
  const { added, removed, completed } = batch.change;
  const parts = [
    added > 0 && t("{count} new", { count: formatNumber(added) }),
    removed > 0 && t("{count} left", { count: formatNumber(removed) }),
    completed > 0 && t("{count} completed", { count: formatNumber(completed) }),
  ].filter(Boolean);
  return parts.join(", ") || t("Yes");
}

/** The list, for whom there is one. */
export class MyBatches {
  #table;
  #seesUse;
  #waiting;
  #page;
  #onReport;
  #onError;

  /** `onReport(batch)` is called where the report of one is wanted, `onError(error)` where the service refuses. */
  constructor({ onReport, onError }) {
    this.#onReport = onReport;
    this.#onError = onError;
  }

  /** Shows the list; figures of use are for those who may see them. */
  async show(seesUse) {
    if (this.#table === undefined || this.#seesUse !== seesUse) {
      this.#table?.remove();
      this.#seesUse = seesUse;
      this.#table = this.#make();
    }
    byId("my-batches").hidden = false;
    await this.#table.restart();
  }

  /** Asks again for what is shown, without a move. */
  refresh() {
    this.#table?.show();
  }

  hide() {
    clearTimeout(this.#waiting);
    byId("my-batches").hidden = true;
    // Another person who signs in here does not see them for a moment.
    this.#table?.remove();
    this.#table = undefined;
  }

  /** Puts the focus on the button of a batch, or where it is not shown any more, on the search. */
  focus(batchId) {
    const buttons = [...byId("my-batches").querySelectorAll("button[data-batch]")];
    const target = buttons.find((button) => button.dataset.batch === batchId) ?? byId("my-batches-search");
    target.focus();
  }

  #make() {
    const number = (name, title, show) => ({ name, title, kind: "number", show: (batch) => show(batch[name]) });
    return new DataTable({
      section: byId("my-batches"),
      columns: [
        { name: "batch_name", title: t("Batch"), kind: "text", show: (batch) => called(batch.batch_name, batch.batch_id) },
        { name: "course_name", title: t("Course"), kind: "text", show: (batch) => called(batch.course_name, batch.course_id, t("Unknown course")) },
        ...(this.#seesUse ? [{ name: "tenant_id", title: t("Tenant"), kind: "text", show: (batch) => nameOf(batch.tenant_id, "tenant") }] : []),
        number("learners", t("Learners"), formatNumber),
        number("completed", t("Completed"), formatNumber),
        number("average_progress", t("Average progress"), (percent) => formatShare(percent === null ? null : percent / 100)),
        { name: "change", title: t("Changed"), kind: "text", largestFirst: true, show: (batch) => changeOf(batch, this.#page.changes_since !== null) },
        ...(this.#seesUse ? [number("downloads", t("Downloads"), formatNumber)] : []),
        { name: "report", title: t("Report"), kind: "text action", sort: false, show: (batch) => this.#button(batch) },
      ],
      order: "batch_name",
      load: (query, signal) => this.#load(query, signal),
      what: [t("batch"), t("batches")],
      name: t("my batches"),
      whenEmpty: (search) => (search ? t("Nothing is like “{search}”.", { search }) : t("You have no batches yet.")),
      onError: this.#onError,
    });
  }

  async #load(query, signal) {
    clearTimeout(this.#waiting);
    const page = await batchesOfMine(query, signal);
    this.#page = page;
    byId("my-batches-as-of").textContent = formatLongDay(page.snapshot_date);
    byId("my-batches-since").textContent = page.changes_since === null ? "" : t(", compared with {day}", { day: formatLongDay(page.changes_since) });
    byId("my-batches-counting").textContent = page.counted ? "" : t("Learners are being counted …");
    if (!page.counted) this.#waiting = setTimeout(() => this.#table?.show(), COUNTED_SOON);
    return { rows: page.items, total: page.total };
  }

  #button(batch) {
    const name = batch.batch_name ?? batch.batch_id;
    const properties = { type: "button", class: "quiet", "aria-label": t("Download the report of {name}", { name }), "data-batch": batch.batch_id };
    const button = make("button", properties, t("Download"));
    button.addEventListener("click", () => this.#onReport(batch));
    return button;
  }
}
