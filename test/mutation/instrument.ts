import type { Mutant } from "./mutants.ts";
import { childrenOf, type Node, parseTypeScript } from "./syntax.ts";

/**
 * A file's source with all of its mutants in it, each switched off: a mutant is `mutates(number) ? fault : original`. So
 * many mutants can be tried without loading the modules again. A call is added in each loop, which ends endless ones. The
 * lines keep their numbers.
 *
 * @param numbered the file's mutants by the numbers that switch them on
 */
export function instrument(source: string, numbered: ReadonlyMap<number, Mutant>): string {
  const wraps = new Map<string, { start: number; end: number; mutants: [number, Mutant][] }>();
  for (const [number, mutant] of numbered) {
    const place = `${mutant.start} ${mutant.end}`;
    const wrap = wraps.get(place) ?? { start: mutant.start, end: mutant.end, mutants: [] };
    wrap.mutants.push([number, mutant]);
    wraps.set(place, wrap);
  }
  const inserts: { at: number; order: number; text: string }[] = [];
  for (const { start, end, mutants } of wraps.values()) {
    const faults = mutants.map(([number, { text }]) => `mutates__(${number}) ? (${text}) : `).join("");
    // Of replacements that begin at the same place, the longest comes first. Of those that end there, the shortest does.
    inserts.push({ at: start, order: -end, text: `(${faults}(` }, { at: end, order: -start, text: "))" });
  }
  for (const { start, isBlock, end } of loopBodies(parseTypeScript(source))) {
    if (isBlock) inserts.push({ at: start + 1, order: 0, text: " loops__();" });
    else inserts.push({ at: start, order: -Infinity, text: "{ loops__(); " }, { at: end, order: Infinity, text: " }" });
  }
  // Replacements that end at a place come before those that begin there.
  inserts.sort((a, b) => a.at - b.at || Number(isEnd(b)) - Number(isEnd(a)) || a.order - b.order);
  let [code, done] = ["", 0];
  for (const { at, text } of inserts) {
    code += source.slice(done, at) + text;
    done = at;
  }
  return PRELUDE + code + source.slice(done);
}

function isEnd({ text }: { text: string }): boolean {
  return text === "))" || text === " }";
}

const PRELUDE =
  "const mutates__ = (n: number): any => (globalThis as any).mutation?.isOn(n) ?? false, " +
  "loops__ = () => (globalThis as any).mutation?.loops(); ";

function loopBodies(node: Node): { start: number; end: number; isBlock: boolean }[] {
  const body = /^(While|DoWhile|For|ForOf|ForIn)Statement$/.test(node.type) ? (node["body"] as Node) : null;
  const own = body ? [{ start: body.start, end: body.end, isBlock: body.type === "BlockStatement" }] : [];
  return [...own, ...childrenOf(node).flatMap(([, child]) => loopBodies(child))];
}
