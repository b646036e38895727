import { parseAst } from "vitest/node";

/** A node of an ESTree, with the positions in the source where it begins and ends. */
export interface Node {
  type: string;
  start: number;
  end: number;
  [field: string]: unknown;
}

export function parseTypeScript(source: string): Node {
  return parseAst(source, { lang: "ts" } as object) as unknown as Node;
}

/** The children of a node, each with its field. Types are left out, because they are not code. */
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

/** These nodes hold an expression. All other nodes whose type begins with TS do not exist when the code runs. */
const TRANSPARENT = new Set(["TSAsExpression", "TSNonNullExpression", "TSSatisfiesExpression"]);

function isType({ type }: Node): boolean {
  return type.startsWith("TS") && !TRANSPARENT.has(type);
}
