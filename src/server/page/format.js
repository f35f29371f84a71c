// How numbers, days and ids are shown. What is not known is a dash, never a zero.

import { language, t } from "./language.js";

// Where a browser does not know the language, numbers are written as in English.
const LOCALES = [`${language}-IN`, "en-IN"];
const HAS_DATES = Intl.DateTimeFormat.supportedLocalesOf(LOCALES[0]).length > 0;
const MONTHS = [
  t("January"),
  t("February"),
  t("March"),
  t("April"),
  t("May"),
  t("June"),
  t("July"),
  t("August"),
  t("September"),
  t("October"),
  t("November"),
  t("December"),
];
const UNKNOWN = "–";

const whole = new Intl.NumberFormat(LOCALES);
const ratio = new Intl.NumberFormat(LOCALES, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const share = new Intl.NumberFormat(LOCALES, { style: "percent", maximumFractionDigits: 1 });

/** Days in the language; where the browser does not know it, with the page's own names of months. */
function days(options) {
  const dates = new Intl.DateTimeFormat(LOCALES, { timeZone: "UTC", ...options });
  if (HAS_DATES) return dates;
  const months = new Intl.DateTimeFormat("en", { timeZone: options.timeZone ?? "UTC", month: "numeric" });
  const part = ({ type, value }, day) => (type === "month" ? MONTHS[Number(months.format(day)) - 1] : value);
  return { format: (day) => dates.formatToParts(day).map((found) => part(found, day)).join("") };
}

const longDay = days({ day: "numeric", month: "long", year: "numeric" });
const shortDay = days({ day: "numeric", month: "short", year: "numeric" });
const dayAndMonth = days({ day: "numeric", month: "short" });
const monthAndYear = days({ month: "short", year: "numeric" });
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
const moment = days({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone });

const known = (show) => (value) => (value === null || value === undefined ? UNKNOWN : show(value));

export const formatNumber = known((value) => whole.format(value));
export const formatRatio = known((value) => ratio.format(value));
export const formatShare = known((value) => share.format(value));
export const formatLongDay = known((day) => longDay.format(new Date(day)));
export const formatDay = known((day) => shortDay.format(new Date(day)));

/** A moment, by the clock of who looks. */
export const formatMoment = known((time) => moment.format(new Date(time)));

/** The name of a period by its first day. */
export function formatPeriod(by, firstDay) {
  return (by === "month" ? monthAndYear : dayAndMonth).format(new Date(firstDay));
}

/** What is called `name`, with its id; the id alone where no name is known; or words where there is no id. */
export function nameOf(id, kind, name) {
  if (id === null || id === "") return kind === "course" ? t("Unknown course") : t("Unknown tenant");
  return name ? `${name} (${id})` : id;
}
