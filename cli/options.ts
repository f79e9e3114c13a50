import { InvalidArgumentError } from 'commander';

/** A whole number of at least 1, as an option's value. */
export function parseCount(text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && Number.isSafeInteger(number)) return number;
  throw new InvalidArgumentError('It has to be a whole number of at least 1.');
}

/** Whole seconds from 0 on, as an option's value. */
export function parseSeconds(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It has to be a whole number of seconds.');
}

/** A name or an id, as an argument: an empty one would name another route. */
export function parseId(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('It must not be empty.');
}
