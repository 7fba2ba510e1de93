// Show and hide, and a hint while typing. Only the server decides whether a password is good enough.
function level(password) {
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  const distinct = new Set(password).size;
  if (!password) return 0;
  if (password.length < 10 || distinct < 5) return 1;
  return password.length >= 16 || (password.length >= 12 && kinds >= 3) ? 3 : 2;
}

export function watchPasswords() {
  for (const button of document.querySelectorAll('[data-reveal]')) {
    const input = document.getElementById(button.dataset.reveal);
    button.hidden = false;
    button.addEventListener('click', () => {
      const shown = input.type === 'text';
      input.type = shown ? 'password' : 'text';
      button.setAttribute('aria-pressed', String(!shown));
      button.textContent = shown ? button.dataset.show : button.dataset.hide;
    });
  }
  for (const hint of document.querySelectorAll('[data-strength]')) {
    const input = document.getElementById(hint.dataset.strength);
    const bar = hint.querySelector('.strength-bar');
    const words = hint.dataset.words.split('|');
    input.addEventListener('input', () => {
      const reached = level(input.value);
      hint.hidden = reached === 0;
      bar.dataset.level = String(reached);
      hint.querySelector('[data-word]').textContent = words[reached - 1] ?? '';
    });
  }
}
