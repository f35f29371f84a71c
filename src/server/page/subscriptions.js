// My subscriptions: reports that come by mail again and again. Shown only where the service offers them.

import { Refused, changeSubscription, subscribe, subscriptions } from "./api.js";
import { byId, make } from "./dom.js";
import { formatMoment } from "./format.js";
import { wishInWords } from "./requests.js";

const STATES = { active: "Active", paused: "Paused", ended: "Ended" };
/** What can be done in a state: the action and its word. */
const ACTIONS = {
  active: [["pause", "Pause"], ["end", "End"]],
  paused: [["resume", "Resume"], ["end", "End"]],
};

const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);

/** How often it is sent, in words. */
function scheduleInWords({ every, weekday, at, only_if_changed: onlyIfChanged }) {
  const often = { daily: "every day", weekly: `every ${capital(weekday ?? "week")}`, nightly: "after each night’s data" };
  return `${often[every] ?? every}${at ? ` at ${at}` : ""}${onlyIfChanged ? ", when something changed" : ""}`;
}

function say(words, isWrong = false) {
  const status = byId("my-subscriptions-status");
  status.textContent = words;
  status.classList.toggle("wrong", isWrong);
}

/** The list, and what the form needs to subscribe. */
export class Subscriptions {
  /** Counts what is shown and hidden, so that an answer that comes too late is passed over. */
  #turn = 0;
  #nameOf;
  #onError;

  /** `nameOf(batchId)` → what people call the batch; `onError(error)` takes errors. */
  constructor({ nameOf, onError }) {
    this.#nameOf = nameOf;
    this.#onError = onError;
    byId("subscribe-every").addEventListener("change", () => this.#offerWeekday());
    this.#offerWeekday();
  }

  /** Shows the list and the part of the form, where the service has subscriptions. */
  async show() {
    this.#turn += 1;
    const turn = this.#turn;
    try {
      const found = await subscriptions();
      if (turn !== this.#turn) return;
      byId("subscribe").hidden = byId("my-subscriptions").hidden = found === null;
      if (found) this.#draw(found.items ?? found);
    } catch (error) {
      this.#onError(error);
    }
  }

  hide() {
    this.#turn += 1;
    byId("subscribe").hidden = byId("my-subscriptions").hidden = true;
    byId("my-subscriptions-list").replaceChildren();
    say("");
  }

  /** Subscribes to what `wish` describes, as the form says how often. */
  async subscribe(wish) {
    const every = byId("subscribe-every").value;
    await subscribe({
      ...wish,
      every,
      weekday: every === "weekly" ? byId("subscribe-weekday").value : undefined,
      only_if_changed: byId("subscribe-changed").checked,
    });
    await this.show();
  }

  #offerWeekday() {
    byId("subscribe-weekday-field").hidden = byId("subscribe-every").value !== "weekly";
  }

  #draw(items) {
    byId("my-subscriptions-empty").hidden = items.length > 0;
    byId("my-subscriptions-list").replaceChildren(...items.map((item) => this.#entry(item)));
  }

  #entry(item) {
    const title = item.batch_id ? this.#nameOf(item.batch_id) : `All batches of the course ${item.course_id}`;
    const next = item.next_at ? ` · next ${formatMoment(item.next_at)}` : "";
    const buttons = (ACTIONS[item.state] ?? []).map(([action, words]) => {
      const button = make("button", { type: "button", class: "quiet", "aria-label": `${words} the subscription to ${title}` }, words);
      button.addEventListener("click", () => this.#change(item.id, action, `${title}: ${words.toLowerCase()}`));
      return button;
    });
    return make(
      "li",
      {},
      make("div", {}, make("strong", {}, title), make("p", { class: "muted" }, `${capital(scheduleInWords(item))} · ${wishInWords(item)}${next}`)),
      make("p", { class: `state ${item.state}` }, STATES[item.state] ?? item.state),
      ...(buttons.length > 0 ? [make("div", { class: "tools" }, ...buttons)] : []),
    );
  }

  async #change(id, action, words) {
    try {
      await changeSubscription(id, action);
      await this.show();
      say(`${words}. Done.`);
      // The button that had the focus is gone.
      byId("my-subscriptions-title").focus();
    } catch (error) {
      if (error instanceof Refused && error.status !== 401) say(error.message, true);
      else this.#onError(error);
    }
  }
}
