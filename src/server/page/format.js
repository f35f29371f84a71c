// How numbers, days and ids are shown. What is not known is a dash, never a zero.

import { language, t } from "./language.js";

const LOCALE = `${language}-IN`;
const UNKNOWN = "–";

const whole = new Intl.NumberFormat(LOCALE);
const ratio = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const share = new Intl.NumberFormat(LOCALE, { style: "percent", maximumFractionDigits: 1 });
const days = (options) => new Intl.DateTimeFormat(LOCALE, { timeZone: "UTC", ...options });
const longDay = days({ day: "numeric", month: "long", year: "numeric" });
const shortDay = days({ day: "numeric", month: "short", year: "numeric" });
const dayAndMonth = days({ day: "numeric", month: "short" });
const monthAndYear = days({ month: "short", year: "numeric" });

const known = (show) => (value) => (value === null || value === undefined ? UNKNOWN : show(value));

export const formatNumber = known((value) => whole.format(value));
export const formatRatio = known((value) => ratio.format(value));
export const formatShare = known((value) => share.format(value));
export const formatLongDay = known((day) => longDay.format(new Date(day)));
export const formatDay = known((day) => shortDay.format(new Date(day)));

/** The name of a period by its first day. */
export function formatPeriod(by, firstDay) {
  return (by === "month" ? monthAndYear : dayAndMonth).format(new Date(firstDay));
}

/** What is called `name`, with its id; the id alone where no name is known; or words where there is no id. */
export function nameOf(id, kind, name) {
  if (id === null || id === "") return kind === "course" ? t("Unknown course") : t("Unknown tenant");
  return name ? `${name} (${id})` : id;
}
