// Parts of a page that are fetched after it. Where that fails, the link to the same thing stays.
import { localTimes } from './times.js';

export function watchFragments() {
  for (const place of document.querySelectorAll('[data-fragment]')) load(place);
}

async function load(place) {
  try {
    const response = await fetch(place.dataset.fragment, { headers: { 'X-Fragment': '1' }, redirect: 'error' });
    if (response.ok) show(place, await response.text());
  } catch {
    // Offline for a moment: the link is still there.
  }
}

function show(place, html) {
  place.replaceChildren(...new DOMParser().parseFromString(html, 'text/html').body.childNodes);
  localTimes(place);
}
