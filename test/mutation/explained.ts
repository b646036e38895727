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
  'src/http/write/answer.ts › verdictOf › text: "suppressed" → ""':
    "Without its case it has nothing to say besides its status, and its case says nothing either.",
  'src/http/write/inflate.ts › inflate › text: "corrupt" → ""':
    "Whatever is not too large is not valid: nobody looks at the name.",
  'src/http/write/inflate.ts › inflate › text: "corrupt" → "" (2)': "As above.",
  'src/http/write/json-fault.ts › findJsonFault › text: "" → "mutant"': "No array has a key, and nobody asks for it.",
  'src/http/write/json-fault.ts › findJsonFault › text: "" → "mutant" (2)':
    "Until an object's first key is read, any text does that is not `batch`.",
  "src/archive/job.ts › JobStore › sawManifest › condition: this.manifestVersion() !== version → true":
    "Saves a write of what is on disk already.",
  "src/archive/job-runner.ts › JobRunner › carryOut › next › default: this.#jobs.manifestVersion() ?? 0 → this.#jobs.manifestVersion()":
    "Every call recovers first, and has seen a manifest then. TypeScript does not know.",
  "src/archive/manifest.ts › rebuildManifest › comparison: known.revision > name.revision → known.revision >= name.revision":
    "No two files have the same chunk and revision: their names would be the same.",
  "src/d1/check-databases.ts › ask › default: row?.incarnation ?? null → row?.incarnation":
    "What is asked for has one row, always.",
  'src/d1/d1-writer.ts › D1Writer › rebuild › default: this.ctx.storage.kv.get<Rebuild>("rebuild") ?? null → this.ctx.storage.kv.get<Rebuild>("rebuild")':
    "Its one caller only asks whether there is one.",
  "src/d1/directory.ts › Directory › enter › comparison: this.#known.size + strangers.length > MAX_KNOWN_USERS → this.#known.size + strangers.length >= MAX_KNOWN_USERS":
    "Forgets one user earlier what saves a statement and changes nothing.",
  "src/d1/group-commit.ts › GroupCommit › commit › owners › condition: owner === undefined → false":
    "Only a task has none, and a task is not asked for its owners.",
  "src/d1/group-commit.ts › GroupCommit › commit › refused › return: [] → undefined":
    "A set of nothing is empty either way.",
  "src/d1/group-commit.ts › GroupCommit › isTaken › return: false → undefined": "It is only asked for its truth.",
  "src/d1/group-commit.ts › linger › comparison: rest > 0 → rest >= 0": "Waits for no time at all.",
  "src/user/profile.ts › withProfileOf › condition: newer.length === 0 → false": "Saves a copy of what stays the same.",
  "src/user/event-log.ts › EventLog › beginMove › return: null → undefined": "It is only asked for its truth.",
};
