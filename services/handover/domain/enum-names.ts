/** An enum as it exists at run time: names to numbers and numbers to names. */
type RuntimeEnum<T extends number> = Record<string, T | string>;

/** The lower-case word of an enum value, as tables, logs and webhooks carry it: HandoverState.WAITING is `waiting`. */
export function enumToText<T extends number>(values: RuntimeEnum<T>, value: T): string {
  return String(values[value] ?? 'unspecified').toLowerCase();
}

/** The enum value of a stored word. Throws on a word that is none: the row was not written by this service. */
export function enumFromText<T extends number>(values: RuntimeEnum<T>, text: string): T {
  const value = values[text.toUpperCase()];
  if (typeof value !== 'number') throw new Error(`"${text}" is not a word of its enum`);
  return value;
}
