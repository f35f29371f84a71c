// Asking for a report: which batches, which rows, in which parts; and waiting for its file.

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

/** What is asked for, as the API takes it. */
function wish(deliver, offered) {
  const batch = value("report-batch");
  const ofCourse = byId("report-whole-course").checked && offered.get(batch)?.course_id;
  return {
    ...(ofCourse ? { course_id: ofCourse } : { batch_id: batch }),
    format: value("report-format"),
    deliver,
    split_by: value("report-split") || undefined,
    filter: filter(),
  };
}

function say(words, isWrong = false) {
  const status = byId("report-status");
  status.textContent = words;
  status.classList.toggle("wrong", isWrong);
}

/** The form, for whom it is shown. */
export class Reports {
  #offered = new Map();
  #waiting;
  /** What to do when the login is not valid any more. */
  #onLoginEnded;

  constructor(onLoginEnded) {
    this.#onLoginEnded = onLoginEnded;
    byId("report-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask(event.submitter?.value === "email" ? "email" : "download");
    });
    byId("report-batch").addEventListener("input", () => this.#nameBatch());
  }

  /** Shows the form with the batches that the caller may have, and hides it where there are none. */
  async show() {
    const page = await batchesOfMine(OFFERED);
    this.#offered = new Map(page.items.map((batch) => [batch.batch_id, batch]));
    const options = page.items.map((batch) => make("option", { value: batch.batch_id }, batch.batch_name ?? ""));
    byId("report-batches").replaceChildren(...options);
    byId("report").hidden = page.total === 0;
    this.#nameBatch();
  }

  hide() {
    clearTimeout(this.#waiting);
    byId("report").hidden = true;
    say("");
  }

  #nameBatch() {
    const batch = this.#offered.get(value("report-batch"));
    byId("report-batch-name").textContent = batch?.batch_name ?? "";
    byId("report-whole-course").disabled = !batch?.course_id;
  }

  async #ask(deliver) {
    clearTimeout(this.#waiting);
    say(t("Asking for the report …"));
    try {
      const request = await ask(wish(deliver, this.#offered));
      await this.#follow(request, FIRST_LOOK);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) {
      this.#onLoginEnded();
      return;
    }
    say(error.message, true);
  }

  /** Looks at the request until it has ended; what was asked for as a download is saved then. */
  async #follow(request, wait) {
    if (request.status === "failed" || request.status === "bounced") {
      say(request.failure?.reason ?? t("The report could not be delivered."), true);
    } else if (request.status === "sent") {
      say(t("The report was mailed to you."));
    } else if (request.status === "ready") {
      const rows = request.file?.rows ?? 0;
      say(rows === 0 && request.filter ? t("No row passes the filter; the file has the header alone.") : t("The report is ready: {name}", { name: request.file?.name }));
      await saveFile(request.id, request.file?.name ?? "report");
    } else {
      say(request.deliver === "email" ? t("The report will be mailed to you.") : t("The report is being made …"));
      this.#waiting = setTimeout(() => {
        requestOf(request.id)
          .then((found) => this.#follow(found, Math.min(wait * 2, LATER_LOOK)))
          .catch((error) => this.#fail(error));
      }, wait);
    }
  }
}
