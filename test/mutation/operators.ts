import { isNode, type Node } from "./syntax.ts";

/** The text that replaces a node, and the name of the change. */
export interface Replacement {
  operator: string;
  text: string;
}

const COMPARISONS: Record<string, string[]> = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "===": ["!=="],
  "!==": ["==="],
};
const ARITHMETIC: Record<string, string> = { "+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "&": "|", ">>>": "<<" };
/** Calls whose result has the same type as the object on which they are called. */
const PASSING = new Set([
  "filter",
  "sort",
  "slice",
  "trim",
  "trimEnd",
  "reverse",
  "toLowerCase",
  "toUpperCase",
  "flat",
  "toWellFormed",
  "replaceAll",
  "replace",
  "padStart",
  "catch",
  "finally",
]);
const TWINS: Record<string, string> = {
  min: "max",
  max: "min",
  some: "every",
  every: "some",
  floor: "ceil",
  ceil: "floor",
};

/**
 * The small faults that a programmer could make at a node.
 *
 * @param field the parent's field that holds the node
 */
export function replacementsOf(node: Node, parent: Node, field: string, source: string): Replacement[] {
  const text = textIn(source);
  const found: Replacement[] = [];
  const add = (operator: string, replacement: string) => found.push({ operator, text: replacement });
  if (isCondition(parent, field)) {
    if (!/^(While|DoWhile|For)Statement$/.test(parent.type)) add("condition", "true");
    add("condition", "false");
  }
  switch (node.type) {
    case "BinaryExpression": {
      const [left, right] = [node["left"] as Node, node["right"] as Node];
      const operator = node["operator"] as string;
      const withOther = (other: string) => {
        // The text between both sides has their parentheses, which stay.
        const between = source.slice(left.end, right.start).replace(operator, () => other);
        return source.slice(node.start, left.end) + between + source.slice(right.start, node.end);
      };
      for (const other of COMPARISONS[operator] ?? []) add("comparison", withOther(other));
      const other = ARITHMETIC[operator];
      if (other && !isText(left) && !isText(right)) add("arithmetic", withOther(other));
      break;
    }
    case "LogicalExpression": {
      const [left, right] = [node["left"] as Node, node["right"] as Node];
      const other = { "&&": "||", "||": "&&" }[node["operator"] as string];
      if (other) add("logic", `(${text(left)}) ${other} (${text(right)})`);
      else add("default", text(left));
      break;
    }
    case "UnaryExpression":
      if (node["operator"] === "!" || node["operator"] === "-") add("sign", text(node["argument"] as Node));
      break;
    case "Literal":
      if (typeof node["value"] === "boolean") add("boolean", String(!node["value"]));
      if (typeof node["value"] === "string") add("text", node["value"] === "" ? '"mutant"' : '""');
      break;
    case "TemplateLiteral":
      if (source.slice(node.start, node.end) !== "``") add("text", "``");
      break;
    case "ArrayExpression":
      if ((node["elements"] as unknown[]).length > 0) add("list", "[]");
      break;
    case "ChainExpression":
      add(
        "chain",
        text(node)
          .replaceAll(/\?\.(?=[[(])/g, "")
          .replaceAll("?.", "."),
      );
      break;
    case "CallExpression":
      callReplacements(node, source).forEach(({ operator, text: other }) => add(operator, other));
      break;
    case "ConditionalExpression":
      break;
    default:
  }
  if (field === "argument" && parent.type === "ReturnStatement" && !isNothing(node)) add("return", "undefined");
  if (field === "body" && parent.type === "ArrowFunctionExpression" && node.type !== "BlockStatement")
    add("return", "undefined");
  if (field === "expression" && parent.type === "ExpressionStatement" && isAct(node)) add("statement", "undefined");
  return found.filter(({ text: other }) => other !== text(node));
}

function callReplacements(node: Node, source: string): Replacement[] {
  const text = textIn(source);
  const callee = node["callee"] as Node;
  if (callee.type !== "MemberExpression" || callee["computed"] === true || callee["optional"] === true) return [];
  const [object, property] = [callee["object"] as Node, callee["property"] as Node];
  const name = String(property["name"]);
  const found: Replacement[] = [];
  if (PASSING.has(name)) found.push({ operator: "call", text: text(object) });
  const twin = TWINS[name];
  const rest = source.slice(property.end, node.end);
  if (twin) found.push({ operator: "twin", text: `${source.slice(node.start, property.start)}${twin}${rest}` });
  return found;
}

function textIn(source: string): (node: Node) => string {
  return ({ start, end }) => source.slice(start, end);
}

function isCondition(parent: Node, field: string): boolean {
  return field === "test" && /^(If|While|DoWhile|For)Statement$|^ConditionalExpression$/.test(parent.type);
}

/** Whether a node is a text, so that a sum with it joins texts. */
function isText(node: Node): boolean {
  if (node.type === "TemplateLiteral") return true;
  if (node.type === "Literal") return typeof node["value"] === "string";
  return node.type === "BinaryExpression" && [node["left"], node["right"]].some((side) => isNode(side) && isText(side));
}

function isNothing(node: Node): boolean {
  return node.type === "Identifier" && node["name"] === "undefined";
}

/** Whether an expression is executed for its effect. Other statements' expressions are not replaced. */
function isAct({ type }: Node): boolean {
  return /^(CallExpression|AwaitExpression|AssignmentExpression|UpdateExpression|UnaryExpression|ChainExpression)$/.test(
    type,
  );
}
