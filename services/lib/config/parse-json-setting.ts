import type { core, ZodType } from 'zod';

/** A setting whose text is JSON. */
export interface JsonSetting<T> {
  readonly name: string;
  /**
   * The message of every issue ends a sentence about the setting, or about an entry when the setting is a list. It repeats no
   * value, because a secret may stand in any place.
   */
  readonly schema: ZodType<T>;
  /** Fields whose values no two entries of a list may share, with what sentences call them. */
  readonly unique?: Readonly<Record<string, string>>;
}

/** What a setting describes. Reports every fault as a sentence of its own; undefined when there is one. */
export function parseJsonSetting<T>(
  { name, schema, unique = {} }: JsonSetting<T>,
  text: string,
  report: (sentence: string) => void,
): T | undefined {
  const value = parseJson(text);
  const { error, data } = schema.safeParse(value);
  const faults = new Set([...(error?.issues ?? []).map(faultOf), ...duplicateFaults(value, unique)]);
  for (const fault of faults) report(`${name}${fault}.`);
  return faults.size > 0 ? undefined : data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultOf({ path: [index], message }: core.$ZodIssue): string {
  return typeof index === 'number' ? entryFault(index, message) : ` ${message}`;
}

function entryFault(index: number, fault: string): string {
  return `: entry ${index + 1} ${fault}`;
}

/** One fault per entry that has the same value in a field as an earlier one. */
function duplicateFaults(list: unknown, unique: Readonly<Record<string, string>>): string[] {
  if (!Array.isArray(list)) return [];
  return Object.entries(unique).flatMap(([field, label]) => {
    const values = list.map((entry) => entry?.[field]);
    return values.flatMap((value, index) => {
      const first = values.indexOf(value);
      return value === undefined || first === index
        ? []
        : [entryFault(index, `has the ${label} of entry ${first + 1}`)];
    });
  });
}

/** The error of an object that has these fields and no others. */
export function objectError(fields: readonly string[], example: string) {
  return ({ code }: { readonly code: string }) =>
    code === 'unrecognized_keys' ? `has a field beside ${fields.join(', ')}` : `is not an object as in ${example}`;
}
