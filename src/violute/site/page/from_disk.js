// Modules do not load from a file on disk, so this is none: it says what to do there.
if (location.protocol === "file:") {
  const failure = document.getElementById("failure");
  failure.textContent = "Browsers do not run this page from disk: python -m http.server, in its folder, serves it at localhost:8000.";
  failure.hidden = false;
}
