// Keeps the page for when there is no net. The site's writer fills in the files and a version made of their content, so
// that another site brings another cache. It takes the place of this one when no page is open that needs it still.
// Files have to be those of its version, or what is half uploaded would be kept as it came; pages may differ, since some
// hosts write into them.

const VERSION = "@VERSION@";
const FILES = JSON.parse('@FILES@');
const PREFIX = "violute-";

self.addEventListener("install", (event) => {
  const fresh = Object.entries(FILES).map(([file, integrity]) => new Request(file, { cache: "reload", integrity }));
  event.waitUntil(caches.open(PREFIX + VERSION).then((cache) => cache.addAll(fresh)));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== PREFIX + VERSION);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  event.respondWith((async () => {
    const cache = await caches.open(PREFIX + VERSION);
    return (await cache.match(event.request, { ignoreSearch: true })) ?? fetch(event.request);
  })());
});
