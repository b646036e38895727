import { parseAst } from "vitest/node";

/** A node of an ESTree, with the places in the source where it begins and ends. */
export interface Node {
  type: string;
  start: number;
  end: number;
  [field: string]: unknown;
}

export function parseTypeScript(source: string): Node {
  return parseAst(source, { lang: "ts" } as object) as unknown as Node;
}

/** The nodes right below a node, each with the field that it is in. Types are no code, and are left out. */
export function childrenOf(node: Node): [field: string, child: Node][] {
  return Object.entries(node).flatMap(([field, value]) =>
    [value]
      .flat()
      .filter((child): child is Node => isNode(child) && !isType(child))
      .map((child): [string, Node] => [field, child]),
  );
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

/** These hold an expression; whatever else begins with TS is gone when the code runs. */
const TRANSPARENT = new Set(["TSAsExpression", "TSNonNullExpression", "TSSatisfiesExpression"]);

function isType({ type }: Node): boolean {
  return type.startsWith("TS") && !TRANSPARENT.has(type);
}
