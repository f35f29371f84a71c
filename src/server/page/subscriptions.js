// My subscriptions: reports that come by mail again and again.

import { Refused, changeSubscription, subscribe, subscriptions } from "./api.js";
import { byId, make } from "./dom.js";
import { formatDay, formatMoment } from "./format.js";
import { t } from "./language.js";
import { SPLITS, wishInWords } from "./requests.js";

const STATES = { active: t("Active"), paused: t("Paused"), ended: t("Ended") };
const WEEKDAYS = {
  monday: t("Monday"),
  tuesday: t("Tuesday"),
  wednesday: t("Wednesday"),
  thursday: t("Thursday"),
  friday: t("Friday"),
  saturday: t("Saturday"),
  sunday: t("Sunday"),
};
/** The words of each action: on its button, for those who hear the button, and when it is done. */
const WORDS = {
  pause: {
    button: t("Pause"),
    label: (name) => t("Pause the subscription to {name}", { name }),
    done: (name) => t("The subscription to {name} is paused.", { name }),
  },
  resume: {
    button: t("Resume"),
    label: (name) => t("Resume the subscription to {name}", { name }),
    done: (name) => t("The subscription to {name} is active again.", { name }),
  },
  end: {
    button: t("End"),
    label: (name) => t("End the subscription to {name}", { name }),
    done: (name) => t("The subscription to {name} has ended.", { name }),
  },
};
/** What can be done in a state. */
const ACTIONS = { active: ["pause", "end"], paused: ["resume", "end"] };

/** How often it is sent, in words. */
function scheduleInWords({ every, weekday, at, only_if_changed: onlyIfChanged }) {
  const often = {
    daily: t("Every day at {time}", { time: at }),
    weekly: t("Every {weekday} at {time}", { weekday: WEEKDAYS[weekday], time: at }),
    nightly: t("After each night’s data"),
  };
  return onlyIfChanged ? t("{often}, when something changed", { often: often[every] }) : often[every];
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
    byId("subscribe-every").addEventListener("change", () => this.#offerTimes());
    this.#offerTimes();
  }

  /** Shows the list and the part of the form. */
  async show() {
    this.#turn += 1;
    const turn = this.#turn;
    try {
      const { items } = await subscriptions();
      if (turn !== this.#turn) return;
      byId("subscribe").hidden = byId("my-subscriptions").hidden = false;
      this.#draw(items);
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
      at: every === "nightly" ? undefined : byId("subscribe-at").value || undefined,
      until: byId("subscribe-until").value || undefined,
      to_officers: byId("subscribe-officers").value || undefined,
      only_if_changed: byId("subscribe-changed").checked,
    });
    await this.show();
  }

  /** Shows the choices that how often it is sent leaves. A hidden one is disabled, so that it does not hold the form back. */
  #offerTimes() {
    const every = byId("subscribe-every").value;
    byId("subscribe-weekday-field").hidden = every !== "weekly";
    byId("subscribe-at-field").hidden = byId("subscribe-at").disabled = every === "nightly";
  }

  #draw(items) {
    byId("my-subscriptions-empty").hidden = items.length > 0;
    byId("my-subscriptions-list").replaceChildren(...items.map((item) => this.#entry(item)));
  }

  #entry(item) {
    const title = item.batch_id ? this.#nameOf(item.batch_id) : t("All batches of the course {course}", { course: item.course_id });
    const details = [scheduleInWords(item), wishInWords(item)];
    if (item.to_officers) details.push(t("to officers, {split}", { split: SPLITS[item.to_officers] ?? item.to_officers }));
    if (item.until) details.push(t("until {day}", { day: formatDay(item.until) }));
    if (item.next_at) details.push(t("next {moment}", { moment: formatMoment(item.next_at) }));
    const buttons = (ACTIONS[item.state] ?? []).map((action) => {
      const words = WORDS[action];
      const button = make("button", { type: "button", class: "quiet", "aria-label": words.label(title) }, words.button);
      button.addEventListener("click", () => this.#change(item.id, action, words.done(title)));
      return button;
    });
    return make(
      "li",
      {},
      make("div", {}, make("strong", {}, title), make("p", { class: "muted" }, details.join(" · "))),
      make("p", { class: `state ${item.state}` }, STATES[item.state] ?? item.state),
      ...(buttons.length > 0 ? [make("div", { class: "tools" }, ...buttons)] : []),
    );
  }

  async #change(id, action, words) {
    try {
      await changeSubscription(id, action);
      await this.show();
      say(words);
      // The button that had the focus is gone.
      byId("my-subscriptions-title").focus();
    } catch (error) {
      if (error instanceof Refused && error.status !== 401) say(error.message, true);
      else this.#onError(error);
    }
  }
}
