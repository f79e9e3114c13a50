/** Characters with a meaning in markdown, HTML or mentions: their full-width forms are readable and have none. */
const MARKUP_CHARACTERS = /[<>@&*_`~#|\\[\]]/g;
/** Characters that end a line, are invisible, or change the text direction. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;
/** Names and ids with single inner separators, which no renderer interprets: unchanged, so that they can be copied. */
const SAFE_NAME = /^[A-Za-z0-9]+(?:[_.-][A-Za-z0-9]+)*$/;
const FULL_WIDTH_OFFSET = 0xfee0;

/**
 * An untrusted text for a chat bot's message, cut to a maximum length: it contains no mention, tag, link or line end. The
 * vendors document no escaping, so the characters are replaced by their full-width forms.
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
