import { copyFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

// npm runs this after every install, so that pages load their libraries from here, as published, and not from a CDN.
// This is plain JavaScript, because npm may run it with a Node that does not run TypeScript.

const FILES = {
  "swagger-ui-dist/swagger-ui.css": "docs/swagger-ui.css",
  "swagger-ui-dist/swagger-ui-bundle.js": "docs/swagger-ui-bundle.js",
  "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "docs/swagger-ui-bundle.js.LICENSE.txt",
  // Preact and htm in one module, for components and templates without a build.
  "htm/preact/standalone": "ui/vendor/preact.js",
  "uplot/dist/uPlot.esm.js": "ui/vendor/uplot.js",
  "uplot/dist/uPlot.min.css": "ui/vendor/uplot.css",
};

/** These licences must accompany the files, which do not contain them. */
const LICENCES = ["htm", "preact", "uplot"];

mkdirSync(new URL("../public/ui/vendor", import.meta.url), { recursive: true });
for (const [from, to] of Object.entries(FILES))
  copyFileSync(fileURLToPath(import.meta.resolve(from)), new URL(`../public/${to}`, import.meta.url));
for (const name of LICENCES)
  copyFileSync(
    new URL(`../node_modules/${name}/LICENSE`, import.meta.url),
    new URL(`../public/ui/vendor/${name}.LICENSE.txt`, import.meta.url),
  );
