import { Marked, type Tokens } from 'marked';
import { breakable, escapeHtml, Html } from './html.ts';

/** Where a link of a page leads here; undefined when it leads nowhere. */
export type LinkTo = (href: string) => string | undefined;

/** What a page's text refers to, as this server has it. */
export interface MarkdownTargets {
  readonly linkTo: LinkTo;
  /** Where the picture of a Mermaid diagram is; undefined when there is none. */
  readonly diagramUrl: (source: string) => string | undefined;
}

/**
 * Markdown of our own as HTML that needs no other host: links that lead elsewhere are shown as text with their address,
 * pictures of other hosts as their description, diagrams as the pictures drawn from them, and HTML as it is written.
 */
export function markdown(text: string, { linkTo, diagramUrl }: MarkdownTargets): Html {
  const marked = new Marked({ gfm: true });
  marked.use({
    renderer: {
      heading({ tokens, depth, text: title }: Tokens.Heading) {
        return `<h${depth} id="${slugOf(title)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens, text: label }: Tokens.Link) {
        const target = linkTo(href);
        const shown = this.parser.parseInline(tokens);
        if (target !== undefined) return `<a href="${escapeHtml(target)}">${shown}</a>`;
        return label === href ? shown : `${shown} (<code>${escapeHtml(href)}</code>)`;
      },
      codespan: ({ text: code }: Tokens.Codespan) => `<code>${breakable(code)}</code>`,
      image: ({ text: description }: Tokens.Image) => escapeHtml(description),
      html: ({ text: source }: Tokens.HTML | Tokens.Tag) => (source.startsWith('<!--') ? '' : escapeHtml(source)),
      code: ({ text: code, lang }: Tokens.Code) =>
        lang === 'mermaid' ? diagram(code, diagramUrl(code)) : codeBlock(code, lang ?? ''),
    },
  });
  return new Html(marked.parse(text, { async: false }));
}

/** Code under a bar that names its language; the page's script adds a button to the bar, where it covers no code. */
function codeBlock(code: string, language: string): string {
  const name = escapeHtml(language);
  const kind = language === '' ? '' : ` data-language="${name}"`;
  return `<figure class="code"${kind}><figcaption>${name}</figcaption><pre><code>${escapeHtml(code)}</code></pre></figure>\n`;
}

/** A diagram as a picture, with its source for readers who cannot see it; without a picture the source alone. */
function diagram(source: string, url: string | undefined): string {
  if (url === undefined) return codeBlock(source, 'mermaid');
  const [kind = ''] = source.split('\n');
  const picture = `<a href="${escapeHtml(url)}"><img src="${escapeHtml(url)}" alt="Diagram: ${escapeHtml(kind)}"></a>`;
  return `<figure class="diagram"><div>${picture}</div><details><summary>Mermaid</summary>${codeBlock(source, '')}</details></figure>\n`;
}

/** The anchor of a heading: lower case, words joined by hyphens. */
export function slugOf(title: string): string {
  const plain = title.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '');
  return plain.trim().replaceAll(/\s+/g, '-');
}
