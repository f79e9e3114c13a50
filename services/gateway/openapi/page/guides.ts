import { readdirSync, readFileSync } from 'node:fs';
import { Html, html } from './html.ts';
import { type GuideLink, page } from './layout.ts';
import { type LinkTo, markdown, slugOf } from './markdown.ts';

/** Notes for whoever changes the code are in capitals: they are no guides. */
const GUIDE = /^([a-z][a-z0-9-]*)\.md$/;

/** The guides of a folder: every lower-case `.md` file, by name, with its first heading as the title. */
export class Guides {
  readonly #folder: URL;
  readonly list: readonly GuideLink[];

  constructor(folder: URL) {
    this.#folder = folder;
    const names = readdirSync(folder).flatMap((file) => GUIDE.exec(file)?.[1] ?? []);
    this.list = names.sort().map((name) => ({ name, title: titleOf(this.#read(name)) ?? name }));
  }

  /** A guide as a page; undefined when there is none of that name. */
  page(name: string): string | undefined {
    const link = this.list.find((each) => each.name === name);
    if (!link) return undefined;
    const text = this.#read(name);
    return page({
      title: `${link.title} · Auto Session`,
      guides: this.list,
      menu: contentsOf(text),
      main: html`<article class="guide">${markdown(text, this.#linkTo)}</article>`,
    });
  }

  #read(name: string): string {
    return readFileSync(new URL(`${name}.md`, this.#folder), 'utf8');
  }

  /** Links to other guides, within a page and to this installation lead there. */
  #linkTo: LinkTo = (href) => {
    const [, file = '', anchor = ''] = /^(?:\.\/)?([^#]*)(#.*)?$/.exec(href) ?? [];
    const name = GUIDE.exec(file)?.[1];
    if (name && this.list.some((each) => each.name === name)) return `/docs/guides/${name}${anchor}`;
    if (file === '' && anchor) return anchor;
    return file.startsWith('/') && !file.startsWith('//') ? href : undefined;
  };
}

function titleOf(text: string): string | undefined {
  return /^# +(.+)$/m.exec(text)?.[1]?.trim().replaceAll('`', '');
}

function contentsOf(text: string): Html {
  const withoutCode = text.replaceAll(/^(`{3,}|~{3,})[\s\S]*?^\1/gm, '');
  const titles = [...withoutCode.matchAll(/^## +(.+)$/gm)].map(([, title = '']) => title.trim());
  const links = titles.map((title) => html`<li><a href="#${slugOf(title)}">${title.replaceAll('`', '')}</a></li>`);
  return titles.length > 0 ? html`<h2>On this page</h2><ul>${links}</ul>` : new Html('');
}
