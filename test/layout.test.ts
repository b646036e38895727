import { describe, it } from "vitest";

// What the compiler and the linter do not hold to. The order of the folders is that of CONTRIBUTING.md.

const SOURCES = import.meta.glob("../src/**/*.ts", { query: "?raw", import: "default", eager: true });
const TESTS = import.meta.glob("./**/*.ts", { query: "?raw", import: "default", eager: true });

/** Which folders a folder may import from, besides itself; the limits and the log line are free for all. */
const MAY_IMPORT: Record<string, string[]> = {
  "": ["http", "user", "d1"],
  http: ["event", "user", "d1"],
  user: ["event", "d1"],
  d1: ["event"],
  event: [],
};
const FREE_FOR_ALL = ["/src/limits.ts", "/src/log-failure.ts", "/package.json"];

describe("src", () => {
  it("imports one way: http, user, d1, event", ({ expect }) => {
    const wrong = Object.entries(SOURCES).flatMap(([file, source]) =>
      importsOf(file, source)
        .filter((imported) => !mayImport(file, imported))
        .map((imported) => [file, imported]),
    );
    expect(wrong).toEqual([]);
  });

  it("exports nothing that nobody imports", ({ expect }) => {
    const texts = Object.values({ ...SOURCES, ...TESTS });
    const imported = new Set(texts.flatMap(importedNames));
    const unused = Object.entries(SOURCES).flatMap(([file, source]) =>
      exportedNames(source)
        .filter((name) => !imported.has(name))
        .map((name) => [file, name]),
    );
    expect(unused).toEqual([]);
  });

  it("has files that can be read at a sitting, and so do the tests", ({ expect }) => {
    expect([...tooLong(SOURCES, 250), ...tooLong(TESTS, 300)]).toEqual([]);
  });
});

function tooLong(files: Record<string, string>, lines: number): string[] {
  return Object.keys(files).filter((file) => files[file]!.split("\n").length - 1 > lines);
}

/** The files that a file imports, as paths from the project's root. */
function importsOf(file: string, source: string): string[] {
  const paths = [...source.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g)].map(([, path]) => path!);
  return paths.map((path) => new URL(path, new URL(file, "file:///test/")).pathname);
}

function mayImport(file: string, imported: string): boolean {
  const from = folderOf(new URL(file, "file:///test/").pathname);
  const to = folderOf(imported);
  return FREE_FOR_ALL.includes(imported) || from === to || MAY_IMPORT[from]!.includes(to);
}

/** The folder below src that a file is in; empty for src itself. */
function folderOf(path: string): string {
  return /^\/src\/(\w+)\//.exec(path)?.[1] ?? "";
}

function exportedNames(source: string): string[] {
  const declarations = source.matchAll(/^export (?:async )?(?:function|const|class|interface|type) (\w+)/gm);
  return [...declarations].map(([, name]) => name!);
}

function importedNames(source: string): string[] {
  const lists = source.matchAll(/\{([^{}]*)\}\s*(?:from|= await import\()/g);
  return [...lists].flatMap(([, list]) =>
    list!.split(",").map(
      (name) =>
        name
          .trim()
          .replace(/^type /, "")
          .split(" as ")[0]!,
    ),
  );
}
