declare module "*?raw" {
  const text: string;
  export default text;
}

interface ImportMeta {
  /** Vite's function in the forms that tests use: all matching files by their paths, with or without their texts. */
  glob(patterns: string | string[], options: { query: "?raw"; import: "default"; eager: true }): Record<string, string>;
  glob(pattern: string): Record<string, unknown>;
}
