// My requests: the reports that were asked for, how far they are, and their files.

import { requestsOfMine, saveFile } from "./api.js";
import { byId, make } from "./dom.js";
import { formatDay, formatMoment, formatNumber } from "./format.js";
import { t } from "./language.js";

const SHOWN = 10;
/** Time between looks while a request is under way. */
const LOOK = 5_000;

const STATES = {
  queued: t("Waiting"),
  running: t("Being made"),
  sent: t("Mailed to you"),
  ready: t("Ready"),
  failed: t("Failed"),
  bounced: t("The mail came back"),
};
const FORMATS = { csv: "CSV", xlsx: "Excel" };
/** What reports are divided by, in words. */
export const SPLITS = { block: t("by block"), district: t("by district"), school: t("by school"), organisation: t("by organisation") };
const isUnderWay = ({ status }) => status === "queued" || status === "running";

/** How far it is, in words; of a subscription, who got the mail. */
function stateInWords({ status, to_officer: toOfficer }) {
  if (status === "sent" && toOfficer) return t("Mailed to an officer");
  return STATES[status] ?? status;
}

/** What was asked for, in words: the format, the parts, whether rows were chosen. */
export function wishInWords({ format, split_by: split, filter }) {
  return [FORMATS[format] ?? format, ...(split ? [SPLITS[split] ?? split] : []), ...(filter ? [t("some learners")] : [])].join(", ");
}

/** The list, newest first. */
export class Requests {
  #shown = SHOWN;
  #waiting;
  /** Counts what is shown and hidden, so that an answer that comes too late is passed over. */
  #turn = 0;
  #nameOf;
  #onError;

  /** `nameOf(batchId)` → what people call the batch; `onError(error)` takes errors. */
  constructor({ nameOf, onError }) {
    this.#nameOf = nameOf;
    this.#onError = onError;
    byId("my-requests-older").addEventListener("click", () => {
      this.#shown = Math.min(this.#shown + SHOWN, 100);
      this.show();
    });
  }

  async show() {
    clearTimeout(this.#waiting);
    this.#turn += 1;
    const turn = this.#turn;
    try {
      const { items, next } = await requestsOfMine({ limit: this.#shown });
      if (turn !== this.#turn) return;
      byId("my-requests").hidden = false;
      byId("my-requests-empty").hidden = items.length > 0;
      byId("my-requests-empty").textContent = t("You have not asked for a report yet.");
      byId("my-requests-older").hidden = next === null || this.#shown >= 100;
      this.#draw(items);
      if (items.some(isUnderWay)) this.#waiting = setTimeout(() => this.show(), LOOK);
    } catch (error) {
      this.#onError(error);
    }
  }

  hide() {
    clearTimeout(this.#waiting);
    this.#turn += 1;
    byId("my-requests").hidden = true;
    byId("my-requests-list").replaceChildren();
    this.#shown = SHOWN;
  }

  /** Draws the list anew, and leaves the focus on the button that had it. */
  #draw(items) {
    const focused = document.activeElement?.dataset?.request;
    byId("my-requests-list").replaceChildren(...items.map((request) => this.#entry(request)));
    if (focused) byId("my-requests-list").querySelector(`button[data-request="${CSS.escape(focused)}"]`)?.focus();
  }

  #entry(request) {
    const name = this.#nameOf(request.batch_id);
    const more = (request.batch_ids?.length ?? 0) - 1;
    const title = more > 0 ? t("{name} and {count} more", { name, count: formatNumber(more) }) : name;
    const reason = request.failure ? `: ${request.failure.reason}` : "";
    const details = [
      wishInWords(request),
      t("asked {moment}", { moment: formatMoment(request.requested_at) }),
      t("data of {day}", { day: formatDay(request.snapshot_date) }),
    ];
    const entry = make(
      "li",
      {},
      make("div", {}, make("strong", {}, title), make("p", { class: "muted" }, details.join(" · "))),
      make("p", { class: `state ${request.status}` }, `${stateInWords(request)}${reason}`),
    );
    if (request.file) {
      const { name: file } = request.file;
      const properties = { type: "button", class: "quiet", "aria-label": t("Save the file {file}", { file }), "data-request": request.id };
      const button = make("button", properties, t("Save the file"));
      button.addEventListener("click", () => saveFile(request.id, file).catch(this.#onError));
      entry.append(button);
    }
    return entry;
  }
}
