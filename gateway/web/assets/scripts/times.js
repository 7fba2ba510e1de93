// <time> in the reader's own zone; the exact moment in UTC stays in the tooltip and the attribute.
const formats = {
  moment: new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' }),
  day: new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' }),
  clock: new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' }),
  today: new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' }),
};

export function localTimes(root) {
  for (const element of root.querySelectorAll('time[data-format]')) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    element.title = element.textContent.trim();
    const today = element.dataset.format === 'clock' && at.toDateString() === new Date().toDateString();
    element.textContent = formats[today ? 'today' : element.dataset.format].format(at);
  }
}
