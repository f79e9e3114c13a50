/** What renderers of markdown, HTML or mentions could take for their own: as a wide character it is read, and does nothing. */
const MARKUP_CHARACTERS = /[<>@&*_`~#|\\[\]]/g;
/** What ends a line, is invisible, or turns the direction of what follows. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;
/** Names and ids with single separators within: nothing is emphasised by them, and they can be copied. */
const SAFE_NAME = /^[A-Za-z0-9]+(?:[_.-][A-Za-z0-9]+)*$/;
const FULL_WIDTH_OFFSET = 0xfee0;

/**
 * A foreign text as a part of a robot's message, at most `longest` characters of it: it mentions nobody, opens no tag or link
 * and ends no line. The vendors document no way of escaping, so the characters are replaced by their full-width twins.
 */
export function escapeText(text: string, maxLength: number): string {
  const characters = [...text.replace(INVISIBLE, ' ').trim()];
  const truncated =
    characters.length > maxLength ? `${characters.slice(0, maxLength - 1).join('')}…` : characters.join('');
  if (SAFE_NAME.test(truncated)) return truncated;
  return truncated
    .replaceAll('://', '：//')
    .replace(MARKUP_CHARACTERS, (character) => String.fromCodePoint(character.charCodeAt(0) + FULL_WIDTH_OFFSET));
}
