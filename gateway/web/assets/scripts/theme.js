// The chosen theme is a cookie, so the server renders it and no page ever flashes.
const YEAR = 365 * 24 * 3600;

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

function describe(button) {
  button.setAttribute('aria-label', isDark() ? button.dataset.toLight : button.dataset.toDark);
  for (const icon of button.querySelectorAll('[data-when]')) icon.toggleAttribute('hidden', (icon.dataset.when === 'dark') !== isDark());
}

export function watchTheme() {
  const buttons = [...document.querySelectorAll('[data-theme-toggle]')];
  buttons.forEach(describe);
  for (const button of buttons) {
    button.addEventListener('click', () => {
      const theme = isDark() ? 'light' : 'dark';
      document.documentElement.dataset.theme = theme;
      const secure = location.protocol === 'https:' ? '; Secure' : '';
      document.cookie = `ez_theme=${theme}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
      buttons.forEach(describe);
    });
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => buttons.forEach(describe));
}
