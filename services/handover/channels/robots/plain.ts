/** What renderers of markdown, HTML or mentions could take for their own: as a wide character it is read, and does nothing. */
const MEANINGFUL = /[<>@&*_`~#|\\[\]]/g;
/** What ends a line, is invisible, or turns the direction of what follows. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;
/** Names and ids with single separators within: nothing is emphasised by them, and they can be copied. */
const HARMLESS = /^[A-Za-z0-9]+(?:[_.-][A-Za-z0-9]+)*$/;
const WIDE = 0xfee0;

/**
 * A foreign text as a part of a robot's message, at most `longest` characters of it: it mentions nobody, opens no tag or link
 * and ends no line. The vendors document no way of escaping, so the characters are replaced by their full-width twins.
 */
export function plain(text: string, longest: number): string {
  const characters = [...text.replace(INVISIBLE, ' ').trim()];
  const cut = characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : characters.join('');
  if (HARMLESS.test(cut)) return cut;
  return cut
    .replaceAll('://', '：//')
    .replace(MEANINGFUL, (character) => String.fromCodePoint(character.charCodeAt(0) + WIDE));
}
