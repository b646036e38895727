declare module "*?raw" {
  const text: string;
  export default text;
}

interface ImportMeta {
  /** Vite's, in the one form that tests use: the texts of all files that match, by their paths. */
  glob(pattern: string, options: { query: "?raw"; import: "default"; eager: true }): Record<string, string>;
}
