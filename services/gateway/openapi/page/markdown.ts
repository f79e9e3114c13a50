import { Marked, type Tokens } from 'marked';
import { breakable, escapeHtml, Html } from './html.ts';

/** Where a link of a page leads here; undefined when it leads nowhere. */
export type LinkTo = (href: string) => string | undefined;

/**
 * Markdown of our own as HTML that needs no other host: links that lead elsewhere are shown as text with their address,
 * pictures as their description, diagrams as their source, and HTML as it is written.
 */
export function markdown(text: string, linkTo: LinkTo): Html {
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
      code: ({ text: code, lang }: Tokens.Code) => codeBlock(code, lang ?? ''),
    },
  });
  return new Html(marked.parse(text, { async: false }));
}

/** Code with a button that copies it. */
export function codeBlock(code: string, language: string): string {
  const caption = language === 'mermaid' ? '<figcaption>Diagram (Mermaid source)</figcaption>' : '';
  const kind = language === '' ? '' : ` data-language="${escapeHtml(language)}"`;
  return `<figure class="code"${kind}>${caption}<pre><code>${escapeHtml(code)}</code></pre></figure>\n`;
}

/** The anchor of a heading: lower case, words joined by hyphens. */
export function slugOf(title: string): string {
  const plain = title.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '');
  return plain.trim().replaceAll(/\s+/g, '-');
}
