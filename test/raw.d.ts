declare module "*?raw" {
  const text: string;
  export default text;
}

interface ImportMeta {
  /** Vite's, in the forms that tests use: all files that match, by their paths, with their texts or without. */
  glob(patterns: string | string[], options: { query: "?raw"; import: "default"; eager: true }): Record<string, string>;
  glob(pattern: string): Record<string, unknown>;
}
