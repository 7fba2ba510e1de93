// One click, one submission. The server holds too (idempotency keys); this only spares people the doubt.
export function watchForms() {
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (form.method !== 'post') return;
    form.dataset.sent = 'yes';
    const button = event.submitter;
    if (!button) return;
    button.setAttribute('aria-disabled', 'true');
    if (button.dataset.busy) button.querySelector('[data-label]').textContent = button.dataset.busy;
  });
  // Coming back with the browser's back button: the form may be used again.
  addEventListener('pageshow', (event) => {
    if (!event.persisted) return;
    for (const form of document.forms) delete form.dataset.sent;
    for (const button of document.querySelectorAll('[aria-disabled="true"]')) button.removeAttribute('aria-disabled');
  });
  closeMenus();
}

function closeMenus() {
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    for (const menu of document.querySelectorAll('details.menu[open]')) {
      menu.open = false;
      menu.querySelector('summary').focus();
    }
  });
}
