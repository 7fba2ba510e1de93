export function watchCopies() {
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    const said = button.querySelector('[data-copy-said]');
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      said.textContent = button.dataset.copyDone;
    } catch {
      // No permission, or not a secure context: the text is right beside the button, so select it.
      getSelection().selectAllChildren(button.parentElement.querySelector('.copy-value'));
      return;
    }
    setTimeout(() => { said.textContent = ''; }, 2000);
  });
}
