/** One generation of the event log: the time between two losses of it. */
export interface Generation {
  /** The id of the log's generation; it is never used again. */
  readonly name: string;
  /** From 1, in the order in which the relay found them. */
  readonly number: number;
  /** The position where the replay of earlier generations ended; undefined while it is not known to be complete. */
  readonly replayed?: bigint;
  /** The highest position it can have reached, as far as the relay knows; undefined for the current generation. */
  readonly reached?: bigint;
}

/** The earlier generations of a log, as the relay writes them to the log before it publishes anything there. */
export interface Lineage extends Generation {
  /** The newest earlier generations, oldest first. */
  readonly earlier: readonly Generation[];
  /** The highest order that the outbox no longer holds. */
  readonly forgotten: bigint;
}

/**
 * More positions than a generation ever has, and a decimal that is easy to read. The sum stays below 2^53 for 9,000
 * generations.
 */
const POSITIONS_PER_GENERATION = 1_000_000_000_000n;
/** The description of a JetStream stream has at most 4 KiB. */
const MAX_GENERATIONS = 30;

/** The place of an event in the order of everything that was ever published. */
export function orderOf(generation: number, position: bigint): bigint {
  return BigInt(generation) * POSITIONS_PER_GENERATION + position;
}

/** Drops the oldest generations beyond MAX_GENERATIONS. */
function keepNewest(generations: readonly Generation[]): readonly Generation[] {
  return generations.slice(-MAX_GENERATIONS);
}

/** The lineage of the last of the generations. */
export function lineageOf(generations: readonly Generation[], forgotten: bigint): Lineage {
  const own = generations.at(-1);
  if (!own) throw new Error('a log is a generation itself');
  return { ...own, earlier: generations.slice(0, -1), forgotten };
}

/** The generations followed by the given one, unless it already is the last. */
export function withNewest(generations: readonly Generation[], name: string): readonly Generation[] {
  const latest = generations.at(-1);
  if (latest?.name === name) return generations;
  return keepNewest([...generations, { name, number: (latest?.number ?? 0) + 1 }]);
}

/** Encodes the lineage for storage. */
export function encodeLineage({ earlier, forgotten, ...own }: Lineage): string {
  return JSON.stringify({ generations: toStored([...earlier, own]), forgotten: String(forgotten) });
}

/** Encodes the generations for storage. */
export function encodeGenerations(generations: readonly Generation[]): string {
  return JSON.stringify(toStored(generations));
}

/** Decodes what writeGenerations() wrote; empty for null. */
export function decodeGenerations(text: string | null): readonly Generation[] {
  return text === null ? [] : fromStored(JSON.parse(text));
}

/** Decodes what writeLineage() wrote about the log `name`; undefined for any other text. */
export function decodeLineage(name: string, text: string | null | undefined): Lineage | undefined {
  if (!text) return undefined;
  if (cachedLineage?.text !== text) cachedLineage = { text, lineage: parseLineage(text) };
  return cachedLineage.lineage?.name === name ? cachedLineage.lineage : undefined;
}

/** The relay reads the bounds, and with them the lineage, before every batch. */
let cachedLineage: { readonly text: string; readonly lineage: Lineage | undefined } | undefined;

function parseLineage(text: string): Lineage | undefined {
  try {
    const { generations, forgotten } = JSON.parse(text);
    const all = fromStored(generations);
    const own = all.at(-1);
    return own && { ...own, earlier: all.slice(0, -1), forgotten: BigInt(forgotten) };
  } catch {
    return undefined;
  }
}

interface StoredGeneration {
  readonly name: string;
  readonly number: number;
  readonly replayed?: string;
  readonly reached?: string;
}

function toStored(generations: readonly Generation[]): StoredGeneration[] {
  return keepNewest(generations).map(({ name, number, replayed, reached }) => ({
    name,
    number,
    ...(replayed !== undefined && { replayed: String(replayed) }),
    ...(reached !== undefined && { reached: String(reached) }),
  }));
}

function fromStored(generations: readonly StoredGeneration[]): Generation[] {
  return generations.map(({ name, number, replayed, reached }) => ({
    name,
    number,
    ...(replayed !== undefined && { replayed: BigInt(replayed) }),
    ...(reached !== undefined && { reached: BigInt(reached) }),
  }));
}
