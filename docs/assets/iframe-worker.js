// Browsers start no worker for a page that was opened from disk. There the search runs in a hidden frame instead.
"use strict";
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = "<!doctype html><body></body>";
      this.scope = new Promise((resolve, reject) => {
        frame.addEventListener("load", () => {
          const scope = frame.contentWindow;
          const load = (source) =>
            new Promise((loaded, failed) => {
              const script = scope.document.createElement("script");
              script.src = source;
              script.onload = loaded;
              script.onerror = () => failed(new Error(`cannot load ${source}`));
              scope.document.body.append(script);
            });
          // In order, since later ones use what earlier ones define.
          scope.importScripts = (...sources) =>
            sources.reduce((before, source) => before.then(() => load(source)), Promise.resolve());
          scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          scope.importScripts(url).then(() => resolve(scope), reject);
        });
      });
      document.body.append(frame);
    }

    postMessage(data) {
      this.scope.then((scope) => scope.dispatchEvent(new MessageEvent("message", { data })));
    }
  };
}
