import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Diagrams } from './diagrams.ts';
import { Html, html } from './html.ts';
import { type GuideLanguage, type GuideLink, LANGUAGES, page } from './layout.ts';
import { type LinkTo, markdown, slugOf } from './markdown.ts';
import type { PageAssets } from './page-assets.ts';

/** Notes for engineers who change the code are in capitals: they are no guides. */
const GUIDE = /^([a-z][a-z0-9-]*)\.md$/;
const GUIDE_PATH = /^\/(?:([\w-]+)\/)?([a-z][a-z0-9-]*)\.md$/;
const CONTENTS_TITLES: Readonly<Record<GuideLanguage, string>> = { en: 'On this page', 'zh-CN': '本页内容' };

interface Guide extends GuideLink {
  readonly name: string;
  readonly text: string;
}

/**
 * The guides of a folder: every lower-case `.md` file, by name, with its first heading as the title. A folder in it that has a
 * language's name holds translations; where one is missing, the English page stands in.
 */
export class Guides {
  readonly #guides: readonly Guide[];
  readonly #diagrams: Diagrams;

  constructor(folder: URL, diagrams: Diagrams) {
    const languages = Object.keys(LANGUAGES) as GuideLanguage[];
    this.#guides = languages.flatMap((language) => guidesIn(folder, language));
    this.#diagrams = diagrams;
  }

  /** The guides as a menu in this language shows them. */
  list(language: GuideLanguage): GuideLink[] {
    const originals = this.#guides.filter((each) => each.language === 'en');
    return originals.map((original) => this.#find(language, original.name) ?? original);
  }

  /** A guide as a page; undefined when there is none of that name in that language. */
  page(language: string, name: string, assets: PageAssets): string | undefined {
    const guide = this.#find(language, name);
    if (!guide) return undefined;
    const inLanguages = this.#guides.filter((each) => each.name === name);
    return page({
      title: `${guide.title} · Auto Session`,
      language: guide.language,
      assets,
      guides: this.list(guide.language),
      translations: inLanguages.length > 1 ? inLanguages : [],
      menu: contentsOf(guide),
      main: html`<article class="guide">${markdown(guide.text, {
        linkTo: this.#linkFrom(guide),
        diagramUrl: (source) => this.#diagrams.url(source),
      })}</article>`,
    });
  }

  #find(language: string, name: string): Guide | undefined {
    return this.#guides.find((each) => each.language === language && each.name === name);
  }

  /** Links to guides, within a page and to this installation lead there; others are not followed. */
  #linkFrom(guide: Guide): LinkTo {
    const base = `guide:/${folderOf(guide.language)}${guide.name}.md`;
    return (href) => {
      if (href.startsWith('#') || /^\/(?!\/)/.test(href)) return href;
      if (!URL.canParse(href, base)) return undefined;
      const { protocol, pathname, hash } = new URL(href, base);
      const [, language = 'en', name] = GUIDE_PATH.exec(pathname) ?? [];
      const target = protocol === 'guide:' && name ? this.#find(language, name) : undefined;
      return target && `${target.url}${hash}`;
    };
  }
}

function guidesIn(folder: URL, language: GuideLanguage): Guide[] {
  const own = new URL(folderOf(language), folder);
  if (!existsSync(own)) return [];
  const names = readdirSync(own).flatMap((file) => GUIDE.exec(file)?.[1] ?? []);
  return names.sort().map((name) => {
    const text = readFileSync(new URL(`${name}.md`, own), 'utf8');
    return { name, language, url: `/docs/guides/${folderOf(language)}${name}`, title: titleOf(text) ?? name, text };
  });
}

/** Where the pages of a language are, in the folder of guides and in the URLs. */
function folderOf(language: GuideLanguage): string {
  return language === 'en' ? '' : `${language}/`;
}

function titleOf(text: string): string | undefined {
  return /^# +(.+)$/m.exec(text)?.[1]?.trim().replaceAll('`', '');
}

function contentsOf({ text, language }: Guide): Html {
  const withoutCode = text.replaceAll(/^(`{3,}|~{3,})[\s\S]*?^\1/gm, '');
  const titles = [...withoutCode.matchAll(/^## +(.+)$/gm)].map(([, title = '']) => title.trim());
  const links = titles.map((title) => html`<li><a href="#${slugOf(title)}">${title.replaceAll('`', '')}</a></li>`);
  return titles.length > 0 ? html`<h2>${CONTENTS_TITLES[language]}</h2><ul>${links}</ul>` : new Html('');
}
