/**
 * Mutants that no test can find, by their keys, each with the reason: mostly code that only saves work, and whose absence
 * changes no answer. A key that fits no mutant any more is an error, so the list cannot rot.
 */
export const EXPLAINED: Record<string, string> = {
  'src/event/contract.ts › eventContract › complain › text: "value" → ""':
    "Valibot's type wants it, and nothing reads it.",
  'src/event/segment-message.ts › parseMessage › event › text: "" → "mutant"':
    "An event without an id of its own is given one right afterwards.",
  "src/event/merge.ts › mergeJson › condition: stored === sent → false":
    "Saves the parsing of what is the same; the comparison after it says so, too.",
};
