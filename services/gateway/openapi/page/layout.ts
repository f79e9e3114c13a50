import { type Html, html } from './html.ts';
import type { PageAssets } from './page-assets.ts';

/** The languages in which pages are written, by their tags, with their own names. */
export const LANGUAGES = { en: 'English', 'zh-CN': '中文' } as const;
export type GuideLanguage = keyof typeof LANGUAGES;

/** A guide as the menu names it. */
export interface GuideLink {
  readonly url: string;
  readonly title: string;
  readonly language: GuideLanguage;
}

const MENU_TITLES = {
  en: { menu: 'Menu', guides: 'Guides', reference: 'Reference of the API' },
  'zh-CN': { menu: '目录', guides: '指南', reference: '接口参考' },
} as const satisfies Record<GuideLanguage, unknown>;

/** A whole page. Nothing in it comes from another host, and nothing is inline: the policy forbids both. */
export function page(options: {
  readonly title: string;
  readonly language: GuideLanguage;
  readonly assets: PageAssets;
  readonly styles?: readonly string[];
  readonly scripts?: readonly string[];
  readonly guides: readonly GuideLink[];
  /** The same page in other languages. */
  readonly translations?: readonly GuideLink[];
  readonly menu: Html;
  readonly main: Html;
}): string {
  const { title, language, assets, guides, translations = [], menu, main } = options;
  const styles = ['style.css', ...(options.styles ?? [])];
  const scripts = ['page.js', ...(options.scripts ?? [])];
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
${styles.map((name) => html`<link rel="stylesheet" href="${assets.url(name)}">`)}
${scripts.map((name) => html`<script src="${assets.url(name)}" defer></script>`)}
</head>
<body>
<nav>
<p class="brand"><a href="/docs">Auto Session</a></p>
<input type="checkbox" id="menu-open"><label for="menu-open">${MENU_TITLES[language].menu}</label>
<div class="menu">
${translations.length > 0 ? languageSwitch(translations) : undefined}
${guideMenu(language, guides)}
${menu}
</div>
</nav>
<main>
${main}
</main>
</body>
</html>
`.text;
}

function languageSwitch(translations: readonly GuideLink[]): Html {
  const links = translations.map(
    ({ url, language }) => html`<a href="${url}" lang="${language}" hreflang="${language}">${LANGUAGES[language]}</a> `,
  );
  return html`<p class="languages">${links}</p>`;
}

function guideMenu(language: GuideLanguage, guides: readonly GuideLink[]): Html {
  const links = guides.map((guide) => {
    const lang = guide.language === language ? undefined : html` lang="${guide.language}"`;
    return html`<li><a href="${guide.url}"${lang}>${guide.title}</a></li>`;
  });
  const titles = MENU_TITLES[language];
  return html`<h2><a href="/docs">${titles.reference}</a></h2>${links.length > 0 ? html`<h2>${titles.guides}</h2><ul>${links}</ul>` : undefined}`;
}
