/** The languages of messages. */
export type Language = 'zh' | 'en';

/** A text in every language. */
export type LocalizedText = Readonly<Record<Language, string>>;

/** The language that an Accept-Language header prefers; Chinese by default. */
export function languageOf(header: string | undefined): Language {
  if (!header) return 'zh';
  let best: { language: Language; weight: number } = { language: 'zh', weight: 0 };
  for (const part of header.split(',')) {
    const [tag = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const language = /^(zh|en)(-|$)/.exec(tag)?.[1] as Language | undefined;
    const weight = weightOf(parameters);
    if (language && weight > best.weight) best = { language, weight };
  }
  return best.language;
}

function weightOf(parameters: readonly string[]): number {
  const text = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  const weight = text === undefined ? 1 : Number(text);
  return Number.isNaN(weight) ? 0 : weight;
}
