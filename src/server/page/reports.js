// The form of a report: which batches, which rows, in which parts; and waiting for its file, or subscribing to it.

import { Refused, ask, batchesOfMine, requestOf, saveFile } from "./api.js";
import { byId, make } from "./dom.js";
import { t } from "./language.js";

/** Time between looks at a request, at first and at most. */
const FIRST_LOOK = 500;
const LATER_LOOK = 5_000;
/** Batches that are offered by name; any other can be named by its id. */
const OFFERED = 1_000;

const value = (id) => byId(id).value.trim();

/** The lines of a text, each a value; a line of "(blank)", in either language, stands for rows without one. */
function values(id) {
  const lines = byId(id).value.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => (["(blank)", t("(blank)")].includes(line.trim()) ? "" : line));
}

/** The filter that the form describes, without what was left empty. */
function filter() {
  const from = value("report-progress-from");
  const to = value("report-progress-to");
  const all = {
    block: values("report-block"),
    district: values("report-district"),
    school: values("report-school"),
    organisation: values("report-organisation"),
    completed: value("report-completed"),
    progress: from || to ? `${from || 0}..${to || 100}` : "",
    enrolled_since: value("report-enrolled-since"),
    enrolled_until: value("report-enrolled-until"),
    completed_since: value("report-completed-since"),
    completed_until: value("report-completed-until"),
  };
  const given = Object.entries(all).filter(([, wanted]) => wanted.length > 0);
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}

/** What is asked for, as the API takes it, whichever way it comes. */
function wish(offered) {
  const batch = value("report-batch");
  const ofCourse = byId("report-whole-course").checked && offered.get(batch)?.course_id;
  return {
    ...(ofCourse ? { course_id: ofCourse } : { batch_id: batch }),
    format: value("report-format"),
    split_by: value("report-split") || undefined,
    filter: filter(),
  };
}

function say(words, isWrong = false, isUnderWay = false) {
  byId("report-progress").hidden = !isUnderWay;
  const status = byId("report-status");
  status.textContent = words;
  status.classList.toggle("wrong", isWrong);
}

/** The form, for whom it is shown. */
export class Reports {
  #offered = new Map();
  #waiting;
  /** The batch whose button led here. */
  #from;
  #on;

  /**
   * `onLoginEnded()`: the login is not valid any more; `onRequest()`: a request began or ended; `onSubscribe(wish)` subscribes;
   * `onBack(batchId)`: back to the list.
   */
  constructor(on) {
    this.#on = on;
    byId("report-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const way = event.submitter?.value;
      if (way === "subscribe") this.#subscribe();
      else this.#ask(way === "email" ? "email" : "download");
    });
    byId("report-back").addEventListener("click", () => this.#on.onBack(this.#from));
    byId("report-batch").addEventListener("input", () => this.#nameBatch());
  }

  /** What people call a batch. */
  nameOf(batchId) {
    return this.#offered.get(batchId)?.batch_name ?? batchId;
  }

  /** Begins with a batch of the list, and puts the focus on the first choice. */
  begin(batch) {
    this.#from = batch.batch_id;
    this.#offered.set(batch.batch_id, batch);
    byId("report-batch").value = batch.batch_id;
    byId("report-whole-course").checked = false;
    byId("report-back").hidden = false;
    this.#nameBatch();
    say("");
    byId("report").scrollIntoView({ block: "start" });
    byId("report-format").focus({ preventScroll: true });
  }

  /** Shows the form with the batches that the caller may have, and hides it where there are none; how many there are. */
  async show() {
    const page = await batchesOfMine({ limit: OFFERED });
    this.#offered = new Map(page.items.map((batch) => [batch.batch_id, batch]));
    const options = page.items.map((batch) => make("option", { value: batch.batch_id }, batch.batch_name ?? ""));
    byId("report-batches").replaceChildren(...options);
    byId("report").hidden = page.total === 0;
    this.#nameBatch();
    return page.total;
  }

  hide() {
    clearTimeout(this.#waiting);
    byId("report").hidden = true;
    byId("report-back").hidden = true;
    say("");
  }

  #nameBatch() {
    const batch = this.#offered.get(value("report-batch"));
    byId("report-batch-name").textContent = batch?.batch_name ?? "";
    byId("report-whole-course").disabled = !batch?.course_id;
  }

  async #ask(deliver) {
    clearTimeout(this.#waiting);
    say(t("Asking for the report …"), false, true);
    try {
      const request = await ask({ ...wish(this.#offered), deliver });
      this.#on.onRequest();
      await this.#follow(request, FIRST_LOOK);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #subscribe() {
    clearTimeout(this.#waiting);
    say(t("Subscribing …"), false, true);
    try {
      await this.#on.onSubscribe(wish(this.#offered));
      say(t("You are subscribed. The report will be mailed to you."));
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) {
      this.#on.onLoginEnded();
      return;
    }
    say(error.message, true);
  }

  /** Looks at the request until it has ended; what was asked for as a download is saved then. */
  async #follow(request, wait) {
    const isUnderWay = request.status === "queued" || request.status === "running";
    if (!isUnderWay) this.#on.onRequest();
    if (request.status === "failed" || request.status === "bounced") {
      say(request.failure?.reason ?? t("The report could not be delivered."), true);
    } else if (request.status === "sent") {
      say(t("The report was mailed to you."));
    } else if (request.status === "ready") {
      const rows = request.file?.rows ?? 0;
      say(rows === 0 && request.filter ? t("No row passes the filter; the file has the header alone.") : t("The report is ready: {name}", { name: request.file?.name }));
      await saveFile(request.id, request.file?.name ?? "report");
    } else {
      say(request.deliver === "email" ? t("The report will be mailed to you.") : t("The report is being made …"), false, true);
      this.#waiting = setTimeout(() => {
        requestOf(request.id)
          .then((found) => this.#follow(found, Math.min(wait * 2, LATER_LOOK)))
          .catch((error) => this.#fail(error));
      }, wait);
    }
  }
}
