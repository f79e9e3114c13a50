/** An enum as it exists at run time: names to numbers and numbers to names. */
type RuntimeEnum<T extends number> = Record<string, T | string>;

/** The lower-case name of an enum value, for tables, logs and webhooks: HandoverState.WAITING is `waiting`. */
export function enumToText<T extends number>(values: RuntimeEnum<T>, value: T): string {
  return String(values[value] ?? 'unspecified').toLowerCase();
}

/** The enum value of a stored name. Throws for an unknown name: this service has not written the row. */
export function enumFromText<T extends number>(values: RuntimeEnum<T>, text: string): T {
  const value = values[text.toUpperCase()];
  if (typeof value !== 'number') throw new Error(`"${text}" is not a name of its enum`);
  return value;
}
