/**
 * Mutants that no test can find, by their keys, each with the reason. Most are in code that only saves work, and without
 * which all answers are the same. A key that matches no mutant is an error, so the list cannot become stale.
 */
export const EXPLAINED: Record<string, string> = {
  'src/event/contract.ts › eventContract › complain › text: "value" → ""':
    "Valibot's type requires it, but nothing reads it.",
  'src/event/segment-message.ts › parseMessage › event › text: "" → "mutant"':
    "An event without an id of its own gets one right afterwards.",
  "src/event/merge.ts › mergeJson › condition: stored === sent → false":
    "It avoids parsing equal texts. The comparison after it has the same result.",
};
