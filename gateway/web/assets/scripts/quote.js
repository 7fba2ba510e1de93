// The total follows the choices: the server checks and prices them as it would an order.
const SETTLE = 250;

export function watchQuote() {
  const form = document.querySelector('[data-quote]');
  if (!form) return;
  let waiting;
  let asking;
  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    try {
      const response = await fetch(form.dataset.quote, {
        method: 'POST', headers: { 'X-Fragment': '1' }, body: new URLSearchParams(new FormData(form)), signal: asking.signal, redirect: 'error',
      });
      if (response.ok) show(await response.text());
    } catch {
      // A newer choice overtook this one, or the network is away: what is ordered is priced again by the server.
    }
  };
  form.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, SETTLE);
  });
}

function show(html) {
  const fresh = new DOMParser().parseFromString(html, 'text/html');
  for (const part of fresh.querySelectorAll('[data-part]')) {
    document.querySelector(`[data-part="${part.dataset.part}"]`)?.replaceWith(document.adoptNode(part));
  }
}
