// @ts-check
// Before the page is drawn: a page that was dark stays dark. No module, so that it runs at once.
{
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    // Nothing is kept here.
  }
  document.documentElement.dataset.theme =
    theme ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
}
