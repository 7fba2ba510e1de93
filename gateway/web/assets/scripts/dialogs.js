// A question is a popover without scripts. With them it is a modal dialog: the page behind it is inert, and Tab goes
// round inside (WAI-ARIA Authoring Practices, Dialog (Modal) Pattern).
const FOCUSABLE = 'button, input:not([type="hidden"]), select, textarea, a[href]';

export function watchDialogs() {
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[popovertarget]');
    const dialog = button && document.getElementById(button.getAttribute('popovertarget'));
    if (!(dialog instanceof HTMLDialogElement)) {
      if (event.target instanceof HTMLDialogElement) event.target.close(); // beside it, on the backdrop
      return;
    }
    event.preventDefault();
    if (dialog.open) dialog.close(); else open(dialog);
  });
  document.addEventListener('keydown', (event) => {
    const dialog = document.querySelector('dialog[open]');
    if (event.key === 'Tab' && dialog) goRound(dialog, event);
  });
}

function open(dialog) {
  dialog.removeAttribute('popover');
  dialog.setAttribute('aria-modal', 'true');
  dialog.showModal();
}

function goRound(dialog, event) {
  const stops = [...dialog.querySelectorAll(FOCUSABLE)];
  const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
  if (document.activeElement !== from) return;
  event.preventDefault();
  to.focus();
}
