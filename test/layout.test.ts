import { describe, it } from "vitest";

// Rules that the compiler and the linter do not check. The order of the folders is that of CONTRIBUTING.md.

const SOURCES = import.meta.glob("../src/**/*.ts", { query: "?raw", import: "default", eager: true });
const TESTS = import.meta.glob("./**/*.ts", { query: "?raw", import: "default", eager: true });

/** Each file with the files that it imports. */
const IMPORTS = new Map(Object.entries(SOURCES).map(importsOf));

/** Which folders a folder may import from, besides itself. Folders that are not listed are parts of the one above. */
const MAY_IMPORT: Record<string, string[]> = {
  "/src": [
    "/src/http",
    "/src/http/write",
    "/src/http/read",
    "/src/openapi",
    "/src/live",
    "/src/user",
    "/src/stats",
    "/src/archive",
    "/src/d1",
  ],
  "/src/openapi": [
    "/src/http",
    "/src/http/write",
    "/src/http/read",
    "/src/live",
    "/src/user",
    "/src/stats",
    "/src/archive",
    "/src/d1",
    "/src/event",
  ],
  "/src/http/write": ["/src/http", "/src/live", "/src/user", "/src/stats", "/src/archive", "/src/d1", "/src/event"],
  "/src/http/read": ["/src/http", "/src/live", "/src/user", "/src/stats", "/src/archive", "/src/d1", "/src/event"],
  "/src/http": ["/src/live", "/src/user", "/src/stats", "/src/archive", "/src/d1", "/src/event"],
  "/src/live": ["/src/d1", "/src/event"],
  "/src/stats": ["/src/d1", "/src/event"],
  "/src/user": ["/src/stats", "/src/archive", "/src/d1", "/src/event"],
  "/src/archive": ["/src/stats", "/src/d1", "/src/event"],
  "/src/d1": ["/src/event"],
  "/src/event": [],
};

/** Files that belong to no step on the way of an event. */
const FREE_FOR_ALL = [
  "/src/limits.ts",
  "/src/settings.ts",
  "/src/single-run.ts",
  "/src/log-failure.ts",
  "/src/object-of.ts",
  "/src/or-timeout.ts",
  "/src/remote-object.ts",
  "/package.json",
];

describe("src", () => {
  it("imports one way: app, then http and openapi, then user, then d1, then event", ({ expect }) => {
    const wrong = [...IMPORTS].flatMap(([file, imports]) =>
      imports.filter((imported) => !mayImport(file, imported)).map((imported) => [file, imported]),
    );
    expect(wrong).toEqual([]);
  });

  it("has no circle of imports", ({ expect }) => {
    expect([...IMPORTS.keys()].filter((file) => reachableFrom(file).has(file))).toEqual([]);
  });

  it("exports nothing that nobody imports", ({ expect }) => {
    const imported = new Set(Object.entries({ ...SOURCES, ...TESTS }).flatMap(importedFrom));
    const exported = Object.entries(SOURCES).flatMap(exportedFrom);
    expect(exported.filter((name) => !imported.has(name))).toEqual([]);
  });

  it("has files that can be read in one sitting, and so have the tests", ({ expect }) => {
    expect([...tooLong(SOURCES, 250), ...tooLong(TESTS, 300)]).toEqual([]);
  });
});

/** A list, which is looked up and not read. */
const LIST = "../src/limits.ts";

function tooLong(files: Record<string, string>, lines: number): string[] {
  return Object.keys(files).filter((file) => file !== LIST && files[file]!.split("\n").length - 1 > lines);
}

/** A file, and the files that it imports, as paths from the project's root. */
function importsOf([file, source]: [string, string]): [string, string[]] {
  const path = pathOf(file);
  const paths = [...source.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g)].map(([, imported]) => imported!);
  return [path, paths.map((imported) => pathOf(imported, path))];
}

/** The path, from the project's root, of a file that another one imports. */
function pathOf(file: string, from = "/test/"): string {
  return new URL(file, `file://${from}`).pathname;
}

function mayImport(file: string, imported: string): boolean {
  const from = folderOf(file);
  const to = folderOf(imported);
  return FREE_FOR_ALL.includes(imported) || from === to || MAY_IMPORT[from]!.includes(to);
}

/** The listed folder that a file is in. */
function folderOf(path: string): string {
  const folder = path.slice(0, path.lastIndexOf("/"));
  return folder in MAY_IMPORT || folder === "" ? folder : folderOf(folder);
}

/** All files that a file imports, directly or through others. */
function reachableFrom(file: string): Set<string> {
  const reached = new Set<string>();
  const rest = [...(IMPORTS.get(file) ?? [])];
  for (let next = rest.pop(); next; next = rest.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    rest.push(...(IMPORTS.get(next) ?? []));
  }
  return reached;
}

/** What a file exports, each name with the file, since two files may export the same name and one may be unused. */
function exportedFrom([file, source]: [string, string]): string[] {
  const declarations = source.matchAll(/^export (?:async )?(?:function|const|class|interface|type) (\w+)/gm);
  return [...declarations].map(([, name]) => `${name} of ${pathOf(file)}`);
}

/** What a file imports by name or exports again, each name with the file that it comes from. */
function importedFrom([file, source]: [string, string]): string[] {
  const lists = source.matchAll(/\{([^{}]*)\}\s*(?:from|= await import\()\s*"(\.[^"]+)"/g);
  return [...lists].flatMap(([, list, imported]) =>
    list!
      .split(",")
      .map(
        (name) =>
          name
            .trim()
            .replace(/^type /, "")
            .split(" as ")[0]!,
      )
      .map((name) => `${name} of ${pathOf(imported!, pathOf(file))}`),
  );
}
