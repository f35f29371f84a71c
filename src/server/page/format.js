// How numbers, days and ids are shown. What is not known is a dash, never a zero.

const LOCALE = "en-IN";
const UNKNOWN = "–";

const whole = new Intl.NumberFormat(LOCALE);
const ratio = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const share = new Intl.NumberFormat(LOCALE, { style: "percent", maximumFractionDigits: 1 });
const days = (options) => new Intl.DateTimeFormat(LOCALE, { timeZone: "UTC", ...options });
const longDay = days({ day: "numeric", month: "long", year: "numeric" });
const shortDay = days({ day: "numeric", month: "short", year: "numeric" });
const moment = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const dayAndMonth = days({ day: "numeric", month: "short" });
const monthAndYear = days({ month: "short", year: "numeric" });

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

/** An id as it is, or words where there is none. */
export function nameOf(id, kind) {
  return id === null || id === "" ? `Unknown ${kind}` : id;
}
