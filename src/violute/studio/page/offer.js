const KEPT_MS = 60_000; // until the browser has read it, at the latest

/** Give the browser a file to save. */
export function offerFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
