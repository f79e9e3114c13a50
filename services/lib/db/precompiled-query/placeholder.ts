/** Stands in a compiled statement for a value that is supplied later. */
export class Placeholder {
  readonly valueIn: (values: object) => unknown;

  constructor(valueIn: (values: object) => unknown) {
    this.valueIn = valueIn;
  }

  /** A builder that converts it to text or a number would compile that text into the statement. */
  [Symbol.toPrimitive](): never {
    throw new Error('a compiled query must not look at its values: it may only pass them on');
  }
}

/** The value itself, or the one of `given` that it stands for. */
export function resolveValue(value: unknown, values: object | undefined): unknown {
  return value instanceof Placeholder ? value.valueIn(values!) : value;
}
