/** Light, dark, or as the system has it; remembered on this machine. */

const KEY = "violute.theme";
const THEMES = { system: "as the system", light: "light", dark: "dark" };

export function watchTheme(button, onChange) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let theme = remembered();
  const show = () => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.setAttribute("aria-label", `Colours: ${THEMES[theme]}`);
    button.title = `Colours: ${THEMES[theme]} (T)`;
    button.querySelector("use").setAttribute("href", `/page/icons.svg#${theme}`);
    onChange();
  };
  button.addEventListener("click", () => {
    // Whatever the system has, the first press changes what is seen.
    const order = system.matches ? ["system", "light", "dark"] : ["system", "dark", "light"];
    theme = order[(order.indexOf(theme) + 1) % order.length];
    try { localStorage.setItem(KEY, theme); } catch { /* private windows forget it */ }
    show();
  });
  system.addEventListener("change", onChange);
  show();
}

function remembered() {
  try {
    const found = localStorage.getItem(KEY);
    return found in THEMES ? found : "system";
  } catch {
    return "system";
  }
}
