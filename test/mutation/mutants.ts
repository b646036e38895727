import { type Replacement, replacementsOf } from "./operators.ts";
import { childrenOf, type Node, parseTypeScript } from "./syntax.ts";

/** A small fault in a file of the source. */
export interface Mutant extends Replacement {
  /** Names the fault and its place without a line number, so that other edits to the file do not change the key. */
  key: string;
  file: string;
  line: number;
  start: number;
  end: number;
  original: string;
}

/** Every mutant of a file, in the order of their places. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const mutants: Mutant[] = [];
  const times = new Map<string, number>();
  const visit = (node: Node, parent: Node, field: string, within: readonly string[], isLink: boolean) => {
    if (isSkipped(node, parent, field)) return;
    if (!isLink && isReplaceable(node, parent, field))
      for (const replacement of replacementsOf(node, parent, field, source)) {
        const original = source.slice(node.start, node.end);
        const change = `${oneLine(original)} → ${oneLine(replacement.text)}`;
        const name = [file, ...within].join(" › ") + ` › ${replacement.operator}: ${change}`;
        const time = (times.get(name) ?? 0) + 1;
        times.set(name, time);
        const line = source.slice(0, node.start).split("\n").length;
        const { start, end } = node;
        mutants.push({
          ...replacement,
          key: time === 1 ? name : `${name} (${time})`,
          file,
          line,
          start,
          end,
          original,
        });
      }
    const name = nameOf(node);
    const inner = name === null ? within : [...within, name];
    // A link of an optional chain may end the whole chain, so only the whole chain may be replaced.
    const isChain = node.type === "ChainExpression" || isLink;
    for (const [childField, child] of childrenOf(node)) {
      const isChildLink = isChain && /^(expression|callee|object)$/.test(childField);
      visit(child, node, childField, inner, isChildLink);
    }
  };
  const program = parseTypeScript(source);
  for (const [field, child] of childrenOf(program)) visit(child, program, field, [], false);
  return mutants;
}

/** Skips imports, names of fields, and literals that could be directives. */
function isSkipped({ type }: Node, parent: Node, field: string): boolean {
  if (/^(Import|ExportAll)/.test(type)) return true;
  if (field === "key" && parent["computed"] !== true) return true;
  return field === "source" || (parent.type === "ExpressionStatement" && type === "Literal");
}

/** Whether another expression may replace a node. */
function isReplaceable(node: Node, parent: Node, field: string): boolean {
  // A replaced callee would lose its `this`.
  if (field === "callee") return false;
  if (field === "left" && /^Assignment|^For/.test(parent.type)) return false;
  if (parent.type === "TemplateLiteral" && field === "quasis") return false;
  if (field === "quasi" || (field === "argument" && parent.type === "UpdateExpression")) return false;
  if (parent.type === "UnaryExpression" && parent["operator"] === "delete") return false;
  return !/^(BlockStatement|Property|SpreadElement|VariableDeclarator)$/.test(node.type);
}

/** The name that a node declares. */
function nameOf(node: Node): string | null {
  const id = (node["id"] ??
    (/^(MethodDefinition|PropertyDefinition)$/.test(node.type) ? node["key"] : null)) as Node | null;
  return typeof id?.["name"] === "string" ? id["name"] : null;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
