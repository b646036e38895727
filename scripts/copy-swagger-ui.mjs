import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// Run by npm after every install, so that /docs is served from here and from no CDN. Plain JavaScript: npm may run it
// with a Node that takes no other.

const FILES = ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt"];

const packageUrl = import.meta.resolve("swagger-ui-dist/package.json");
for (const file of FILES)
  copyFileSync(fileURLToPath(new URL(file, packageUrl)), new URL(`../public/docs/${file}`, import.meta.url));
