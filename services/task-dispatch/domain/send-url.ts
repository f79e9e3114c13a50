import { isWebUrl } from './web-url.ts';

/** The limit that requests have too. */
const MAX_URL_LENGTH = 2_048;
const PLACEHOLDER = /\{(\w+)\}/g;

/**
 * The address of a lookup: placeholders are replaced by values within one path segment or one query value. Undefined when a
 * value would change the path, as `..` does.
 */
export function lookupAddress(template: string, values: Readonly<Record<string, string>>): string | undefined {
  const fill = (value: (name: string) => string) => new URL(template.replace(PLACEHOLDER, (_, name) => value(name)));
  const made = fill((name) => encodeURIComponent(values[name] ?? ''));
  const segments = ({ pathname }: URL) => pathname.split('/').length;
  return segments(made) === segments(fill(() => 'x')) ? made.href : undefined;
}

/** The send URL field in the response of an order system. */
export type SendUrlField =
  | { readonly kind: 'found'; readonly url: string }
  /** The order system knows the task but has no URL for it. */
  | { readonly kind: 'none' }
  /** The response does not have the documented shape. */
  | { readonly kind: 'wrong' };

/** Reads the URL at the dotted path `field`. `null` and an empty text mean none; a missing field is wrong. */
export function readSendUrlField(answer: unknown, field: string): SendUrlField {
  let value = answer;
  for (const name of field.split('.')) {
    const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
    if (!isObject) return { kind: 'wrong' };
    value = (value as Record<string, unknown>)[name];
  }
  if (value === null || value === '') return { kind: 'none' };
  const isPage = typeof value === 'string' && value.length <= MAX_URL_LENGTH && value.isWellFormed() && isWebUrl(value);
  return isPage ? { kind: 'found', url: value as string } : { kind: 'wrong' };
}
