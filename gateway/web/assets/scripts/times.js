// <time> as people say it, "5 minutes ago", kept true while the page is open. The exact moment, in the reader's own
// zone, is in the tooltip.
const RENEW = 30_000;
const language = 'en-GB';
const exact = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' });
const dates = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', year: 'numeric' });
const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
// The largest unit that fits; what is further away than the last is said as a date.
const UNITS = [['second', 1, 60], ['minute', 60, 3600], ['hour', 3600, 86_400], ['day', 86_400, 2_592_000]];

export function words(at, now) {
  const seconds = (at - now) / 1000;
  if (Math.abs(seconds) < 10) return 'just now';
  const unit = UNITS.find(([, , limit]) => Math.abs(seconds) < limit);
  return unit ? relative.format(Math.trunc(seconds / unit[1]), unit[0]) : dates.format(at);
}

export function localTimes(root) {
  const now = new Date();
  for (const element of root.querySelectorAll('time[data-moment]')) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const said = words(at, now);
    if (element.textContent !== said) element.textContent = said;
    element.title ||= exact.format(at);
  }
}

export function watchTimes() {
  localTimes(document);
  setInterval(() => localTimes(document), RENEW);
}
