import { InvalidArgumentError } from 'commander';

/** A whole number of at least 1, as an option's value. */
export function parseCount(text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && Number.isSafeInteger(number)) return number;
  throw new InvalidArgumentError('It must be a whole number of at least 1.');
}

/** Whole seconds of at least 0, as an option's value. */
export function parseSeconds(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of seconds.');
}

/** A name or an id, as an argument. An empty one would result in another route. */
export function parseId(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('It must not be empty.');
}
