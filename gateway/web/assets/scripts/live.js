// Keeps a page in step with its order or service. Server-sent events only say "look again"; the page then fetches
// its own fragment and swaps the parts that changed. Without events it asks every few seconds.
import { localTimes } from './times.js';

const POLL_WITHOUT_EVENTS = 5000;
const POLL_BESIDE_EVENTS = 30000;
const SETTLE = 150;

export function watchLive() {
  const root = document.querySelector('[data-live]');
  if (root) new Live(root).start();
}

class Live {
  constructor(root) {
    this.root = root;
    this.sources = [];
    this.pending = null;
    this.loading = false;
    this.again = false;
  }

  start() {
    if (this.root.dataset.inProgress !== 'yes') return;
    for (const url of this.root.dataset.streams.split(' ').filter(Boolean)) this.listen(url);
    this.schedulePoll();
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.soon(); });
  }

  listen(url) {
    if (!('EventSource' in window)) return;
    const source = new EventSource(url);
    source.addEventListener('timeline', () => this.soon());
    // After a gap something may have been missed; the browser itself reconnects unless it gave up.
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.replace(source, url), 5000);
    });
    this.sources.push(source);
  }

  replace(source, url) {
    if (!this.sources.includes(source)) return;
    this.sources = this.sources.filter((other) => other !== source);
    this.listen(url);
  }

  schedulePoll() {
    clearTimeout(this.poll);
    const open = this.sources.length > 0 && this.sources.every((source) => source.readyState === EventSource.OPEN);
    this.poll = setTimeout(() => this.soon(), open ? POLL_BESIDE_EVENTS : POLL_WITHOUT_EVENTS);
  }

  soon() {
    clearTimeout(this.pending);
    this.pending = setTimeout(() => this.refresh(), SETTLE);
  }

  async refresh() {
    if (document.hidden) { this.schedulePoll(); return; }
    if (this.loading) { this.again = true; return; }
    this.loading = true;
    try {
      const response = await fetch(this.root.dataset.live, { headers: { 'X-Fragment': '1' }, redirect: 'error' });
      if (response.status === 401) { location.reload(); return; }
      if (response.ok) this.swap(await response.text());
    } catch {
      // Offline for a moment: the next poll tries again.
    } finally {
      this.loading = false;
      if (this.again) { this.again = false; this.soon(); } else if (this.root.dataset.inProgress === 'yes') this.schedulePoll();
    }
  }

  swap(html) {
    const fresh = new DOMParser().parseFromString(html, 'text/html').querySelector('[data-live]');
    if (!fresh) return;
    localTimes(fresh);
    for (const part of fresh.querySelectorAll('[data-part]')) this.swapPart(part);
    this.announce(fresh.dataset.announce);
    this.root.dataset.inProgress = fresh.dataset.inProgress;
    this.follow(fresh.dataset.streams);
    if (fresh.dataset.inProgress !== 'yes') this.stop();
  }

  swapPart(part) {
    const current = this.root.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!current || content(current) === content(part)) return;
    // Somebody is in the middle of a question: leave it to the next look.
    if (current.querySelector('dialog[open], :popover-open')) return;
    // What the reader unfolded or folded stays so.
    for (const fold of current.querySelectorAll('details[id]')) {
      const same = part.querySelector(`#${CSS.escape(fold.id)}`);
      if (same) same.open = fold.open;
    }
    const focused = current.contains(document.activeElement) ? document.activeElement.id : '';
    current.replaceWith(document.adoptNode(part));
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  announce(text) {
    if (!text || this.root.dataset.announce === text) return;
    const status = document.querySelector('[data-live-status]');
    if (status) status.textContent = text;
    // What a banner said of the state before is over.
    for (const notice of document.querySelectorAll('[data-notice]')) notice.remove();
    this.root.dataset.announce = text;
  }

  follow(streams) {
    const known = new Set(this.root.dataset.streams.split(' '));
    for (const url of streams.split(' ').filter((one) => one && !known.has(one))) this.listen(url);
    this.root.dataset.streams = streams;
  }

  stop() {
    clearTimeout(this.poll);
    for (const source of this.sources) source.close();
    this.sources = [];
  }
}

// Forgery tokens differ at every rendering, and how long ago something was at every look: neither is news.
function content(element) {
  const copy = element.cloneNode(true);
  for (const token of copy.querySelectorAll('[name="csrf_token"]')) token.remove();
  for (const time of copy.querySelectorAll('time')) { time.removeAttribute('title'); time.textContent = ''; }
  for (const fold of copy.querySelectorAll('details')) fold.removeAttribute('open');
  return copy.innerHTML;
}
