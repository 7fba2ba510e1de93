// Parts of a page that are fetched when somebody asks for them. Without scripts, and where fetching fails, the same
// link leads to a page that shows the same.
import { localTimes } from './times.js';

export function watchFragments() {
  for (const link of document.querySelectorAll('[data-in-place]')) link.addEventListener('click', open);
}

function open(event) {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return; // wanted elsewhere
  event.preventDefault();
  load(event.currentTarget);
}

async function load(link) {
  if (link.ariaBusy === 'true') return;
  link.ariaBusy = 'true';
  try {
    const response = await fetch(link.href, { headers: { 'X-Fragment': '1' }, redirect: 'error' });
    if (!response.ok) throw new Error(response.statusText);
    show(link.closest('[data-place]'), await response.text());
  } catch {
    location.assign(link.href); // it says there what is wrong, or asks to sign in
  }
}

function show(place, html) {
  place.replaceChildren(...new DOMParser().parseFromString(html, 'text/html').body.childNodes);
  localTimes(place);
  // The link that had the focus is gone; whoever reads by keyboard goes on with what took its place.
  place.tabIndex = -1;
  place.focus();
}
